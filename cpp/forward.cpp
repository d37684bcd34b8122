// Prediction. All threads work on one stretch of rows at a time, each on columns of its own, with a
// barrier after each layer, so that a weight is read once per stretch by one thread.
//
// One row visits the rows of weights that it needs, from where they lie. A stretch of more goes block by
// block of kBlock units: a tile of packed weights comes into the first-level cache and all examples pass
// over it, by their list of active units, while the rows of the next tile that any of them needs are on
// their way. Blocks that are mostly active are multiplied whole. To pack the weights costs as much as to
// predict dozens of rows, so the first call of a few reads them where they lie, too.
//
// Weights that no cache holds come from memory. There up to kRowsByRow rows always read them where they lie, in
// stretches as long as the first-level cache has room for sums: of the packed copy they would need short pieces,
// at half the bandwidth. More, up to kManyRows, go through a block in parts: of a tile as large as the first-level
// cache some lines are fetched again for every example, and that hinders those on their way from memory.

#include "forward.h"

#include <algorithm>
#include <type_traits>

#include "block.h"
#include "dispatch.h"
#include "input.h"
#include "threads.h"
#include "units.h"

namespace truezero {
namespace {

// Whether weights come from memory, not from a cache.
template <class T, class W>
bool from_memory(const NetworkView<T, W>& network) {
  return network.n_weights() * sizeof(W) > 48e6;
}
constexpr Index kRowsByRow = 4;

// Rows of a call from which on later ones use the packed copy, too. Two-byte weights are widened tile by tile there,
// which a few rows do not repay.
template <class T, class W>
constexpr Index kSomeRows = std::is_same_v<T, W> ? 2 : 4;
constexpr Index kStretch = 256;

constexpr Index kSums = 16384;  // bytes; the other half of the first-level cache is for weights
constexpr std::size_t kShapes = 4;  // so many kinds of calls in turn find their memory again
constexpr double kDense = 0.6;      // share of active units above which a block is multiplied whole
constexpr double kSmall = 2e5;      // products; below, a barrier costs more than the other half of the work

// Rows to make room for: few different numbers, so that calls of many sizes find memory to use again.
Index stretch_for(Index n_rows) {
  Index stretch = 1;
  while (stretch < n_rows && stretch < kStretch) stretch *= 2;
  return stretch;
}

// Sees every tile of outputs: layer, first unit, number of units, h[example][stride].
template <class T>
using TileDone = std::function<void(int thread, Index start, Index n, Index layer, Index first, Index n_units,
                                    const T* h, Index stride)>;
using StretchDone = std::function<void(Index start, Index n)>;  // on the calling thread

}  // namespace

template <class T, class W>
class Forward {
 public:
  // What the memory of a Forward is made for.
  struct Shape {
    Index stretch, n_layers;
    Products products;
    int n_threads;
    bool sparse;  // rows
    bool packed;  // weights
    Index part;   // units of a block

    bool operator==(const Shape& other) const {
      return stretch == other.stretch && n_layers == other.n_layers && products == other.products &&
             n_threads == other.n_threads && sparse == other.sparse && packed == other.packed && part == other.part;
    }
  };

  Forward(const NetworkView<T, W>& network, std::vector<PackedLayer<W>>& packed, const Shape& shape)
      : network_(network), packed_(packed), shape_(shape), kernels_(kernels_in_use<T>()),
        products_(weight_kernels_in_use<T, W>()),
        densest_(shape.products == Products::automatic ? kDense : shape.products == Products::sparse ? 1 : -1),
        widest_(shape.stretch == 1     ? 2048
                : from_memory(network) ? std::max<Index>(kSums / static_cast<Index>(sizeof(T)) / shape.stretch, 256)
                                       : 256),
        team_(network.n_weights() * static_cast<double>(shape.stretch) < kSmall ? 1 : shape.n_threads),
        position_(shape.stretch) {
    const Index n_cols = layer(0).n_in;
    Index widest = shape.sparse ? 0 : n_cols;
    for (Index l = 0; l + 1 < shape.n_layers; ++l) widest = std::max(widest, layer(l).n_out);
    for (int side = 0; side < 2; ++side) {
      for (Index first = 0; shape_.packed && first < widest; first += kBlock) blocks_[side].emplace_back(shape.stretch, shape.part);
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
    const Index n_out = layer(l).n_out, rounds = (n_out + widest_ * team_.most() - 1) / (widest_ * team_.most());
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
    // Blocks begin with = instead of +=, but only in whole tiles; what lies behind the units must be 0.
    if (!shape_.packed || (l == 0 && gather_) || units % kTile<T> != 0) std::fill_n(z, n * stride, T(0));
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
      // What lies behind the last unit is read along with it, and is not 0 where an infinite input met
      // the zeros that fill up the weights.
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

  // Weights of a block as numbers. Those that are kept otherwise are widened into the first-level cache, as far as a
  // part's units need them.
  const T* numbers(const W* block, const typename Block<T>::Part& part, T* wide) const {
    if constexpr (std::is_same_v<T, W>) {
      return block;
    } else {
      products_.widen(block, part.n_touched, part.touched, wide);
      return wide;
    }
  }

  // Block after block, so that its list, or what is given whole, comes from the second-level cache for all columns but
  // the first.
  void add_blocks(int thread, Index l, Index t, Index units, Index n, T* z) {
    const auto& of = layer(l);
    const W* tile = pack(l, t);
    const std::vector<Block<T>>& blocks = blocks_[l % 2];
    T* wide = wide_[static_cast<std::size_t>(thread)].get();
    for (Index row = 0, block = 0; row < of.n_in; row += kBlock, ++block) {
      const Block<T>& below = blocks[static_cast<std::size_t>(block)];
      const W* next_block = tile + below.n_units * kBlock;
      for (Index column = 0; column < units; column += kTile<T>, tile += below.n_units * kTile<T>) {
        const Index columns = std::min(kTile<T>, units - column);
        for (Index p = 0; p < below.n_parts; ++p) {
          // Behind the last part come the next columns, behind the last columns the next block.
          const bool last = p + 1 == below.n_parts, last_columns = column + columns == units;
          const Block<T>& after = !last || !last_columns ? below : row + kBlock < of.n_in ? (&below)[1] : blocks.front();
          const auto part = below.part(p), then = after.part(last ? 0 : p + 1);
          const NextTile next = {!last ? tile : last_columns ? next_block : tile + below.n_units * kTile<T>,
                                 kTile<T> * static_cast<Index>(sizeof(W)),
                                 (last && !last_columns ? std::min(kTile<T>, units - column - columns) : columns) *
                                     static_cast<Index>(sizeof(W)),
                                 then.n_touched, then.touched};
          const T* weights = numbers(tile, part, wide);
          const bool first = row == 0 && p == 0;
          if (below.dense) {
            kernels_.forward_dense(below.h.get() + part.first, part.n_units, n, weights + part.first * kTile<T>, columns,
                                   first, z + column, next);
          } else {
            kernels_.forward_block(part.active, n, weights, columns, first, z + column, next);
          }
        }
      }
      tile = next_block;
    }
  }

  // kBlock columns of a layer's weights, packed when first needed by the thread whose they are: kBlock rows of kTile
  // columns, then the next columns of these rows, then the next rows.
  const W* pack(Index l, Index t) {
    const auto& of = layer(l);
    PackedLayer<W>& packed = packed_[static_cast<std::size_t>(l)];  // no two threads have the same tile
    W* tiles = packed.weights.get() + t * kBlock * of.n_in;
    if (packed.ready[static_cast<std::size_t>(t)]) return tiles;
    for (Index row = 0; row < of.n_in; ++row) {
      const Index block = row / kBlock * kBlock, n_rows = std::min(kBlock, of.n_in - block);
      for (Index column = 0; column < kBlock; column += kTile<T>) {
        const Index first = t * kBlock + column, n = std::clamp<Index>(of.n_out - first, 0, kTile<T>);
        W* to = tiles + block * kBlock + column * n_rows + (row - block) * kTile<T>;
        std::copy_n(of.weights + row * of.n_out + first, n, to);
        std::fill(to + n, to + kTile<T>, W{});
      }
    }
    packed.ready[static_cast<std::size_t>(t)] = 1;
    return tiles;
  }

  const NetworkView<T, W>& network_;
  std::vector<PackedLayer<W>>& packed_;  // per layer
  Shape shape_;
  const Kernels<T>& kernels_;
  const WeightKernels<T, W>& products_;
  double densest_;  // share of active units up to which a block goes by its lists
  const Index widest_;  // tile, of weights that are not packed
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

template <class T, class W>
Predictor<T, W>::Predictor(NetworkView<T, W> network)
    : network_(std::move(network)), from_memory_(truezero::from_memory(network_)) {
  for (const auto& layer : network_.layers) {
    const Index n_out = round_up(layer.n_out, kBlock), n = layer.n_in * n_out;
    packed_.push_back({Buffer<W>(n, n * static_cast<Index>(sizeof(W)) >= kHugePages),
                       std::vector<std::uint8_t>(static_cast<std::size_t>(n_out / kBlock), 0)});
  }
}

template <class T, class W>
Predictor<T, W>::~Predictor() = default;

template <class T, class W>
Forward<T, W>& Predictor<T, W>::forward(const RowsView& input, Index n_layers, Products products, int n_threads) {
  const int most = n_threads > 1 ? std::min(n_threads, cores()) : 1;
  const bool some = called_with_several_ && input.n_rows >= kSomeRows<T, W> && (!from_memory_ || input.n_rows > kRowsByRow);
  const bool packed = some || input.n_rows >= kManyRows;
  const Index part = from_memory_ && input.n_rows < kManyRows ? kPart : kBlock;
  called_with_several_ |= input.n_rows > 1;
  const typename Forward<T, W>::Shape shape = {stretch_for(input.n_rows), n_layers, products, most, input.sparse, packed,
                                               part};
  auto found = forwards_.begin();
  while (found != forwards_.end() && !((*found)->shape() == shape)) ++found;
  if (found == forwards_.end()) {
    if (forwards_.size() == kShapes) forwards_.pop_back();
    forwards_.push_back(std::make_unique<Forward<T, W>>(network_, packed_, shape));
    found = forwards_.end() - 1;
  }
  std::rotate(forwards_.begin(), found, found + 1);
  return *forwards_.front();
}

template <class T, class W>
bool Predictor<T, W>::evaluate(const RowsView& input, Products products, int n_threads, const Cancelled& cancelled,
                               T* output, Counts* counts) {
  const Index n_hidden = network_.n_hidden();
  std::vector<std::vector<std::int64_t>> zeros;  // per thread and layer
  if (counts) {
    counts->zeros.assign(static_cast<std::size_t>(n_hidden), 0);
    counts->ever_active.clear();
    for (Index l = 0; l < n_hidden; ++l) {
      counts->ever_active.emplace_back(network_.layers[static_cast<std::size_t>(l)].n_out, std::uint8_t{0});
    }
    zeros.assign(static_cast<std::size_t>(std::max(n_threads, 1)), counts->zeros);
  }
  const Kernels<T>& kernels = kernels_in_use<T>();
  const auto tile_done = [&](int thread, Index start, Index n, Index l, Index first, Index units, const T* h,
                             Index stride) {
    if (l == n_hidden) {
      const Index width = network_.layers.back().n_out;
      for (Index b = 0; b < n; ++b) std::copy_n(h + b * stride, units, output + (start + b) * width + first);
    } else if (counts) {  // a tile has one owner, so no two threads write the same units
      zeros[static_cast<std::size_t>(thread)][static_cast<std::size_t>(l)] += kernels.count_zeros(
          h, n, units, stride, counts->ever_active[static_cast<std::size_t>(l)].data() + first);
    }
  };
  const bool finished = forward(input, n_hidden + 1, products, n_threads)
                            .run(input, cancelled, tile_done, [](Index, Index) {});
  for (const auto& part : zeros) {
    for (std::size_t l = 0; l < part.size(); ++l) counts->zeros[l] += part[l];
  }
  return finished;
}

template <class T, class W>
bool Predictor<T, W>::encode(const RowsView& input, Index layer, int n_threads, const Cancelled& cancelled,
                             Code<T>& result) {
  const Index width = network_.layers[static_cast<std::size_t>(layer)].n_out;
  const Kernels<T>& kernels = kernels_in_use<T>();
  result.indptr.assign(1, 0);
  const Index row = round_up(width, 16), stretch = std::min(kStretch, input.n_rows);
  Buffer<T> h(stretch * row);
  std::fill_n(h.get(), stretch * row, T(0));
  Buffer<std::int32_t> unit(row + 16);
  Buffer<T> value(row + 16);
  return forward(input, layer + 1, Products::automatic, n_threads)
      .run(
          input, cancelled,
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

template class Predictor<float>;
template class Predictor<double>;
template class Predictor<float, Bfloat16>;

}  // namespace truezero
