// For the length of a call every layer's weights lie in column tiles. A tile has one owner among the
// threads, who alone touches it; whatever crosses tiles is added in tile order. So the result has the
// same bits for any number of threads, and a tile of z, a row of the tile and a tile of delta fit the
// caches while a minibatch's non-zero entries stream over them.
//
// A step is, with a barrier where "|" stands:
//   gather | forward of layer 0 | ... | forward of the output | cost | backward of the output | ... of layer 0
// Only the backward of a layer changes its weights, in the same pass that multiplies delta by the
// weights as they were: each is read once and written once.

#include "trainer.h"

#include <algorithm>
#include <cmath>

#include "dispatch.h"
#include "input.h"
#include "threads.h"
#include "units.h"

namespace truezero {
namespace {

constexpr double kSmallNetwork = 50e3;      // weights; below, a barrier costs more than the other half of the work
constexpr double kSmallestScale = 1e-6;     // below, column scales are multiplied into the weights

Index tile_width(Index n_out) { return n_out > 512 ? 256 : 128; }

template <class T>
struct Tile {
  Index first, n_units, width;  // width: n_units rounded up to whole vectors; the rest stays 0
  Buffer<T> weights;            // [n_in][width]; the weights are column_scale * these
  Buffer<T> biases;
  Buffer<T> z;      // [batch][width]: sums, then outputs
  Buffer<T> gain;   // [batch][width]: dh/dz, of hidden layers
  Buffer<T> delta;  // [batch][width]: dCost/dz
  Buffer<T> scale, norm_change, d_dot, d_update;  // with weight decay or max-norm only
  std::vector<double> norm;                       // squared, of the unscaled columns
  ActiveList<T> active;                           // of hidden layers
  std::vector<Buffer<T>> dots;                    // per tile of the layer below: delta * weights, this tile's part
  double penalty = 0;

  Tile(Index first_unit, Index units, Index n_in, Index batch, bool hidden, bool scaled)
      : first(first_unit), n_units(units), width((units + 15) / 16 * 16), weights(n_in * width), biases(width),
        z(batch * width), gain(hidden ? batch * width : 0), delta(batch * width), scale(scaled ? width : 0),
        norm_change(scaled ? width : 0), d_dot(scaled ? batch * width : 0), d_update(scaled ? batch * width : 0),
        norm(scaled ? static_cast<std::size_t>(width) : 0), active(hidden ? batch : 1, hidden ? units : 1) {}
};

template <class T>
class Trainer {
 public:
  Trainer(const NetworkView<T>& network, const ExamplesView<T>& examples, const std::int64_t* order, Index n_order,
          const StepSettings& settings, int n_threads, const Cancelled& cancelled)
      : network_(network), examples_(examples), order_(order), n_order_(n_order), settings_(settings),
        cancelled_(cancelled), kernels_(kernels_in_use<T>()), batch_(std::max<Index>(1, std::min(settings.batch_size, n_order))),
        scaled_(settings.max_norm > 0 || settings.weight_decay != 0),
        gather_(examples.input, batch_, Gather<T>::most_entries(examples.input, order, n_order, batch_)),
        share_(batch_), team_(network.n_weights() < kSmallNetwork ? 1 : n_threads) {
    Index below_tiles = 0;
    for (std::size_t l = 0; l < network.layers.size(); ++l) {
      const auto& layer = network.layers[l];
      const bool hidden = l + 1 < network.layers.size();
      tiles_.emplace_back();
      for (Index first = 0; first < layer.n_out; first += tile_width(layer.n_out)) {
        const Index units = std::min(tile_width(layer.n_out), layer.n_out - first);
        tiles_[l].emplace_back(first, units, layer.n_in, batch_, hidden, scaled_);
        for (Index below = 0; below < below_tiles; ++below) {
          tiles_[l].back().dots.emplace_back(batch_ * tiles_[l - 1][static_cast<std::size_t>(below)].n_units);
        }
      }
      below_tiles = static_cast<Index>(tiles_[l].size());
    }
  }

  Tally run() {
    team_.run([&](int thread) {
      own(thread, [&](std::size_t l, Tile<T>& tile) { pack(l, tile); });
      for (Index start = 0; start < n_order_; start += batch_) {
        if (!step(thread, start)) break;
      }
      own(thread, [&](std::size_t l, Tile<T>& tile) { unpack(l, tile); });
    });
    for (std::size_t l = 0; l + 1 < tiles_.size(); ++l) {
      for (const auto& tile : tiles_[l]) tally_.penalty += settings_.l1[l] * tile.penalty;
    }
    return tally_;
  }

 private:
  template <class Work>
  void own(int thread, Work&& work) {
    for (std::size_t l = 0; l < tiles_.size(); ++l) own(thread, l, [&](Tile<T>& tile) { work(l, tile); });
  }

  template <class Work>
  void own(int thread, std::size_t l, Work&& work) {
    const auto step = static_cast<std::size_t>(team_.size());
    for (auto t = static_cast<std::size_t>(thread); t < tiles_[l].size(); t += step) work(tiles_[l][t]);
  }

  void pack(std::size_t l, Tile<T>& tile) {
    const auto& layer = network_.layers[l];
    for (Index i = 0; i < layer.n_in; ++i) {
      T* to = tile.weights.get() + i * tile.width;
      std::copy_n(layer.weights + i * layer.n_out + tile.first, tile.n_units, to);
      std::fill(to + tile.n_units, to + tile.width, T(0));
    }
    std::fill_n(tile.biases.get(), tile.width, T(0));
    std::copy_n(layer.biases + tile.first, tile.n_units, tile.biases.get());
    if (!scaled_) return;
    std::fill_n(tile.scale.get(), tile.width, T(1));
    measure(l, tile);
  }

  void unpack(std::size_t l, Tile<T>& tile) {
    const auto& layer = network_.layers[l];
    if (scaled_) fold(l, tile);
    for (Index i = 0; i < layer.n_in; ++i) {
      std::copy_n(tile.weights.get() + i * tile.width, tile.n_units, layer.weights + i * layer.n_out + tile.first);
    }
    std::copy_n(tile.biases.get(), tile.n_units, layer.biases + tile.first);
  }

  void fold(std::size_t l, Tile<T>& tile) {
    for (Index i = 0; i < network_.layers[l].n_in; ++i) {
      for (Index j = 0; j < tile.width; ++j) tile.weights[i * tile.width + j] *= tile.scale[j];
    }
    std::fill_n(tile.scale.get(), tile.width, T(1));
    measure(l, tile);
  }

  void measure(std::size_t l, Tile<T>& tile) {
    std::fill(tile.norm.begin(), tile.norm.end(), 0.0);
    for (Index i = 0; i < network_.layers[l].n_in; ++i) {
      for (Index j = 0; j < tile.width; ++j) {
        const double w = tile.weights[i * tile.width + j];
        tile.norm[static_cast<std::size_t>(j)] += w * w;
      }
    }
  }

  bool step(int thread, Index start) {
    const Index n = std::min(batch_, n_order_ - start);
    const std::size_t top = tiles_.size() - 1;
    if (thread == 0) {
      if (cancelled_()) tally_.finished = false;
      if (tally_.finished) begin(start, n);
    }
    team_.barrier();
    if (!tally_.finished) return false;
    for (std::size_t l = 0; l <= top; ++l) {
      own(thread, l, [&](Tile<T>& tile) { forward(l, tile, n); });
      team_.barrier();
    }
    if (thread == 0) cost(start, n);
    team_.barrier();
    for (std::size_t l = top + 1; l-- > 0;) {
      own(thread, l, [&](Tile<T>& tile) {
        if (l < top) delta(l, tile, n);
        backward(l, tile, n);
      });
      team_.barrier();
    }
    return true;
  }

  // The inputs, ids and shares of the mean of a minibatch.
  void begin(Index start, Index n) {
    for (Index b = 0; b < n; ++b) {
      const Index row = order_[start + b];
      id_[static_cast<std::size_t>(b)] = examples_.ids[row];
      share_[b] = static_cast<T>((examples_.weight ? examples_.weight[row] : 1.0) / static_cast<double>(n));
    }
    input_ = gather_.gather(order_ + start, n, id_.data(), dropout(0), static_cast<T>(1 / (1 - settings_.input_dropout)));
  }

  Dropout dropout(std::size_t l) const {
    return {settings_.seed, settings_.epoch, static_cast<std::uint32_t>(l),
            l == 0 ? settings_.input_dropout_threshold : settings_.dropout_threshold};
  }

  // Calls use(non-zero inputs, number of the tile below they come from) in order.
  template <class Use>
  void inputs(std::size_t l, Use&& use) {
    if (l == 0) return use(input_, std::size_t{0});
    for (std::size_t t = 0; t < tiles_[l - 1].size(); ++t) use(tiles_[l - 1][t].active.view(), t);
  }

  void forward(std::size_t l, Tile<T>& tile, Index n) {
    std::fill_n(tile.z.get(), n * tile.width, T(0));
    inputs(l, [&](const ActiveRows<T>& below, std::size_t) {
      kernels_.forward(below, tile.weights.get(), tile.width, tile.width, tile.z.get(), tile.width);
    });
    const T* scale = scaled_ ? tile.scale.get() : nullptr;
    const auto& layer = network_.layers[l];
    if (l + 1 == tiles_.size()) {
      for (Index b = 0; b < n; ++b) {
        for (Index j = 0; j < tile.n_units; ++j) {
          T& z = tile.z[b * tile.width + j];
          z = (scale ? scale[j] * z : z) + tile.biases[j];
        }
      }
      return;
    }
    kernels_.activate({layer.activation, network_.softplus_scale, scale, tile.biases.get(),
                       layer.signs ? layer.signs + tile.first : nullptr},
                      n, tile.n_units, tile.width, tile.z.get(), tile.gain.get());
    const Dropout drop = dropout(l + 1);
    if (drop.any()) drop_units(drop, tile, n);
    tile.active.collect(tile.z.get(), tile.gain.get(), n, tile.n_units, tile.width, tile.first);
    if (settings_.l1[l] != 0) penalize(tile, n);
  }

  void drop_units(const Dropout& drop, Tile<T>& tile, Index n) {
    const T keep = static_cast<T>(1 / (1 - settings_.dropout));
    for (Index b = 0; b < n; ++b) {
      for (Index j = 0; j < tile.n_units; j += 4) {
        const Words words = drop.words(static_cast<std::uint32_t>(id_[static_cast<std::size_t>(b)]),
                                       static_cast<std::uint32_t>((tile.first + j) / 4));
        for (Index k = 0; k < std::min<Index>(4, tile.n_units - j); ++k) {
          const T factor = words[static_cast<std::size_t>(k)] < drop.threshold ? T(0) : keep;
          tile.z[b * tile.width + j + k] *= factor;
          tile.gain[b * tile.width + j + k] *= factor;
        }
      }
    }
  }

  void penalize(Tile<T>& tile, Index n) {
    for (Index b = 0; b < n; ++b) {
      double magnitude = 0;
      for (Index j = 0; j < tile.n_units; ++j) magnitude += std::abs(tile.z[b * tile.width + j]);
      tile.penalty += static_cast<double>(share_[b]) * static_cast<double>(n) * magnitude;
    }
  }

  // Cost of the outputs, and its gradient by them times each example's share.
  void cost(Index start, Index n) {
    auto& tiles = tiles_.back();
    const Index n_outputs = network_.layers.back().n_out;
    for (auto& tile : tiles) std::fill_n(tile.delta.get(), n * tile.width, T(0));
    for (Index b = 0; b < n; ++b) {
      const Index row = order_[start + b];
      const T share = share_[b];
      T value = 0;
      if (network_.softmax) {
        T largest = tiles[0].z[b * tiles[0].width], total = 0;
        each_output(b, [&](Index, T z, T&) { largest = !(z <= largest) ? z : largest; });
        each_output(b, [&](Index, T z, T&) { total += std::exp(z - largest); });
        const T log_total = std::log(total);
        each_output(b, [&](Index j, T z, T& delta) {
          const T log_p = z - largest - log_total;
          const bool correct = j == examples_.classes[row];
          if (correct) value = -log_p;
          delta = (std::exp(log_p) - (correct ? T(1) : T(0))) * share;
        });
      } else {
        each_output(b, [&](Index j, T z, T& delta) {
          const T difference = z - examples_.values[row * n_outputs + j];
          value += difference * difference / 2;
          delta = difference * share;
        });
      }
      tally_.loss += static_cast<double>(value) * (examples_.weight ? examples_.weight[row] : 1.0);
    }
  }

  template <class Use>
  void each_output(Index b, Use&& use) {
    for (auto& tile : tiles_.back()) {
      for (Index j = 0; j < tile.n_units; ++j) {
        use(tile.first + j, tile.z[b * tile.width + j], tile.delta[b * tile.width + j]);
      }
    }
  }

  // dCost/dz of a hidden tile: what the tiles above left for its active units, in their order.
  void delta(std::size_t l, Tile<T>& tile, Index n) {
    const auto t = static_cast<std::size_t>(&tile - tiles_[l].data());
    std::fill_n(tile.delta.get(), n * tile.width, T(0));
    const T l1 = static_cast<T>(settings_.l1[l]);
    const ActiveRows<T> active = tile.active.view();
    for (Index i = 0; i < active.n_rows; ++i) {
      for (Index k = active.start[i]; k < active.start[i + 1]; ++k) {
        T gradient = 0;
        for (const auto& above : tiles_[l + 1]) gradient += above.dots[t][k];
        const T h = active.value[k];
        if (l1 != 0 && h != 0) gradient += std::copysign(l1, h) * share_[active.example[k]];
        const Index at = active.example[k] * tile.width + active.rows[i] - tile.first;
        tile.delta[at] = gradient * tile.gain[at];
      }
    }
  }

  void backward(std::size_t l, Tile<T>& tile, Index n) {
    const T rate = static_cast<T>(settings_.learning_rate);
    const T* d_dot = tile.delta.get();
    const T* d_update = tile.delta.get();
    const bool bounded = settings_.max_norm > 0 && l + 1 < tiles_.size();
    if (scaled_) {  // W = scale * V: the gradient below needs W before, the update is of V after decay
      const T decay = static_cast<T>(1 - settings_.learning_rate * settings_.weight_decay);
      for (Index b = 0; b < n; ++b) {
        for (Index j = 0; j < tile.width; ++j) {
          const T delta = tile.delta[b * tile.width + j];
          tile.d_dot[b * tile.width + j] = delta * tile.scale[j];
          tile.d_update[b * tile.width + j] = delta / (tile.scale[j] * decay);
        }
      }
      for (Index j = 0; j < tile.width; ++j) tile.scale[j] *= decay;
      d_dot = tile.d_dot.get();
      d_update = tile.d_update.get();
      std::fill_n(tile.norm_change.get(), tile.width, T(0));
    }
    inputs(l, [&](const ActiveRows<T>& below, std::size_t t) {
      kernels_.backward(below, tile.weights.get(), tile.width, d_dot, d_update, rate,
                        l > 0 ? tile.dots[t].get() : nullptr, bounded ? tile.norm_change.get() : nullptr);
    });
    if (network_.use_biases) {
      for (Index j = 0; j < tile.n_units; ++j) {
        T total = 0;
        for (Index b = 0; b < n; ++b) total += tile.delta[b * tile.width + j];
        tile.biases[j] -= rate * total;
      }
    }
    if (scaled_) rescale(l, tile, bounded);
  }

  void rescale(std::size_t l, Tile<T>& tile, bool bounded) {
    bool small = false;
    for (Index j = 0; j < tile.n_units; ++j) {
      if (bounded) {
        double& squared = tile.norm[static_cast<std::size_t>(j)];
        squared = std::max(0.0, squared + static_cast<double>(tile.norm_change[j]));
        const double norm = std::sqrt(squared) * static_cast<double>(tile.scale[j]);
        if (norm > settings_.max_norm) tile.scale[j] *= static_cast<T>(settings_.max_norm / norm);
      }
      small |= tile.scale[j] < kSmallestScale;
    }
    if (small) fold(l, tile);
  }

  const NetworkView<T>& network_;
  const ExamplesView<T>& examples_;
  const std::int64_t* order_;
  Index n_order_;
  const StepSettings& settings_;
  const Cancelled& cancelled_;
  const Kernels<T>& kernels_;
  Index batch_;
  bool scaled_;
  Gather<T> gather_;
  Buffer<T> share_;
  std::vector<std::int64_t> id_ = std::vector<std::int64_t>(static_cast<std::size_t>(batch_));
  ActiveRows<T> input_{};
  Team team_;
  std::vector<std::vector<Tile<T>>> tiles_;  // per layer
  Tally tally_;
};

}  // namespace

template <class T>
Tally train(const NetworkView<T>& network, const ExamplesView<T>& examples, const std::int64_t* order, Index n_order,
            const StepSettings& settings, int n_threads, const Cancelled& cancelled) {
  return Trainer<T>(network, examples, order, n_order, settings, n_threads, cancelled).run();
}

template Tally train(const NetworkView<float>&, const ExamplesView<float>&, const std::int64_t*, Index,
                     const StepSettings&, int, const Cancelled&);
template Tally train(const NetworkView<double>&, const ExamplesView<double>&, const std::int64_t*, Index,
                     const StepSettings&, int, const Cancelled&);

}  // namespace truezero
