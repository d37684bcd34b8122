// The units of a layer below as prediction goes through them: blocks of kBlock, for a stretch of examples.
#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include "kernels.h"
#include "types.h"

namespace truezero {

constexpr Index kManyRows = 32;  // rows of a call: from so many on packed weights are worth their copy, and all are read
constexpr Index kPart = 64;      // units of a block, so few that their weights fill half of the first-level cache
static_assert(kBlock % kPart == 0 && kPart % 16 == 0);

inline Index round_up(Index n, Index to) { return (n + to - 1) / to * to; }

// A block of units of one layer, for a stretch of examples; one goes through it in parts of `part` units.
template <class T>
struct Block {
  // A part's active units, not listed if the block is dense, of which n_touched are active in any example.
  struct Part {
    ActiveBlock<T> active;
    Index first, n_units, n_touched;
    const std::int32_t* touched;
  };

  Index n_units = 0, n_parts = 0;
  bool dense = false;
  Buffer<T> h;

  Block(Index n, Index part)
      : h(n * kBlock), part_(part), start_((n + 1) * (kBlock / part)), unit_(n * kBlock + 16), touched_(kBlock + 16),
        value_(n * kBlock + 16), touched_until_(static_cast<std::size_t>(kBlock / part) + 1, 0) {}

  Part part(Index p) const {
    const auto until = static_cast<std::size_t>(p);
    return {{start_.get() + p * stride_, unit_.get(), value_.get()}, p * part_, units_of(p),
            touched_until_[until + 1] - touched_until_[until], touched_.get() + touched_until_[until]};
  }

  // From outputs x[example][kBlock], `units` of them; what follows, up to a multiple of 16, must be 0.
  void fill(const Kernels<T>& kernels, const T* x, Index n, Index units, double densest) {
    n_units = units;
    n_parts = (units + part_ - 1) / part_;
    stride_ = n + 1;
    const double most = densest * static_cast<double>(n * units);  // listed; a block of more is multiplied whole
    std::int32_t end = 0;
    for (Index p = 0; p < n_parts && end <= most; ++p) {
      const Index first = p * part_;
      std::int32_t* start = start_.get() + p * stride_;
      for (Index b = 0; b < n && end <= most; ++b) {
        start[b] = end;
        end += static_cast<std::int32_t>(kernels.collect(x + b * kBlock + first, round_up(units_of(p), 16),
                                                         static_cast<std::int32_t>(first), unit_.get() + end,
                                                         value_.get() + end));
      }
      start[n] = end;
    }
    dense = end > most;
    if (dense) std::copy_n(x, n * kBlock, h.get());
    touch(kernels, n);
  }

 private:
  Index units_of(Index p) const { return std::min(part_, n_units - p * part_); }

  // Of many examples nearly every unit is active in one.
  void touch(const Kernels<T>& kernels, Index n) {
    const bool all = dense || n >= kManyRows;
    T any[kBlock + 16] = {}, same[kBlock + 16];
    const Index active = all ? 0 : start_[(n_parts - 1) * stride_ + n];
    for (Index k = 0; k < active; ++k) any[unit_[k]] = 1;
    for (Index p = 0, end = 0; p < n_parts; ++p) {
      const auto first = static_cast<std::int32_t>(p * part_);
      std::int32_t* to = touched_.get() + end;
      if (all) std::iota(to, to + units_of(p), first);
      end += all ? units_of(p) : kernels.collect(any + first, round_up(units_of(p), 16), first, to, same);
      touched_until_[static_cast<std::size_t>(p) + 1] = end;
    }
  }

  const Index part_;
  Index stride_ = 0;
  Buffer<std::int32_t> start_, unit_, touched_;  // start_[part][example + 1]
  Buffer<T> value_;
  std::vector<Index> touched_until_;  // of each part; 0 before the first
};

}  // namespace truezero
