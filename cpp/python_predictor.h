// A network made ready for prediction, as Python has it.
#pragma once

#include <nanobind/stl/vector.h>

#include <memory>
#include <mutex>
#include <vector>

#include "predictor.h"
#include "python_views.h"

namespace truezero {
namespace {

template <class T>
nb::object to_numpy(std::vector<T>&& values) {
  auto* kept = new std::vector<T>(std::move(values));
  const nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  return nb::cast(nb::ndarray<nb::numpy, T, nb::ndim<1>>(kept->data(), {kept->size()}, owner));
}

// Holds on to the network's arrays.
template <class T, class W = T>
class PyPredictor {
 public:
  explicit PyPredictor(const nb::tuple& network) : network_(network), predictor_(network_view<const T, W>(network)) {}

  // The number of zeros and the units ever active per hidden layer, or None if they are not counted.
  nb::object evaluate(const nb::tuple& input, const nb::object& to, Products products, bool count, int n_threads) {
    const RowsView view = rows(input);
    const auto output = array<T, 2>(to, "the output");
    require(static_cast<Index>(output.shape(0)) == view.n_rows &&
                static_cast<Index>(output.shape(1)) == predictor_.network().layers.back().n_out,
            "the output has another shape");
    Counts counts;
    run([&](Predictor<T, W>& predictor) {
      return predictor.evaluate(view, products, n_threads, signals(), output.data(), count ? &counts : nullptr);
    });
    if (!count) return nb::none();
    nb::list ever_active;
    for (auto& units : counts.ever_active) ever_active.append(to_numpy(std::move(units)));
    return nb::make_tuple(counts.zeros, ever_active);
  }

  // The output of plain dense rows, and no more: what is called for one row after the other.
  void forward(const nb::ndarray<const T, nb::ndim<2>, nb::c_contig, nb::device::cpu>& input,
               const nb::ndarray<T, nb::ndim<2>, nb::c_contig, nb::device::cpu>& output, int n_threads) {
    const auto& layers = predictor_.network().layers;
    require(static_cast<Index>(input.shape(1)) == layers[0].n_in, "the network takes another number of features");
    require(output.shape(0) == input.shape(0) && static_cast<Index>(output.shape(1)) == layers.back().n_out,
            "the output has another shape");
    RowsView view;
    view.n_rows = static_cast<Index>(input.shape(0));
    view.n_cols = layers[0].n_in;
    view.number = std::is_same_v<T, float> ? Number::f32 : Number::f64;
    view.data = input.data();
    view.row_stride = view.n_cols;
    run([&](Predictor<T, W>& predictor) {
      return predictor.evaluate(view, Products::automatic, n_threads, signals(), output.data(), nullptr);
    });
  }

  nb::tuple encode(const nb::tuple& input, Index layer, int n_threads) {
    const RowsView view = rows(input);
    require(layer >= 0 && layer < predictor_.network().n_hidden(), "no such hidden layer");
    Code<T> code;
    run([&](Predictor<T, W>& predictor) { return predictor.encode(view, layer, n_threads, signals(), code); });
    return nb::make_tuple(to_numpy(std::move(code.data)), to_numpy(std::move(code.indices)),
                          to_numpy(std::move(code.indptr)));
  }

 private:
  RowsView rows(const nb::tuple& input) const {
    const RowsView view = rows_view<T>(input);
    require(view.n_cols == predictor_.network().layers[0].n_in, "the network takes another number of features");
    return view;
  }

  // One caller at a time has a predictor; whoever comes meanwhile gets another one, which is kept for the next time.
  template <class Work>
  void run(Work&& work) {
    bool finished;
    {
      const nb::gil_scoped_release release;
      const std::unique_lock<std::mutex> alone(busy_, std::try_to_lock);
      if (alone.owns_lock()) {
        finished = work(predictor_);
      } else {
        std::unique_ptr<Predictor<T, W>> another = lend();
        finished = work(*another);
        const std::lock_guard<std::mutex> lock(idle_mutex_);
        idle_.push_back(std::move(another));
      }
    }
    if (!finished) throw nb::python_error();
  }

  std::unique_ptr<Predictor<T, W>> lend() {
    {
      const std::lock_guard<std::mutex> lock(idle_mutex_);
      if (!idle_.empty()) {
        auto predictor = std::move(idle_.back());
        idle_.pop_back();
        return predictor;
      }
    }
    return std::make_unique<Predictor<T, W>>(predictor_.network());
  }

  nb::tuple network_;
  Predictor<T, W> predictor_;
  std::mutex busy_, idle_mutex_;
  std::vector<std::unique_ptr<Predictor<T, W>>> idle_;
};

template <class T, class W = T>
void bind_predictor(nb::module_& m, const char* name) {
  using Bound = PyPredictor<T, W>;
  nb::class_<Bound> bound(m, name);
  bound.def(nb::init<const nb::tuple&>())
      .def("forward", &Bound::forward, nb::arg().noconvert(), nb::arg().noconvert(), nb::arg());
  if constexpr (std::is_same_v<T, W>) bound.def("evaluate", &Bound::evaluate).def("encode", &Bound::encode);
}

}  // namespace
}  // namespace truezero
