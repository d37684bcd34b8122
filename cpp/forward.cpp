#include "forward.h"

#include <algorithm>
#include <atomic>
#include <numeric>

#include "dispatch.h"
#include "input.h"
#include "threads.h"
#include "units.h"

namespace truezero {
namespace {

constexpr Index kBlockRows = 32;
constexpr double kSmall = 2e6;  // products; below, starting a thread costs more than it saves

// Runs blocks of rows through the network up to layer `n_layers` - 1. `each(start, n, layer, h)` sees
// the outputs of every layer; the last one's are plain sums if it is the output layer.
template <class T, class Each>
bool each_block(const NetworkView<T>& network, const RowsView& input, Index n_layers, int n_threads,
                const Cancelled& cancelled, Each&& each) {
  const Kernels<T>& kernels = kernels_in_use<T>();
  const Index n_blocks = (input.n_rows + kBlockRows - 1) / kBlockRows;
  const bool small = network.n_weights() * static_cast<double>(input.n_rows) < kSmall;
  Index widest = 0, widest_hidden = 1;
  for (Index layer = 0; layer < n_layers; ++layer) {
    widest = std::max(widest, network.layers[layer].n_out);
    if (layer < network.n_hidden()) widest_hidden = std::max(widest_hidden, network.layers[layer].n_out);
  }
  const Index max_rows = std::min(kBlockRows, input.n_rows);
  const Index max_entries = Gather<T>::most_entries(input, nullptr, input.n_rows, kBlockRows);
  std::vector<std::int64_t> position(static_cast<std::size_t>(input.n_rows));
  std::iota(position.begin(), position.end(), 0);
  std::atomic<Index> next{0};
  std::atomic<bool> stop{false};
  Team team(small ? 1 : static_cast<int>(std::min<Index>(n_threads, std::max<Index>(n_blocks, 1))));
  team.run([&](int thread) {
    Gather<T> gather(input, max_rows, max_entries);
    ActiveList<T> active(max_rows, widest_hidden);
    Buffer<T> z(max_rows * widest);
    for (Index block; !stop && (block = next++) < n_blocks;) {
      if (thread == 0 && cancelled()) stop = true;
      const Index start = block * kBlockRows, n = std::min(kBlockRows, input.n_rows - start);
      ActiveRows<T> below = gather.gather(position.data() + start, n);
      for (Index l = 0; l < n_layers; ++l) {
        const auto& layer = network.layers[static_cast<std::size_t>(l)];
        std::fill_n(z.get(), n * layer.n_out, T(0));
        kernels.forward(below, layer.weights, layer.n_out, layer.n_out, z.get(), layer.n_out);
        if (l == network.n_hidden()) {
          for (Index b = 0; b < n; ++b) {
            for (Index j = 0; j < layer.n_out; ++j) z[b * layer.n_out + j] += layer.biases[j];
          }
        } else {
          activate<T>(layer.activation, network.softplus_scale, n, layer.n_out, layer.n_out, nullptr, layer.biases,
                      layer.signs, z.get(), nullptr);
        }
        each(thread, start, n, l, z.get());
        if (l + 1 < n_layers) {
          active.collect(z.get(), nullptr, n, layer.n_out, layer.n_out, 0);
          below = active.view();
        }
      }
    }
  });
  return !stop;
}

}  // namespace

template <class T>
bool evaluate(const NetworkView<T>& network, const RowsView& input, int n_threads, const Cancelled& cancelled,
              Evaluation<T>& result) {
  const Index n_hidden = network.n_hidden();
  const auto count = [&](Evaluation<T>& into, Index n, Index l, const T* h) {
    const Index width = network.layers[static_cast<std::size_t>(l)].n_out;
    auto& ever = into.ever_active[static_cast<std::size_t>(l)];
    std::int64_t active = 0;
    for (Index b = 0; b < n; ++b) {
      for (Index j = 0; j < width; ++j) {
        const bool is_active = h[b * width + j] != 0;
        active += is_active;
        ever[static_cast<std::size_t>(j)] |= is_active;
      }
    }
    into.zeros[static_cast<std::size_t>(l)] += n * width - active;
  };
  result.zeros.assign(static_cast<std::size_t>(n_hidden), 0);
  result.ever_active.clear();
  for (Index l = 0; l < n_hidden; ++l) {
    result.ever_active.emplace_back(network.layers[static_cast<std::size_t>(l)].n_out, std::uint8_t{0});
  }
  std::vector<Evaluation<T>> parts(static_cast<std::size_t>(std::max(n_threads, 1)), result);
  const bool finished = each_block<T>(
      network, input, n_hidden + 1, n_threads, cancelled, [&](int thread, Index start, Index n, Index l, const T* h) {
        if (l < n_hidden) return count(parts[static_cast<std::size_t>(thread)], n, l, h);
        const Index width = network.layers.back().n_out;
        std::copy_n(h, n * width, result.output + start * width);
      });
  for (const auto& part : parts) {
    for (std::size_t l = 0; l < part.zeros.size(); ++l) {
      result.zeros[l] += part.zeros[l];
      for (std::size_t j = 0; j < part.ever_active[l].size(); ++j) result.ever_active[l][j] |= part.ever_active[l][j];
    }
  }
  return finished;
}

template <class T>
bool encode(const NetworkView<T>& network, const RowsView& input, Index layer, int n_threads,
            const Cancelled& cancelled, Code<T>& result) {
  const Index width = network.layers[static_cast<std::size_t>(layer)].n_out;
  std::vector<Code<T>> blocks(static_cast<std::size_t>((input.n_rows + kBlockRows - 1) / kBlockRows));
  result.indptr.assign(static_cast<std::size_t>(input.n_rows) + 1, 0);
  const bool finished = each_block<T>(
      network, input, layer + 1, n_threads, cancelled, [&](int, Index start, Index n, Index l, const T* h) {
        if (l != layer) return;
        Code<T>& block = blocks[static_cast<std::size_t>(start / kBlockRows)];
        for (Index b = 0; b < n; ++b) {
          for (Index j = 0; j < width; ++j) {
            if (h[b * width + j] == 0) continue;
            block.indices.push_back(static_cast<std::int32_t>(j));
            block.data.push_back(h[b * width + j]);
          }
          result.indptr[static_cast<std::size_t>(start + b + 1)] = static_cast<std::int64_t>(block.indices.size());
        }
      });
  std::int64_t total = 0;  // row ends within their block become row ends within all
  for (std::size_t block = 0; block < blocks.size(); ++block) {
    const auto first = block * kBlockRows + 1;
    const auto last = std::min(first + kBlockRows, result.indptr.size());
    for (auto row = first; row < last; ++row) result.indptr[row] += total;
    total += static_cast<std::int64_t>(blocks[block].indices.size());
  }
  result.indices.reserve(static_cast<std::size_t>(total));
  result.data.reserve(static_cast<std::size_t>(total));
  for (auto& block : blocks) {
    result.indices.insert(result.indices.end(), block.indices.begin(), block.indices.end());
    result.data.insert(result.data.end(), block.data.begin(), block.data.end());
    block = Code<T>();
  }
  return finished;
}

template bool evaluate(const NetworkView<float>&, const RowsView&, int, const Cancelled&, Evaluation<float>&);
template bool evaluate(const NetworkView<double>&, const RowsView&, int, const Cancelled&, Evaluation<double>&);
template bool encode(const NetworkView<float>&, const RowsView&, Index, int, const Cancelled&, Code<float>&);
template bool encode(const NetworkView<double>&, const RowsView&, Index, int, const Cancelled&, Code<double>&);

}  // namespace truezero
