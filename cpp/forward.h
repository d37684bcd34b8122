// What a network computes for rows, without dropout: outputs, zeros counted, or one layer's code.
#pragma once

#include "types.h"

namespace truezero {

template <class T>
struct Evaluation {
  T* output;                                       // [n_rows][n_outputs], the caller's
  std::vector<std::int64_t> zeros;                 // per hidden layer
  std::vector<std::vector<std::uint8_t>> ever_active;  // per hidden layer and unit
};

// Compressed sparse rows of exactly the active units.
template <class T>
struct Code {
  std::vector<std::int64_t> indptr;
  std::vector<std::int32_t> indices;
  std::vector<T> data;
};

// Every row alone gives the bits it gives among others. False if cancelled.
template <class T>
bool evaluate(const NetworkView<T>& network, const RowsView& input, int n_threads, const Cancelled& cancelled,
              Evaluation<T>& result);

template <class T>
bool encode(const NetworkView<T>& network, const RowsView& input, Index layer, int n_threads,
            const Cancelled& cancelled, Code<T>& result);

}  // namespace truezero
