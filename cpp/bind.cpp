// The only file that knows Python.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <mutex>
#include <type_traits>

#include "autoencoder.h"
#include "bandwidth.h"
#include "cores.h"
#include "dispatch.h"
#include "predictor.h"
#include "trainer.h"

namespace nb = nanobind;
using namespace truezero;

namespace {

template <class T, std::size_t Dimensions>
using Array = nb::ndarray<T, nb::ndim<Dimensions>, nb::c_contig, nb::device::cpu>;
using AnyConstArray = nb::ndarray<nb::ro, nb::device::cpu>;

void require(bool condition, const char* message) {
  if (!condition) throw nb::value_error(message);
}

template <class T>
constexpr const char* kNameOf = std::is_same_v<T, float>    ? "float32"
                                : std::is_same_v<T, double> ? "float64"
                                : std::is_same_v<T, std::uint16_t> ? "uint16"
                                                                   : "int64";

// No conversion: what is written must be the caller's own memory. `T` without const: it will be written.
template <class T, std::size_t Dimensions>
Array<T, Dimensions> array(nb::handle from, const char* what) {
  Array<T, Dimensions> result;
  if (!nb::try_cast(from, result, false)) {
    const std::string wanted = std::string(std::is_const_v<T> ? "a" : "a writable") + " C-contiguous array of " +
                               kNameOf<std::remove_const_t<T>> + " with " + std::to_string(Dimensions) + " dimension" +
                               (Dimensions == 1 ? "" : "s");
    throw nb::value_error((std::string(what) + " must be " + wanted).c_str());
  }
  return result;
}

AnyConstArray any_array(nb::handle from, const char* what) {
  AnyConstArray result;
  if (!nb::try_cast(from, result, false)) throw nb::value_error((std::string(what) + " must be an array").c_str());
  return result;
}

// (weights, biases, activation codes, sign masks, softplus scale, use_biases, softmax). A: const T where nothing is
// trained, and read-only arrays are welcome. Weights are W's, of which NumPy knows none but T: it has others' bits.
template <class A, class W = std::remove_const_t<A>>
auto network_view(const nb::tuple& network) {
  using T = std::remove_const_t<A>;
  using Stored = std::conditional_t<std::is_same_v<W, T>, A, const std::uint16_t>;
  require(network.size() == 7, "a network has 7 parts");
  const auto weights = nb::cast<nb::list>(network[0]), biases = nb::cast<nb::list>(network[1]);
  const auto activations = nb::cast<std::vector<int>>(network[2]);
  const auto signs = nb::cast<nb::list>(network[3]);
  NetworkView<T, W> view;
  const std::size_t n = weights.size();
  require(n > 0 && biases.size() == n && activations.size() == n - 1 && signs.size() == n - 1,
          "the network's lists have different lengths");
  for (std::size_t l = 0; l < n; ++l) {
    const auto w = array<Stored, 2>(weights[l], "weights");
    const auto b = array<A, 1>(biases[l], "biases");
    const T* sign = nullptr;
    if (l + 1 < n && !signs[l].is_none()) {
      const auto s = array<const T, 1>(signs[l], "a sign mask");
      require(s.shape(0) == w.shape(1), "a sign mask of the wrong length");
      sign = s.data();
    }
    require(b.shape(0) == w.shape(1) && (l == 0 || static_cast<Index>(w.shape(0)) == view.layers.back().n_out),
            "layers that do not fit each other");
    require(w.size() > 0, "a layer without units");
    require(l + 1 == n || (activations[l] >= 0 && activations[l] < kActivations), "no such activation");
    view.layers.push_back({static_cast<Index>(w.shape(0)), static_cast<Index>(w.shape(1)),
                           const_cast<W*>(reinterpret_cast<const W*>(w.data())), const_cast<T*>(b.data()),
                           l + 1 < n ? activations[l] : 0, sign});
  }
  view.softplus_scale = nb::cast<double>(network[4]);
  view.use_biases = nb::cast<bool>(network[5]);
  view.softmax = nb::cast<bool>(network[6]);
  return view;
}

Number number_of(const AnyConstArray& a) {
  if (a.dtype() == nb::dtype<std::uint8_t>()) return Number::u8;
  if (a.dtype() == nb::dtype<float>()) return Number::f32;
  require(a.dtype() == nb::dtype<double>(), "numbers must be uint8, float32 or float64");
  return Number::f64;
}

// That nothing outside of the arrays will be read: indptr first, as it says what may be looked at.
void check_rows(const std::int64_t* indptr, Index n_rows, Index n_entries) {
  require(indptr[0] == 0, "CSR: indptr must begin with 0");
  bool ascends = true;
  for (Index row = 0; row < n_rows; ++row) ascends &= indptr[row] <= indptr[row + 1];
  require(ascends, "CSR: indptr decreases");
  require(indptr[n_rows] <= n_entries, "CSR: indptr points behind the end of the data");
}

// Where columns ascend, the first and the last of a row bound the others.
template <class I>
void check_columns(const I* column, const std::int64_t* indptr, Index n_rows, Index n_cols) {
  bool ascends = true, within = true;
  for (Index row = 0; row < n_rows; ++row) {
    const Index first = indptr[row], end = indptr[row + 1];
    if (first == end) continue;
    for (Index k = first + 1; k < end; ++k) ascends &= column[k - 1] < column[k];
    within &= column[first] >= 0 && column[end - 1] < n_cols;
  }
  require(ascends, "CSR: the column indices of a row must ascend, each only once");
  require(within, "CSR: a column index is out of range");
}

// A dense matrix, or (data, indices, indptr, n_cols).
RowsView numbers_view(const nb::object& x) {
  RowsView view;
  if (!nb::isinstance<nb::tuple>(x)) {
    const auto dense = any_array(x, "rows");
    require(dense.ndim() == 2 && (dense.shape(1) < 2 || dense.stride(1) == 1), "rows must be contiguous");
    view.n_rows = static_cast<Index>(dense.shape(0));
    view.n_cols = static_cast<Index>(dense.shape(1));
    view.number = number_of(dense);
    view.data = dense.data();
    view.row_stride = dense.stride(0);
    return view;
  }
  const auto parts = nb::cast<nb::tuple>(x);
  require(parts.size() == 4, "CSR has 4 parts");
  const auto data = any_array(parts[0], "CSR: data"), indices = any_array(parts[1], "CSR: indices");
  const auto indptr = array<const std::int64_t, 1>(parts[2], "CSR: indptr");
  require(indptr.shape(0) > 0 && data.ndim() == 1 && indices.ndim() == 1, "CSR: wrong shapes");
  require((data.shape(0) < 2 || data.stride(0) == 1) && (indices.shape(0) < 2 || indices.stride(0) == 1),
          "CSR: data and indices must be contiguous");
  require(data.shape(0) == indices.shape(0), "CSR: data and indices must have one length");
  view.sparse = true;
  view.n_rows = static_cast<Index>(indptr.shape(0)) - 1;
  view.n_cols = nb::cast<Index>(parts[3]);
  view.number = number_of(data);
  view.data = data.data();
  view.indptr = indptr.data();
  view.indices = indices.data();
  view.wide_indices = indices.dtype() == nb::dtype<std::int64_t>();
  require(view.wide_indices || indices.dtype() == nb::dtype<std::int32_t>(), "CSR: indices must be int32 or int64");
  require(view.n_cols <= std::numeric_limits<std::int32_t>::max(), "CSR: too many columns");
  check_rows(view.indptr, view.n_rows, static_cast<Index>(data.shape(0)));
  if (view.wide_indices) {
    check_columns(static_cast<const std::int64_t*>(view.indices), view.indptr, view.n_rows, view.n_cols);
  } else {
    check_columns(static_cast<const std::int32_t*>(view.indices), view.indptr, view.n_rows, view.n_cols);
  }
  return view;
}

// A number, or one per column; W: what values are computed in.
template <class W>
PerColumn per_column(const nb::object& from, Index n_cols) {
  const auto finite = [](auto number) { return std::abs(number) <= std::numeric_limits<W>::max(); };
  PerColumn of{};
  if (nb::isinstance<nb::float_>(from)) {
    of.all = nb::cast<double>(from);
    require(finite(of.all), "the scale and offset of rows must be finite");
    return of;
  }
  const auto each = array<const W, 1>(from, "a scale or offset per column");
  require(static_cast<Index>(each.shape(0)) == n_cols, "one scale or offset per column is needed");
  require(std::all_of(each.data(), each.data() + n_cols, finite), "the scale and offset of rows must be finite");
  of.each = each.data();
  return of;
}

// (numbers, scale, offset)
template <class T>
RowsView rows_view(const nb::tuple& input) {
  require(input.size() == 3, "input has 3 parts");
  RowsView view = numbers_view(input[0]);
  const auto read = view.number == Number::f64 ? per_column<double> : per_column<T>;
  view.scale = read(input[1], view.n_cols);
  view.offset = read(input[2], view.n_cols);
  require(!view.sparse || !view.has_offset(), "CSR has no offset");
  return view;
}

// Lets Ctrl-C through, 20 times a second. The handler's exception waits for the call to end.
Cancelled signals() {
  using Clock = std::chrono::steady_clock;
  return [last = Clock::now()]() mutable {
    const auto now = Clock::now();
    if (now - last < std::chrono::milliseconds(50)) return false;
    last = now;
    const nb::gil_scoped_acquire gil;
    return PyErr_CheckSignals() != 0;
  };
}

using Longs = Array<const std::int64_t, 1>;

// Whether all are at least 0 and below `end`.
bool within(const Longs& numbers, Index end) {
  return std::all_of(numbers.data(), numbers.data() + numbers.shape(0), [=](auto n) { return n >= 0 && n < end; });
}

// Input and ids of a training, checked with its settings.
template <class T>
ExamplesView<T> examples_view(const NetworkView<T>& network, const nb::tuple& input,
                              const Longs& ids, const Longs& order, const StepSettings& settings) {
  ExamplesView<T> examples;
  examples.input = rows_view<T>(input);
  require(examples.input.n_cols == network.layers[0].n_in, "the network takes another number of features");
  require(static_cast<Index>(settings.l1.size()) == network.n_hidden(), "one l1 per hidden layer is needed");
  require(settings.dense.empty() || settings.dense.size() == network.layers.size(), "one choice per layer is needed");
  require(settings.batch_size > 0, "batch_size must be above 0");
  require(static_cast<Index>(ids.shape(0)) == examples.input.n_rows, "one id per row is needed");
  require(within(ids, Index{1} << 32), "ids must be at least 0 and below 2^32");
  examples.ids = ids.data();
  require(within(order, examples.input.n_rows), "order: a row that is not there");
  return examples;
}

template <class T>
const T* values_view(const nb::object& target, Index n_rows, Index n_outputs) {
  const auto values = array<const T, 2>(target, "targets");
  require(static_cast<Index>(values.shape(0)) == n_rows && static_cast<Index>(values.shape(1)) == n_outputs,
          "one row of values per row is needed");
  return values.data();
}

// Calls work(cancelled) without the interpreter's lock.
template <class Work>
std::pair<double, double> without_gil(Work&& work) {
  Tally tally;
  {
    const nb::gil_scoped_release release;
    tally = work(signals());
  }
  if (!tally.finished) throw nb::python_error();
  return {tally.loss, tally.penalty};
}

template <class T>
std::pair<double, double> train_(const nb::tuple& network, const nb::tuple& input, const nb::object& target,
                                 const nb::object& weight, const nb::object& all_ids, const nb::object& all_order,
                                 const StepSettings& settings, int n_threads) {
  const NetworkView<T> view = network_view<T>(network);
  const auto ids = array<const std::int64_t, 1>(all_ids, "ids"), order = array<const std::int64_t, 1>(all_order, "order");
  ExamplesView<T> examples = examples_view(view, input, ids, order, settings);
  const auto n_rows = static_cast<std::size_t>(examples.input.n_rows);
  if (view.softmax) {
    const auto classes = array<const std::int64_t, 1>(target, "classes");
    require(classes.shape(0) == n_rows, "one class per row is needed");
    require(within(classes, view.layers.back().n_out), "a class that the network does not know");
    examples.classes = classes.data();
  } else {
    examples.values = values_view<T>(target, examples.input.n_rows, view.layers.back().n_out);
  }
  if (!weight.is_none()) {
    const auto weights = array<const double, 1>(weight, "weights of rows");
    require(weights.shape(0) == n_rows, "one weight per row is needed");
    examples.weight = weights.data();
  }
  return without_gil([&](const Cancelled& cancelled) {
    return train(view, examples, order.data(), static_cast<Index>(order.shape(0)), settings, n_threads, cancelled);
  });
}

template <class T>
std::pair<double, double> train_autoencoder_(const nb::tuple& network, const nb::tuple& input,
                                             const nb::object& target, const nb::object& all_ids,
                                             const nb::object& all_order, const AutoencoderSettings& settings,
                                             int n_threads) {
  const NetworkView<T> view = network_view<T>(network);
  const auto ids = array<const std::int64_t, 1>(all_ids, "ids"), order = array<const std::int64_t, 1>(all_order, "order");
  ExamplesView<T> examples = examples_view(view, input, ids, order, settings);
  require(view.layers.size() == 2 && view.layers[0].n_in == view.layers[1].n_out && !view.softmax &&
              !view.layers[0].signs,
          "not an auto-encoder");
  require(settings.reconstruction >= 0 && settings.reconstruction < kReconstructions && settings.target >= 0 &&
              settings.target <= static_cast<int>(TargetKind::squashed_magnitude),
          "no such reconstruction");
  if (!target.is_none()) examples.values = values_view<T>(target, examples.input.n_rows, examples.input.n_cols);
  return without_gil([&](const Cancelled& cancelled) {
    return train_autoencoder<T>(view, examples, order.data(), static_cast<Index>(order.shape(0)), settings, n_threads,
                                cancelled);
  });
}

template <class T>
nb::object to_numpy(std::vector<T>&& values) {
  auto* kept = new std::vector<T>(std::move(values));
  const nb::capsule owner(kept, [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  return nb::cast(nb::ndarray<nb::numpy, T, nb::ndim<1>>(kept->data(), {kept->size()}, owner));
}

// A network made ready for prediction; holds on to the network's arrays.
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

std::vector<std::string> names(const std::vector<const Level*>& levels) {
  std::vector<std::string> all;
  for (const Level* level : levels) all.push_back(level->name);
  return all;
}

}  // namespace

NB_MODULE(_native, m) {
  nb::exception<LevelUnavailable>(m, "LevelUnavailable", PyExc_RuntimeError);
  nb::enum_<Products>(m, "Products")
      .value("automatic", Products::automatic)
      .value("sparse", Products::sparse)
      .value("dense", Products::dense);
  nb::class_<StepSettings>(m, "StepSettings")
      .def(nb::init<>())
      .def_rw("learning_rate", &StepSettings::learning_rate)
      .def_rw("batch_size", &StepSettings::batch_size)
      .def_rw("l1", &StepSettings::l1)
      .def_rw("dense", &StepSettings::dense)
      .def_rw("dropout", &StepSettings::dropout)
      .def_rw("input_dropout", &StepSettings::input_dropout)
      .def_rw("dropout_threshold", &StepSettings::dropout_threshold)
      .def_rw("input_dropout_threshold", &StepSettings::input_dropout_threshold)
      .def_rw("max_norm", &StepSettings::max_norm)
      .def_rw("weight_decay", &StepSettings::weight_decay)
      .def_rw("epoch", &StepSettings::epoch)
      .def_rw("seed", &StepSettings::seed);
  nb::class_<AutoencoderSettings, StepSettings>(m, "AutoencoderSettings")
      .def(nb::init<>())
      .def_rw("stack_layer", &AutoencoderSettings::stack_layer)
      .def_rw("zeros_threshold", &AutoencoderSettings::zeros_threshold)
      .def_rw("ones_threshold", &AutoencoderSettings::ones_threshold)
      .def_rw("noise_deviation", &AutoencoderSettings::noise_deviation)
      .def_rw("reconstruction", &AutoencoderSettings::reconstruction)
      .def_rw("target", &AutoencoderSettings::target)
      .def_rw("bounded", &AutoencoderSettings::bounded)
      .def_rw("deviation", &AutoencoderSettings::deviation)
      .def_rw("tied", &AutoencoderSettings::tied)
      .def_rw("sampling", &AutoencoderSettings::sampling)
      .def_rw("sampling_threshold", &AutoencoderSettings::sampling_threshold);
  m.def("train_float32", &train_<float>, nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg(), nb::arg(),
        nb::arg());
  m.def("train_float64", &train_<double>, nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg(), nb::arg(),
        nb::arg());
  m.def("train_autoencoder_float32", &train_autoencoder_<float>, nb::arg(), nb::arg(), nb::arg().none(), nb::arg(),
        nb::arg(), nb::arg(), nb::arg());
  m.def("train_autoencoder_float64", &train_autoencoder_<double>, nb::arg(), nb::arg(), nb::arg().none(), nb::arg(),
        nb::arg(), nb::arg(), nb::arg());
  bind_predictor<float>(m, "PredictorFloat32");
  bind_predictor<double>(m, "PredictorFloat64");
  bind_predictor<float, Bfloat16>(m, "PredictorBfloat16");
  m.def("measure_bandwidth", &measure_bandwidth, nb::call_guard<nb::gil_scoped_release>());
  m.def("limit_cores", [](int n) { core_limit() = n; });
  m.def("assume_cores", [](int n) { assumed_cores() = n; });
  m.def("level_in_use", [] { return std::string(level_in_use().name); });
  m.def("use_level", &use_level);
  m.def("available_levels", [] { return names(available_levels()); });
  m.def("compiled_levels", [] { return names(compiled_levels()); });
  m.attr("MANY_EXAMPLES") = kManyExamples;
  m.attr("COMPILER") = TRUEZERO_COMPILER;
  m.attr("SOURCE_HASH") = TRUEZERO_SOURCE_HASH;
}
