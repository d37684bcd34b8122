// One forward pass of prediction, with memory that is kept for the next one of its shape. All threads work on one
// stretch of rows at a time, each on columns of its own, with a barrier after each layer, so that a weight is read once
// per stretch by one thread.
//
// Weights that are not packed are visited row by row, where they lie. With packed ones a stretch goes block by block of
// kBlock units: kTile columns of their weights come into the first-level cache and all examples pass over them, by
// their list of active units, while the rows of what comes next that any of them needs are on their way. Blocks that are
// mostly active are multiplied whole. What a thread makes in one go, kBlock columns where weights are packed, is called
// a tile of the layer's outputs.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <type_traits>
#include <vector>

#include "block.h"
#include "dispatch.h"
#include "input.h"
#include "packed.h"
#include "predictor.h"
#include "threads.h"
#include "units.h"

namespace truezero {

// Sees every tile of outputs: layer, first unit, number of units, h[example][stride].
template <class T>
using TileDone = std::function<void(int thread, Index start, Index n, Index layer, Index first, Index n_units,
                                    const T* h, Index stride)>;
using StretchDone = std::function<void(Index start, Index n)>;  // on the calling thread

template <class T, class W>
class Forward {
  static constexpr double kDense = 0.6;  // share of active units above which a block is multiplied whole
  static constexpr double kSmall = 2e5;  // products; below, a barrier costs more than the other half of the work

 public:
  // What the memory of a Forward is made for.
  struct Shape {
    Index stretch, n_layers;
    Products products;
    int n_threads;
    bool sparse;   // rows
    bool packed;   // weights
    Index part;    // packed: units of a block that one goes through at a time
    Index widest;  // not packed: most columns of a tile

    bool operator==(const Shape&) const = default;
  };

  Forward(const NetworkView<T, W>& network, std::vector<PackedLayer<T, W>>& packed, const Shape& shape)
      : network_(network), packed_(packed), shape_(shape), kernels_(kernels_in_use<T>()),
        products_(weight_kernels_in_use<T, W>()),
        densest_(shape.products == Products::automatic ? kDense : shape.products == Products::sparse ? 1 : -1),
        team_(network.n_weights() * static_cast<double>(shape.stretch) < kSmall ? 1 : shape.n_threads),
        position_(shape.stretch) {
    const Index n_cols = layer(0).n_in;
    Index widest = shape.sparse ? 0 : n_cols;
    for (Index l = 0; l + 1 < shape.n_layers; ++l) widest = std::max(widest, layer(l).n_out);
    for (int side = 0; side < 2; ++side) {
      for (Index first = 0; shape_.packed && first < widest; first += kBlock) {
        blocks_[side].emplace_back(shape.stretch, shape.part);
      }
    }
    for (int thread = 0; thread < team_.most(); ++thread) {
      Index tile = kBlock;
      for (Index l = 0; !shape_.packed && l < shape.n_layers; ++l) tile = std::max(tile, tile_width(l));
      scratch_.emplace_back(shape.stretch * tile);
      wide_.emplace_back(!shape.packed || std::is_same_v<T, W> ? 0 : kBlock * kTile<T>);
    }
    for (Index l = 0; l < shape.n_layers; ++l) {
      if (shape_.packed) continue;
      active_.emplace_back();
      for (Index first = 0; first < layer(l).n_out; first += tile_width(l)) {
        active_.back().emplace_back(shape.stretch, std::min(tile_width(l), layer(l).n_out - first));
      }
    }
  }

  const Shape& shape() const { return shape_; }

  bool run(const RowsView& input, const Cancelled& cancelled, const TileDone<T>& tile_done,
           const StretchDone& stretch_done) {
    input_ = &input;
    if (shape_.sparse || !shape_.packed) make_room();
    bool stop = false, late = false;
    for (Index done = 0; done < input.n_rows && !stop;) {  // a run takes some milliseconds
      team_.run([&, first = done](int thread) {
        for (Index start = first; start < input.n_rows; start += shape_.stretch) {
          const Index n = std::min(shape_.stretch, input.n_rows - start);
          if (thread == 0) {
            stop = cancelled();
            if (!stop) begin(start, n);
          }
          team_.barrier();
          if (stop) return;
          if (shape_.packed && !shape_.sparse) {
            read_blocks(thread, start, n);
            team_.barrier();
          }
          if (thread == 0) late = team_.late();
          for (Index l = 0; l < shape_.n_layers; ++l) {
            for (Index t = first_tile(thread, l); t < first_tile(thread + 1, l); ++t) {
              tile(thread, l, t, start, n, tile_done);
            }
            team_.barrier();
          }
          if (thread == 0) {
            stretch_done(start, n);
            done = start + n;
          }
          if (late) return;
        }
      });
    }
    return !stop;
  }

 private:
  const typename NetworkView<T, W>::Layer& layer(Index l) const { return network_.layers[static_cast<std::size_t>(l)]; }

  // Not packed: as few tiles as there is room for sums, in which the reader runs along long rows, and as many for each
  // thread.
  Index tile_width(Index l) const {
    if (shape_.packed) return kBlock;
    const Index n_out = layer(l).n_out, most = shape_.widest * team_.most(), rounds = (n_out + most - 1) / most;
    return round_up((n_out + rounds * team_.most() - 1) / (rounds * team_.most()), kBlock);
  }

  Index n_tiles(Index l) const { return (layer(l).n_out + tile_width(l) - 1) / tile_width(l); }
  Index first_tile(int thread, Index l) const { return n_tiles(l) * thread / team_.size(); }

  void make_room() {
    const Index most = Gather<T>::most_entries(*input_, nullptr, input_->n_rows, shape_.stretch);
    if (gather_ && most <= room_) return gather_->use(*input_);
    auto gathered = std::make_unique<Gathered<T>>(*input_, shape_.stretch, most, !input_->sparse);
    gather_ = std::make_unique<Gather<T>>(*input_, kernels_, shape_.stretch, most,
                                          densest_ < 0 ? Listed::all : Listed::non_zeros, !input_->sparse);
    gathered_ = std::move(gathered);
    room_ = most;
  }

  void begin(Index start, Index n) {
    if (!gather_) return;
    for (Index b = 0; b < n; ++b) position_[b] = start + b;
    gather_->gather(*gathered_, position_.get(), n);
  }

  // Dense input rows become blocks like any other layer's.
  void read_blocks(int thread, Index start, Index n) {
    T* x = scratch_[static_cast<std::size_t>(thread)].get();
    const Index n_blocks = (input_->n_cols + kBlock - 1) / kBlock;
    for (Index block = thread; block < n_blocks; block += team_.size()) {
      const Index first = block * kBlock, units = std::min(kBlock, input_->n_cols - first);
      for (Index b = 0; b < n; ++b) {
        read_dense(*input_, start + b, first, units, x + b * kBlock);
        std::fill(x + b * kBlock + units, x + (b + 1) * kBlock, T(0));
      }
      blocks_[0][static_cast<std::size_t>(block)].fill(kernels_, x, n, units, densest_);
    }
  }

  void tile(int thread, Index l, Index t, Index start, Index n, const TileDone<T>& done) {
    const auto& of = layer(l);
    const Index width = tile_width(l), first = t * width, units = std::min(width, of.n_out - first);
    const Index stride = round_up(units, kBlock);
    T* z = scratch_[static_cast<std::size_t>(thread)].get();
    // Rows are added to what is there; blocks begin with =.
    if (!shape_.packed || (l == 0 && gather_)) std::fill_n(z, n * stride, T(0));
    if (l == 0 && gather_) {
      add_rows(gathered_->view, of, first, units, n, z, stride);
    } else if (!shape_.packed) {
      for (const auto& below : active_[static_cast<std::size_t>(l - 1)]) {
        add_rows(below.view(), of, first, units, n, z, stride);
      }
    } else {
      add_blocks(thread, l, t, units, n, z);
    }
    if (l == network_.n_hidden()) {
      for (Index b = 0; b < n; ++b) {
        for (Index j = 0; j < units; ++j) z[b * stride + j] += of.biases[first + j];
      }
    } else {
      kernels_.activate({of.activation, network_.softplus_scale, nullptr, of.biases + first,
                         of.signs ? of.signs + first : nullptr},
                        n, units, stride, z, nullptr);
    }
    done(thread, start, n, l, first, units, z, stride);
    if (l + 1 == shape_.n_layers) return;
    if (shape_.packed) {
      // What lies behind the last unit is read along with it, and is what was there before, or not 0 where an infinite
      // input met the zeros that fill up the weights.
      for (Index b = 0; b < n; ++b) std::fill(z + b * stride + units, z + b * stride + round_up(units, 16), T(0));
      blocks_[(l + 1) % 2][static_cast<std::size_t>(t)].fill(kernels_, z, n, units, densest_);
    } else {
      active_[static_cast<std::size_t>(l)][static_cast<std::size_t>(t)].collect(kernels_, z, z, n, units, stride,
                                                                                first, densest_ < 0);
    }
  }

  void add_rows(const ActiveRows<T>& below, const typename NetworkView<T, W>::Layer& of, Index first, Index units,
                Index n, T* z, Index stride) {
    if (n == 1) {
      products_.forward_one(below.n_rows, below.rows, below.value, of.weights + first, of.n_out, units, z);
    } else {
      products_.forward(below, of.weights + first, of.n_out, units, z, stride);
    }
  }

  // kTile columns of a block's weights as numbers. Those that are kept otherwise are widened into the first-level cache,
  // as far as a part's units need them.
  const T* numbers(const W* weights, const typename Block<T>::Part& part, T* wide) const {
    if constexpr (std::is_same_v<T, W>) {
      return weights;
    } else {
      products_.widen(weights, part.n_touched, part.touched, wide);
      return wide;
    }
  }

  // Block after block, so that its list, or what is given whole, comes from the second-level cache for all columns but
  // the first.
  void add_blocks(int thread, Index l, Index t, Index units, Index n, T* z) {
    const auto& of = layer(l);
    const W* block_weights = packed_[static_cast<std::size_t>(l)].columns(of, t);
    const std::vector<Block<T>>& blocks = blocks_[l % 2];
    T* wide = wide_[static_cast<std::size_t>(thread)].get();
    for (Index row = 0, block = 0; row < of.n_in; row += kBlock, ++block) {
      const Block<T>& below = blocks[static_cast<std::size_t>(block)];
      const W *weights = block_weights, *next_block = block_weights + below.n_units * kBlock;
      for (Index column = 0; column < units; column += kTile<T>, weights += below.n_units * kTile<T>) {
        const Index columns = std::min(kTile<T>, units - column), left = units - column - columns;
        for (Index p = 0; p < below.n_parts; ++p) {
          // Behind the last part come the columns that are left, behind these the next block.
          const bool last = p + 1 == below.n_parts, ends = last && left == 0;
          const Block<T>& after = !ends ? below : row + kBlock < of.n_in ? (&below)[1] : blocks.front();
          const auto part = below.part(p), then = after.part(last ? 0 : p + 1);
          const W* ahead = ends ? next_block : last ? weights + below.n_units * kTile<T> : weights;
          const Index needed = std::min(kTile<T>, ends ? units : last ? left : columns);
          const NextTile next = {ahead, kTile<T> * static_cast<Index>(sizeof(W)), needed * static_cast<Index>(sizeof(W)),
                                 then.n_touched, then.touched};
          const T* tile = numbers(weights, part, wide);
          const bool first = row == 0 && p == 0;
          if (below.dense) {
            kernels_.forward_dense(below.h.get() + part.first, part.n_units, n, tile + part.first * kTile<T>, columns, first,
                                   z + column, next);
          } else {
            kernels_.forward_block(part.active, n, tile, columns, first, z + column, next);
          }
        }
      }
      block_weights = next_block;
    }
  }

  const NetworkView<T, W>& network_;
  std::vector<PackedLayer<T, W>>& packed_;  // per layer
  Shape shape_;
  const Kernels<T>& kernels_;
  const WeightKernels<T, W>& products_;
  double densest_;  // share of active units up to which a block goes by its lists
  Team team_;
  const RowsView* input_ = nullptr;
  Buffer<std::int64_t> position_;
  Index room_ = 0;                                  // entries that gather_ and gathered_ have room for
  std::unique_ptr<Gather<T>> gather_;               // sparse input, or weights not packed
  std::unique_ptr<Gathered<T>> gathered_;
  std::vector<Block<T>> blocks_[2];                 // packed: of the layer below and of the one being made
  std::vector<std::vector<ActiveList<T>>> active_;  // not packed: per layer and tile
  std::vector<Buffer<T>> scratch_;                  // per thread
  std::vector<Buffer<T>> wide_;                     // per thread: weights of a tile, where they are kept as W
};

}  // namespace truezero
