// Which way rows are predicted, and what is kept from call to call.
//
// To pack the weights costs as much as to predict dozens of rows, so the first call of a few reads them where they lie.
//
// Weights that no cache holds come from memory. There up to kRowsByRow rows always read them where they lie, in
// stretches as long as the first-level cache has room for sums: of the packed copy they would need short pieces,
// at half the bandwidth. More, up to kManyRows, go through a block in parts: of a tile as large as the first-level
// cache some lines are fetched again for every example, and that hinders those on their way from memory.

#include "predictor.h"

#include <algorithm>
#include <type_traits>

#include "forward.h"

namespace truezero {
namespace {

constexpr Index kRowsByRow = 4;

// Rows of a call from which on later ones use the packed copy, too. Two-byte weights are widened tile by tile there,
// which a few rows do not repay.
template <class T, class W>
constexpr Index kSomeRows = std::is_same_v<T, W> ? 2 : 4;
constexpr Index kStretch = 256;

constexpr Index kSums = 16384;  // bytes; the other half of the first-level cache is for weights
constexpr std::size_t kShapes = 4;  // so many kinds of calls in turn find their memory again

// Rows to make room for: few different numbers, so that calls of many sizes find memory to use again.
Index stretch_for(Index n_rows) {
  Index stretch = 1;
  while (stretch < n_rows && stretch < kStretch) stretch *= 2;
  return stretch;
}

}  // namespace

template <class T, class W>
Predictor<T, W>::Predictor(NetworkView<T, W> network)
    : network_(std::move(network)), from_memory_(network_.n_weights() * sizeof(W) > 48e6) {
  for (const auto& layer : network_.layers) packed_.emplace_back(layer);
}

template <class T, class W>
Predictor<T, W>::~Predictor() = default;

template <class T, class W>
Forward<T, W>& Predictor<T, W>::forward(const RowsView& input, Index n_layers, Products products, int n_threads) {
  const int most = n_threads > 1 ? std::min(n_threads, cores()) : 1;
  const Index n = input.n_rows, stretch = stretch_for(n);
  const bool some = called_with_several_ && n >= kSomeRows<T, W> && (!from_memory_ || n > kRowsByRow);
  const Index part = from_memory_ && n < kManyRows ? kPart : kBlock;
  Index widest = stretch == 1 ? 2048 : 256;
  if (from_memory_) widest = std::clamp<Index>(kSums / static_cast<Index>(sizeof(T)) / stretch, widest, 2048);
  called_with_several_ |= n > 1;
  const typename Forward<T, W>::Shape shape = {
      stretch, n_layers, products, most, input.sparse, some || n >= kManyRows, part, widest};
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
