// The list of the active units of a minibatch.
#pragma once

#include "kernels.h"
#include "types.h"

namespace truezero {

// Storage of the active units of a tile.
template <class T>
class ActiveList {
 public:
  ActiveList(Index max_examples, Index max_units)
      : rows_(max_units + 1), start_(max_units + 1), example_(max_examples * max_units + 1),
        value_(max_examples * max_units + 1), bits_((max_examples + 31) / 32 * 16) {}

  // Lists, unit by unit, the examples for which its output h or its gain is not zero, or all of them.
  void collect(const Kernels<T>& kernels, const T* h, const T* gain, Index n, Index width, Index stride, Index first_unit,
               bool all) {
    n_rows_ = kernels.collect_units(h, gain, n, width, stride, static_cast<std::int32_t>(first_unit), all,
                                    {rows_.get(), start_.get(), example_.get(), value_.get(), bits_.get()});
    full_ = all ? n : 0;
  }

  ActiveRows<T> view() const { return {n_rows_, rows_.get(), start_.get(), example_.get(), value_.get(), full_}; }

 private:
  std::int64_t n_rows_ = 0, full_ = 0;
  Buffer<std::int32_t> rows_;
  Buffer<std::int64_t> start_;
  Buffer<std::int32_t> example_;
  Buffer<T> value_;
  Buffer<std::uint32_t> bits_;
};

}  // namespace truezero
