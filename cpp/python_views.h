// What Python hands over, as views that have been checked.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "rows.h"
#include "trainer.h"
#include "types.h"

namespace nb = nanobind;

namespace truezero {
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

}  // namespace
}  // namespace truezero
