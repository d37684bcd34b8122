// What a network computes for rows, without dropout: outputs, zeros counted, or one layer's code.
#pragma once

#include "types.h"

namespace truezero {

struct Counts {
  std::vector<std::int64_t> zeros;                     // per hidden layer
  std::vector<std::vector<std::uint8_t>> ever_active;  // per hidden layer and unit
};

// How products with the units of a layer are made: skipping zeros, with all, or whichever is faster.
enum class Products { automatic, sparse, dense };

// Compressed sparse rows of exactly the active units.
template <class T>
struct Code {
  std::vector<std::int64_t> indptr;
  std::vector<std::int32_t> indices;
  std::vector<T> data;
};

// output[n_rows][n_outputs], and counts where they are wanted. Every row alone gives the bits it gives
// among others. False if cancelled.
template <class T>
bool evaluate(const NetworkView<T>& network, const RowsView& input, Products products, int n_threads,
              const Cancelled& cancelled, T* output, Counts* counts);

template <class T>
bool encode(const NetworkView<T>& network, const RowsView& input, Index layer, int n_threads,
            const Cancelled& cancelled, Code<T>& result);

}  // namespace truezero
