// What becomes of a block of sums: outputs of units, and the list of the active ones.
#pragma once

#include "activation.h"
#include "kernels.h"
#include "types.h"

namespace truezero {

// Sums z[example][unit] become outputs h = s * f(z), with z = scale * sum + bias, in place; `gain`
// (if wanted) becomes dh/dz. Unused pointers are null.
template <class T>
void activate(int activation, double softplus_scale, Index n, Index width, Index stride, const T* column_scale,
              const T* biases, const T* signs, T* z, T* gain) {
  with_activation<T>(activation, softplus_scale, [&](auto f) {
    for (Index b = 0; b < n; ++b) {
      T* row = z + b * stride;
      for (Index j = 0; j < width; ++j) {
        const T sum = (column_scale ? column_scale[j] * row[j] : row[j]) + biases[j];
        const T sign = signs ? signs[j] : T(1);
        row[j] = f.value(sum) * sign + T(0);  // + 0: -0.0 becomes +0.0
        if (gain) gain[b * stride + j] = f.slope(sum) * sign;
      }
    }
  });
}

// Storage of the active units of a block.
template <class T>
class ActiveList {
 public:
  ActiveList(Index max_examples, Index max_units)
      : rows_(max_units), start_(max_units + 1), example_(max_examples * max_units + 1), value_(max_examples * max_units + 1) {}

  // Lists, unit by unit, the examples for which its output or (if given) its gain is not zero:
  // with both zero, a unit neither adds to a sum nor passes on a gradient.
  void collect(const T* h, const T* gain, Index n, Index width, Index stride, Index first_unit) {
    Index n_rows = 0, end = 0;
    for (Index j = 0; j < width; ++j) {
      const Index start = end;
      for (Index b = 0; b < n; ++b) {  // always written, kept only if active: nothing to mispredict
        const T value = h[b * stride + j];
        example_[end] = static_cast<std::int32_t>(b);
        value_[end] = value;
        end += value != 0 || (gain && gain[b * stride + j] != 0);
      }
      rows_[n_rows] = static_cast<std::int32_t>(first_unit + j);
      start_[n_rows] = start;
      n_rows += end != start;
    }
    start_[n_rows] = end;
    n_rows_ = n_rows;
  }

  ActiveRows<T> view() const { return {n_rows_, rows_.get(), start_.get(), example_.get(), value_.get()}; }
  Index entries() const { return start_[n_rows_]; }

 private:
  Index n_rows_ = 0;
  Buffer<std::int32_t> rows_;
  Buffer<std::int64_t> start_;
  Buffer<std::int32_t> example_;
  Buffer<T> value_;
};

}  // namespace truezero
