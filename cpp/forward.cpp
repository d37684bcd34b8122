// Prediction. All threads work on one stretch of rows at a time, each on columns of its own, with a
// barrier after each layer, so that a weight is read once per stretch by one thread.
//
// A stretch of fewer than kManyRows rows visits the rows of weights that any of its examples needs,
// from where they lie. A longer one goes block by block of kBlock units: a tile of weights is packed
// into the first-level cache and all examples pass over it, by their list of active units or, where a
// block is mostly active, whole.

#include "forward.h"

#include <algorithm>
#include <memory>

#include "dispatch.h"
#include "input.h"
#include "threads.h"
#include "units.h"

namespace truezero {
namespace {

constexpr Index kManyRows = 32;
constexpr Index kStretch = 256;
constexpr double kDense = 0.6;  // share of active units above which a block is multiplied whole
constexpr double kSmall = 2e5;  // products; below, a barrier costs more than the other half of the work

Index round_up(Index n, Index to) { return (n + to - 1) / to * to; }

// A block of units of one layer, for a stretch of examples.
template <class T>
struct Block {
  Index n_units = 0;
  bool dense = false;
  Buffer<std::int32_t> order, start, unit;
  Buffer<T> value, h;
  std::uint8_t used[kBlock];  // by any of the examples: the rows of weights needed

  explicit Block(Index n) : order(n), start(n + 1), unit(n * kBlock + 16), value(n * kBlock + 16), h(n * kBlock) {}

  // From outputs x[example][kBlock], n_units of them; what follows must be 0.
  void fill(const Kernels<T>& kernels, const T* x, Index n, Index units, double densest) {
    n_units = units;
    std::int32_t end = 0, of_length[kBlock + 2] = {};
    for (Index b = 0; b < n; ++b) {
      start[b] = end;
      end += static_cast<std::int32_t>(
          kernels.collect(x + b * kBlock, round_up(units, 16), 0, unit.get() + end, value.get() + end));
      ++of_length[end - start[b] + 1];
    }
    start[n] = end;
    dense = end > densest * static_cast<double>(n * units);
    if (dense) {
      std::copy_n(x, n * kBlock, h.get());
      return;
    }
    for (Index length = 0; length <= kBlock; ++length) of_length[length + 1] += of_length[length];
    for (Index b = 0; b < n; ++b) order[of_length[start[b + 1] - start[b]]++] = static_cast<std::int32_t>(b);
    std::fill_n(used, kBlock, std::uint8_t{0});
    for (Index k = 0; k < end; ++k) used[unit[k]] = 1;
  }

  ActiveBlock<T> view() const { return {order.get(), start.get(), unit.get(), value.get()}; }
};

// Sees every tile of outputs: layer, first unit, number of units, h[example][stride].
template <class T>
using TileDone = std::function<void(int thread, Index start, Index n, Index layer, Index first, Index n_units,
                                    const T* h, Index stride)>;
using StretchDone = std::function<void(Index start, Index n)>;  // on the calling thread

template <class T>
class Forward {
 public:
  Forward(const NetworkView<T>& network, const RowsView& input, Index n_layers, Products products, int n_threads)
      : network_(network), input_(input), kernels_(kernels_in_use<T>()), n_layers_(n_layers),
        densest_(products == Products::automatic ? kDense : products == Products::sparse ? 1 : -1),
        stretch_(std::max<Index>(1, std::min(kStretch, input.n_rows))), many_(stretch_ >= kManyRows),
        team_(network.n_weights() * static_cast<double>(stretch_) < kSmall ? 1 : n_threads),
        position_(stretch_) {
    if (input.sparse || !many_) {
      const Index most = Gather<T>::most_entries(input, nullptr, input.n_rows, stretch_);
      gather_ = std::make_unique<Gather<T>>(input, kernels_, stretch_, most,
                                            densest_ < 0 ? Listed::all : Listed::non_zeros);
      gathered_ = std::make_unique<Gathered<T>>(input, stretch_, most);
    }
    Index widest = input.sparse ? 0 : input.n_cols;
    for (Index l = 0; l + 1 < n_layers; ++l) widest = std::max(widest, layer(l).n_out);
    for (int side = 0; side < 2; ++side) {
      for (Index first = 0; many_ && first < widest; first += kBlock) blocks_[side].emplace_back(stretch_);
    }
    for (int thread = 0; thread < team_.size(); ++thread) {
      Index tile = kBlock;
      for (Index l = 0; !many_ && l < n_layers; ++l) tile = std::max(tile, tile_width(l));
      scratch_.emplace_back(stretch_ * tile);
      packed_.emplace_back(many_ ? kBlock * kTile<T> : 0);
    }
    if (!many_) {
      for (Index l = 0; l < n_layers; ++l) {
        active_.emplace_back();
        for (Index first = 0; first < layer(l).n_out; first += tile_width(l)) {
          active_.back().emplace_back(stretch_, std::min(tile_width(l), layer(l).n_out - first), false);
        }
      }
    }
  }

  bool run(const Cancelled& cancelled, const TileDone<T>& tile_done, const StretchDone& stretch_done) {
    bool stop = false;
    team_.run([&](int thread) {
      for (Index start = 0; start < input_.n_rows; start += stretch_) {
        const Index n = std::min(stretch_, input_.n_rows - start);
        if (thread == 0) {
          stop = cancelled();
          if (!stop) begin(start, n);
        }
        team_.barrier();
        if (stop) return;
        if (many_ && !input_.sparse) {
          read_blocks(thread, start, n);
          team_.barrier();
        }
        for (Index l = 0; l < n_layers_; ++l) {
          const Index width = tile_width(l), n_tiles = (layer(l).n_out + width - 1) / width;
          for (Index t = thread; t < n_tiles; t += team_.size()) tile(thread, l, t, start, n, tile_done);
          team_.barrier();
        }
        if (thread == 0) stretch_done(start, n);
      }
    });
    return !stop;
  }

 private:
  const typename NetworkView<T>::Layer& layer(Index l) const { return network_.layers[static_cast<std::size_t>(l)]; }

  // Few rows: each thread one wide tile, in which the reader runs along long rows.
  Index tile_width(Index l) const {
    return many_ ? kBlock : std::min<Index>(2048, round_up((layer(l).n_out + team_.size() - 1) / team_.size(), kBlock));
  }

  void begin(Index start, Index n) {
    if (!gather_) return;
    for (Index b = 0; b < n; ++b) position_[b] = start + b;
    gather_->gather(*gathered_, position_.get(), n);
  }

  // Dense input rows become blocks like any other layer's.
  void read_blocks(int thread, Index start, Index n) {
    T* x = scratch_[static_cast<std::size_t>(thread)].get();
    const Index n_blocks = (input_.n_cols + kBlock - 1) / kBlock;
    for (Index block = thread; block < n_blocks; block += team_.size()) {
      const Index first = block * kBlock, units = std::min(kBlock, input_.n_cols - first);
      std::fill_n(x, n * kBlock, T(0));
      for (Index b = 0; b < n; ++b) {
        read_dense(input_, start + b, first, units, x + b * kBlock);
      }
      blocks_[0][static_cast<std::size_t>(block)].fill(kernels_, x, n, units, densest_);
    }
  }

  void tile(int thread, Index l, Index t, Index start, Index n, const TileDone<T>& done) {
    const auto& of = layer(l);
    const Index width = tile_width(l), first = t * width, units = std::min(width, of.n_out - first);
    const Index stride = round_up(units, kBlock);
    T* z = scratch_[static_cast<std::size_t>(thread)].get();
    std::fill_n(z, n * stride, T(0));
    if (l == 0 && gather_) {
      add_rows(gathered_->view, of, first, units, n, z, stride);
    } else if (!many_) {
      for (const auto& below : active_[static_cast<std::size_t>(l - 1)]) {
        add_rows(below.view(), of, first, units, n, z, stride);
      }
    } else {
      add_blocks(thread, l, first, units, n, z);
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
    if (l + 1 == n_layers_) return;
    if (many_) {
      blocks_[(l + 1) % 2][static_cast<std::size_t>(t)].fill(kernels_, z, n, units, densest_);
    } else {
      active_[static_cast<std::size_t>(l)][static_cast<std::size_t>(t)].collect(
          kernels_, z, nullptr, n, units, stride, first, densest_ < 0);
    }
  }

  void add_rows(const ActiveRows<T>& below, const typename NetworkView<T>::Layer& of, Index first, Index units,
                Index n, T* z, Index stride) {
    if (n == 1) {
      kernels_.forward_one(below.n_rows, below.rows, below.value, of.weights + first, of.n_out, units, z);
    } else {
      kernels_.forward(below, of.weights + first, of.n_out, units, z, stride);
    }
  }

  void add_blocks(int thread, Index l, Index first, Index units, Index n, T* z) {
    const auto& of = layer(l);
    T* packed = packed_[static_cast<std::size_t>(thread)].get();
    for (Index column = 0; column < units; column += kTile<T>) {
      const Index columns = std::min(kTile<T>, units - column);
      for (Index row = 0, block = 0; row < of.n_in; row += kBlock, ++block) {
        const Block<T>& below = blocks_[l % 2][static_cast<std::size_t>(block)];
        pack(of, row, below, first + column, columns, packed);
        if (below.dense) {
          kernels_.forward_dense(below.h.get(), below.n_units, n, packed, z + column);
        } else {
          kernels_.forward_block(below.view(), n, packed, z + column);
        }
      }
    }
  }

  // Rows of units that no example needs stay as they are: dead units cost nothing.
  static void pack(const typename NetworkView<T>::Layer& of, Index row, const Block<T>& below, Index first,
                   Index columns, T* to) {
    const T* from = of.weights + row * of.n_out + first;
    for (Index i = 0; i < below.n_units; ++i, from += of.n_out, to += kTile<T>) {
      if (!below.dense && !below.used[i]) continue;
      std::copy_n(from, columns, to);
      std::fill(to + columns, to + kTile<T>, T(0));
    }
  }

  const NetworkView<T>& network_;
  const RowsView& input_;
  const Kernels<T>& kernels_;
  Index n_layers_;
  double densest_;  // share of active units up to which a block goes by its lists
  Index stretch_;
  bool many_;
  Team team_;
  Buffer<std::int64_t> position_;
  std::unique_ptr<Gather<T>> gather_;              // sparse input, or few rows
  std::unique_ptr<Gathered<T>> gathered_;
  std::vector<Block<T>> blocks_[2];                // many rows: of the layer below and of the one being made
  std::vector<std::vector<ActiveList<T>>> active_;  // few rows: per layer and tile
  std::vector<Buffer<T>> scratch_, packed_;        // per thread
};

}  // namespace

template <class T>
bool evaluate(const NetworkView<T>& network, const RowsView& input, Products products, int n_threads,
              const Cancelled& cancelled, T* output, Counts* counts) {
  const Index n_hidden = network.n_hidden();
  std::vector<std::vector<std::int64_t>> zeros;  // per thread and layer
  if (counts) {
    counts->zeros.assign(static_cast<std::size_t>(n_hidden), 0);
    counts->ever_active.clear();
    for (Index l = 0; l < n_hidden; ++l) {
      counts->ever_active.emplace_back(network.layers[static_cast<std::size_t>(l)].n_out, std::uint8_t{0});
    }
    zeros.assign(static_cast<std::size_t>(std::max(n_threads, 1)), counts->zeros);
  }
  const Kernels<T>& kernels = kernels_in_use<T>();
  const auto tile_done = [&](int thread, Index start, Index n, Index l, Index first, Index units, const T* h,
                             Index stride) {
    if (l == n_hidden) {
      const Index width = network.layers.back().n_out;
      for (Index b = 0; b < n; ++b) std::copy_n(h + b * stride, units, output + (start + b) * width + first);
    } else if (counts) {  // a tile has one owner, so no two threads write the same units
      zeros[static_cast<std::size_t>(thread)][static_cast<std::size_t>(l)] += kernels.count_zeros(
          h, n, units, stride, counts->ever_active[static_cast<std::size_t>(l)].data() + first);
    }
  };
  const bool finished =
      Forward<T>(network, input, n_hidden + 1, products, n_threads).run(cancelled, tile_done, [](Index, Index) {});
  for (const auto& part : zeros) {
    for (std::size_t l = 0; l < part.size(); ++l) counts->zeros[l] += part[l];
  }
  return finished;
}

template <class T>
bool encode(const NetworkView<T>& network, const RowsView& input, Index layer, int n_threads,
            const Cancelled& cancelled, Code<T>& result) {
  const Index width = network.layers[static_cast<std::size_t>(layer)].n_out;
  const Kernels<T>& kernels = kernels_in_use<T>();
  result.indptr.assign(1, 0);
  const Index row = round_up(width, 16);
  Buffer<T> h(std::min(kStretch, input.n_rows) * row);
  std::fill_n(h.get(), std::min(kStretch, input.n_rows) * row, T(0));
  Buffer<std::int32_t> unit(row + 16);
  Buffer<T> value(row + 16);
  return Forward<T>(network, input, layer + 1, Products::automatic, n_threads)
      .run(
          cancelled,
          [&](int, Index, Index n, Index l, Index first, Index units, const T* tile, Index stride) {
            if (l != layer) return;
            for (Index b = 0; b < n; ++b) std::copy_n(tile + b * stride, units, h.get() + b * row + first);
          },
          [&](Index, Index n) {
            for (Index b = 0; b < n; ++b) {
              const Index active = kernels.collect(h.get() + b * row, row, 0, unit.get(), value.get());
              result.indices.insert(result.indices.end(), unit.get(), unit.get() + active);
              result.data.insert(result.data.end(), value.get(), value.get() + active);
              result.indptr.push_back(static_cast<std::int64_t>(result.indices.size()));
            }
          });
}

template bool evaluate(const NetworkView<float>&, const RowsView&, Products, int, const Cancelled&, float*, Counts*);
template bool evaluate(const NetworkView<double>&, const RowsView&, Products, int, const Cancelled&, double*, Counts*);
template bool encode(const NetworkView<float>&, const RowsView&, Index, int, const Cancelled&, Code<float>&);
template bool encode(const NetworkView<double>&, const RowsView&, Index, int, const Cancelled&, Code<double>&);

}  // namespace truezero
