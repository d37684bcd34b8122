// A layer's weights as prediction goes through them.
#pragma once

#include <algorithm>
#include <vector>

#include "block.h"
#include "kernels.h"
#include "types.h"

namespace truezero {

// By kBlock columns, each packed when the thread whose they are first asks: kBlock rows of kTile columns, then the next
// columns of these rows, then the next rows; what lies behind the last column is 0. Memory that is never packed is never
// touched.
template <class T, class W>
class PackedLayer {
 public:
  using Layer = typename NetworkView<T, W>::Layer;

  explicit PackedLayer(const Layer& layer)
      : weights_(size(layer), size(layer) * static_cast<Index>(sizeof(W)) >= kHugePages),
        packed_(static_cast<std::size_t>(round_up(layer.n_out, kBlock) / kBlock), 0) {}

  // Columns t * kBlock and following, packed when they are first asked for; no two threads may ask for the same.
  const W* columns(const Layer& layer, Index t) {
    W* const weights = weights_.get() + t * kBlock * layer.n_in;
    if (packed_[static_cast<std::size_t>(t)]) return weights;
    for (Index row = 0; row < layer.n_in; ++row) {
      const Index block = row / kBlock * kBlock, n_rows = std::min(kBlock, layer.n_in - block);
      for (Index column = 0; column < kBlock; column += kTile<T>) {
        const Index first = t * kBlock + column, n = std::clamp<Index>(layer.n_out - first, 0, kTile<T>);
        W* to = weights + block * kBlock + column * n_rows + (row - block) * kTile<T>;
        std::copy_n(layer.weights + row * layer.n_out + first, n, to);
        std::fill(to + n, to + kTile<T>, W{});
      }
    }
    packed_[static_cast<std::size_t>(t)] = 1;
    return weights;
  }

 private:
  static Index size(const Layer& layer) { return layer.n_in * round_up(layer.n_out, kBlock); }

  Buffer<W> weights_;
  std::vector<std::uint8_t> packed_;
};

}  // namespace truezero
