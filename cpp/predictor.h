// What a network computes for rows, without dropout: outputs, zeros counted, or one layer's code.
#pragma once

#include <memory>

#include "kernels.h"
#include "rows.h"
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

template <class T, class W>
class PackedLayer;

template <class T, class W>
class Forward;

// Predicts with one network, whose arrays must outlive it and stay as they are: many rows, and some for the second
// time, are predicted with a packed copy of the weights, made when it is first needed. Memory for the work is kept from
// call to call. Every row alone gives the bits it gives among others.
template <class T, class W = T>
class Predictor {
 public:
  explicit Predictor(NetworkView<T, W> network);
  ~Predictor();

  const NetworkView<T, W>& network() const { return network_; }

  // output[n_rows][n_outputs], and counts where they are wanted. False if cancelled.
  bool evaluate(const RowsView& input, Products products, int n_threads, const Cancelled& cancelled, T* output,
                Counts* counts);
  bool encode(const RowsView& input, Index layer, int n_threads, const Cancelled& cancelled, Code<T>& result);

 private:
  Forward<T, W>& forward(const RowsView& input, Index n_layers, Products products, int n_threads);

  NetworkView<T, W> network_;
  std::vector<PackedLayer<T, W>> packed_;
  const bool from_memory_;  // whether weights come from there, not from a cache
  bool called_with_several_ = false;
  std::vector<std::unique_ptr<Forward<T, W>>> forwards_;  // for the shapes of the last calls, the latest first
};

}  // namespace truezero
