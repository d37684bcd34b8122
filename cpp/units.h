// The list of the active units of a minibatch.
#pragma once

#include "kernels.h"
#include "types.h"

namespace truezero {

// Storage of the active units of a tile.
template <class T>
class ActiveList {
 public:
  ActiveList(Index max_examples, Index max_units, bool with_gain)
      : rows_(max_units + 1), start_(max_units + 1), example_(max_examples * max_units + 1),
        value_(max_examples * max_units + 1), gain_(with_gain ? max_examples * max_units + 1 : 0),
        bits_((max_examples + 31) / 32 * 16), with_gain_(with_gain) {}

  // Lists, unit by unit, the examples for which its output h (or its gain, where that is kept) is not
  // zero, or all of them.
  void collect(const Kernels<T>& kernels, const T* h, const T* gain, Index n, Index width, Index stride, Index first_unit,
               bool all) {
    n_rows_ = kernels.collect_units(h, with_gain_ ? gain : h, n, width, stride, static_cast<std::int32_t>(first_unit), all,
                                    {rows_.get(), start_.get(), example_.get(), value_.get(),
                                     with_gain_ ? gain_.get() : nullptr, bits_.get()});
    full_ = all ? n : 0;
  }

  ActiveRows<T> view() const { return {n_rows_, rows_.get(), start_.get(), example_.get(), value_.get(), full_}; }
  const T* gain() const { return gain_.get(); }  // dh/dz per entry

 private:
  std::int64_t n_rows_ = 0, full_ = 0;
  Buffer<std::int32_t> rows_;
  Buffer<std::int64_t> start_;
  Buffer<std::int32_t> example_;
  Buffer<T> value_, gain_;
  Buffer<std::uint32_t> bits_;
  bool with_gain_;
};

}  // namespace truezero
