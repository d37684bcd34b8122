// The list of the active units of a minibatch.
#pragma once

#include "kernels.h"
#include "types.h"

namespace truezero {

// Storage of the active units of a block.
template <class T>
class ActiveList {
 public:
  ActiveList(Index max_examples, Index max_units)
      : rows_(max_units), start_(max_units + 1), example_(max_examples * max_units + 1), value_(max_examples * max_units + 1) {}

  // Lists, unit by unit, the examples for which its output is not zero, or all of them.
  void collect(const T* h, Index n, Index width, Index stride, Index first_unit, bool all) {
    collect_where(h, n, width, stride, first_unit, [=](T value, Index) { return all || value != 0; });
  }

  // The same where its output or its gain is not zero: with both zero, a unit neither adds to a sum nor
  // passes on a gradient.
  void collect(const T* h, const T* gain, Index n, Index width, Index stride, Index first_unit) {
    collect_where(h, n, width, stride, first_unit, [=](T value, Index at) { return value != 0 || gain[at] != 0; });
  }

  ActiveRows<T> view() const { return {n_rows_, rows_.get(), start_.get(), example_.get(), value_.get()}; }

 private:
  template <class Active>
  void collect_where(const T* h, Index n, Index width, Index stride, Index first_unit, Active active) {
    Index n_rows = 0, end = 0;
    for (Index j = 0; j < width; ++j) {
      const Index start = end;
      for (Index b = 0; b < n; ++b) {  // always written, kept only if active: nothing to mispredict
        const T value = h[b * stride + j];
        example_[end] = static_cast<std::int32_t>(b);
        value_[end] = value;
        end += active(value, b * stride + j);
      }
      rows_[n_rows] = static_cast<std::int32_t>(first_unit + j);
      start_[n_rows] = start;
      n_rows += end != start;
    }
    start_[n_rows] = end;
    n_rows_ = n_rows;
  }

  Index n_rows_ = 0;
  Buffer<std::int32_t> rows_;
  Buffer<std::int64_t> start_;
  Buffer<std::int32_t> example_;
  Buffer<T> value_;
};

}  // namespace truezero
