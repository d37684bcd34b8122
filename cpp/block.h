// The units of a layer below as prediction goes through them: blocks of kBlock, for a stretch of examples.
#pragma once

#include <algorithm>
#include <numeric>

#include "kernels.h"
#include "types.h"

namespace truezero {

constexpr Index kManyRows = 32;  // rows of a call: from so many on packed weights are worth their copy, and all are read

inline Index round_up(Index n, Index to) { return (n + to - 1) / to * to; }

// A block of units of one layer, for a stretch of examples.
template <class T>
struct Block {
  Index n_units = 0;
  bool dense = false;
  Index n_touched = 0;
  Buffer<std::int32_t> start, unit, touched;  // touched: units that are active in any example
  Buffer<T> value, h;

  explicit Block(Index n)
      : start(n + 1), unit(n * kBlock + 16), touched(kBlock + 16), value(n * kBlock + 16), h(n * kBlock) {}

  // From outputs x[example][kBlock], n_units of them; what follows must be 0.
  void fill(const Kernels<T>& kernels, const T* x, Index n, Index units, double densest) {
    n_units = units;
    std::int32_t end = 0;
    for (Index b = 0; b < n; ++b) {
      start[b] = end;
      end += static_cast<std::int32_t>(
          kernels.collect(x + b * kBlock, round_up(units, 16), 0, unit.get() + end, value.get() + end));
    }
    start[n] = end;
    dense = end > densest * static_cast<double>(n * units);
    if (dense) std::copy_n(x, n * kBlock, h.get());
    touch(kernels, n);
  }

  // Of many examples nearly every unit is active in one.
  void touch(const Kernels<T>& kernels, Index n) {
    n_touched = n_units;
    if (dense || n >= kManyRows) return std::iota(touched.get(), touched.get() + n_units, 0);
    T any[kBlock] = {}, same[kBlock + 16];
    for (Index k = 0; k < start[n]; ++k) any[unit[k]] = 1;
    n_touched = kernels.collect(any, kBlock, 0, touched.get(), same);
  }

  ActiveBlock<T> view() const { return {start.get(), unit.get(), value.get()}; }
};

}  // namespace truezero
