// A network whose layers lie in tiles, and what a step does to each of them. Which thread does it, and when, is not
// decided here. No function but `cost` writes to more than one tile, and none but `backward_top` may be at work on a
// tile that another thread works on.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "minibatch.h"
#include "tiles.h"

namespace truezero {

constexpr double kSmallestScale = 1e-6;  // below, column scales are multiplied into the weights

template <class T>
class TiledNetwork {
 public:
  TiledNetwork(const NetworkView<T>& network, const StepSettings& settings, Index batch, bool in_place,
               bool sparse_input, const Denoising<T>* denoising, const Kernels<T>& kernels)
      : network_(network), settings_(settings), batch_(batch), sparse_input_(sparse_input), denoising_(denoising),
        kernels_(kernels), top_(network.layers.size() - 1),
        scaled_(settings.max_norm > 0 || settings.weight_decay != 0) {
    for (std::size_t l = 0; l <= top_; ++l) {
      const auto& layer = network.layers[l];
      const bool here = in_place && !matrix(l);  // products of matrices want rows side by side
      const Index n_weights = tiled_size(layer.n_in, layer.n_out, here);
      // Of layer 0 only the rows that are touched are ever here.
      const bool huge_pages = l > 0 && n_weights * static_cast<Index>(sizeof(T)) >= kHugePages;
      layers_.push_back({Buffer<T>(n_weights, huge_pages), {}});
      T* space = layers_[l].weights.get();
      each_tile(layer.n_out, [&](Index first, Index units) {
        const bool packed = !here || !whole(units);
        tiles(l).emplace_back(layer, first, units, packed ? space : nullptr, batch_, l < top_, scaled_);
        if (packed) space += layer.n_in * tiles(l).back().width;
        if (matrix(l)) tiles(l).back().room = Buffer<T>(matrix_room<T>(batch_, tiles(l).back().width));
        for (std::size_t below = 0; l > 0 && below < tiles(l - 1).size(); ++below) {
          tiles(l).back().dots.emplace_back(batch_ * tiles(l - 1)[below].width);
        }
      });
    }
  }

  std::size_t top() const { return top_; }  // the output layer

  std::vector<Tile<T>>& tiles(std::size_t l) { return layers_[l].tiles; }

  // What of the input is listed.
  Listed input_listed() const { return matrix(0) ? Listed::nothing : dense(0) ? Listed::all : Listed::non_zeros; }

  // Whether the input of a layer is used as a matrix, without lists.
  bool matrix(std::size_t l) const {
    return dense(l) && batch_ >= kManyExamples && !(l == 0 && sparse_input_);
  }

  // Squared norms change row by row, and keep the order of the rows.
  bool sorted() const { return settings_.max_norm <= 0; }

  // Whether `backward_top` does for the output layer.
  bool split_top() const {
    return top_ > 0 && layers_[top_].tiles.size() == 1 && !scaled_ && !matrix(top_) && !denoising_;
  }

  void pack(std::size_t l, Tile<T>& tile) { tile.pack(network_.layers[l], lazy(l), scaled_); }
  void unpack(std::size_t l, Tile<T>& tile) const { tile.unpack(network_.layers[l], scaled_); }

  // The first minibatch's outputs of layer 0.
  void forward_first(Tile<T>& tile, const Minibatch<T>& first) {
    if (lazy(0)) tile.pack_touched(network_.layers[0], first.input.view);
    forward(0, tile, first);
  }

  void forward(std::size_t l, Tile<T>& tile, const Minibatch<T>& minibatch) {
    add_products(l, tile, minibatch);
    activate(l, tile, minibatch);
  }

  void add_products(std::size_t l, Tile<T>& tile, const Minibatch<T>& minibatch) {
    std::fill_n(tile.z.get(), minibatch.n * tile.width, T(0));
    if (matrix(l)) {
      return input_matrices(l, minibatch, [&](const T* x, Index stride, Index first, Index n_units, std::size_t) {
        kernels_.multiply(minibatch.n, n_units, x, stride, tile.row(first), tile.width, tile.z.get(), tile.room.get());
      });
    }
    inputs(l, minibatch, [&](const Entries<T>& below, std::size_t) {
      kernels_.forward_entries(below, tile.weights, tile.stride, tile.width, tile.z.get());
    });
  }

  // From a decoder tile's sums to dCost/dr.
  void reconstruct(Tile<T>& tile, const Minibatch<T>& minibatch) {
    for (Index b = 0; b < minibatch.n; ++b) {
      const Index at = b * tile.width;
      const OutputsView<T> outputs = {tile.z.get() + at, tile.biases.get(),
                                      minibatch.target.get() + b * denoising_->targets.n_units + tile.first, nullptr,
                                      minibatch.share[b]};
      tile.loss += static_cast<double>(
          kernels_.reconstruct(denoising_->reconstruction, outputs, tile.n_units, tile.delta.get() + at));
    }
  }

  // Cost of the outputs, and its gradient by them times each example's share.
  void cost(const Minibatch<T>& minibatch, const ExamplesView<T>& examples) {
    const Index n_outputs = network_.layers.back().n_out;
    for (auto& tile : tiles(top_)) std::fill_n(tile.delta.get(), minibatch.n * tile.width, T(0));
    for (Index b = 0; b < minibatch.n; ++b) {
      const Index row = minibatch.rows[b];
      const T share = minibatch.share[b];
      T value = 0;
      if (network_.softmax) {
        T largest = tiles(top_)[0].z[b * tiles(top_)[0].width], total = 0;
        each_output(b, [&](Index, T z, T&) { largest = !(z <= largest) ? z : largest; });
        each_output(b, [&](Index, T z, T& delta) { total += delta = std::exp(z - largest); });
        each_output(b, [&](Index j, T z, T& delta) {
          const bool correct = j == examples.classes[row];
          if (correct) value = std::log(total) - (z - largest);
          delta = (delta / total - (correct ? T(1) : T(0))) * share;
        });
      } else {
        each_output(b, [&](Index j, T z, T& delta) {
          const T difference = z - examples.values[row * n_outputs + j];
          value += difference * difference / 2;
          delta = difference * share;
        });
      }
      loss_ += static_cast<double>(value) * (examples.weight ? examples.weight[row] : 1.0);
    }
  }

  // dCost/dz of a hidden tile: what the tiles above left for its active units, in their order.
  void delta(std::size_t l, Tile<T>& tile, const Minibatch<T>& minibatch) {
    const auto t = static_cast<std::size_t>(&tile - tiles(l).data());
    std::fill_n(tile.delta.get(), minibatch.n * tile.width, T(0));
    const T l1 = static_cast<T>(settings_.l1[l]);
    if (matrix(l + 1)) {
      for (Index b = 0; b < minibatch.n; ++b) {
        const Index first = b * tile.width;
        T* to = tile.delta.get() + first;
        for (const auto& above : tiles(l + 1)) {
          const T* part = above.dots[t].get() + first;
          for (Index j = 0; j < tile.n_units; ++j) to[j] += part[j];
        }
        for (Index j = 0; l1 != 0 && j < tile.n_units; ++j) {
          const T h = tile.z[first + j];
          if (h != 0) to[j] += std::copysign(l1, h) * minibatch.share[b];
        }
        for (Index j = 0; j < tile.n_units; ++j) to[j] *= tile.gain[first + j];
      }
      return;
    }
    const ActiveRows<T>& active = tile.entries.view().rows;
    for (Index i = 0; i < active.n_rows; ++i) {
      const Index unit = active.rows[i] - tile.first;
      for (Index k = active.start[i]; k < active.start[i + 1]; ++k) {
        T gradient = 0;
        for (const auto& above : tiles(l + 1)) gradient += above.dots[t][k];
        const T h = active.value[k];
        if (l1 != 0 && h != 0) gradient += std::copysign(l1, h) * minibatch.share[active.example[k]];
        const Index at = active.example[k] * tile.width + unit;
        tile.delta[at] = gradient * tile.gain[at];
      }
    }
  }

  void backward(std::size_t l, Tile<T>& tile, const Minibatch<T>& minibatch) {
    const T* d_dot = tile.delta.get();
    const T* d_update = tile.delta.get();
    const bool bounded = settings_.max_norm > 0 && l < top_;
    if (scaled_) {  // W = scale * V: the gradient below needs W before, the update is of V after decay
      const T decay = static_cast<T>(1 - settings_.learning_rate * settings_.weight_decay);
      for (Index b = 0; b < minibatch.n; ++b) {
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
    if (matrix(l)) {
      input_matrices(l, minibatch, [&](const T* x, Index stride, Index first, Index n_units, std::size_t t) {
        T* weights = tile.row(first);
        if (l > 0) {
          kernels_.multiply_back(minibatch.n, n_units, d_dot, weights, tile.width, tile.dots[t].get(),
                                 tiles(l - 1)[t].width);
        }
        kernels_.move_weights(minibatch.n, n_units, x, stride, d_update, rate(), weights, tile.width, tile.room.get());
      });
      if (bounded) tile.measure();
    } else {
      inputs_backward(l, minibatch, [&](const Entries<T>& below, std::size_t t) {
        kernels_.backward(below, tile.weights, tile.stride, tile.width, d_dot, d_update, rate(),
                          l > 0 ? tile.dots[t].get() : nullptr, bounded ? tile.norm_change.get() : nullptr);
      });
    }
    move_biases(tile, minibatch);
    if (scaled_) rescale(tile, bounded);
  }

  // A top layer of one tile is split by its rows: moved are those that come from one tile of the layer below, and its
  // dots made. Threads share the tile here, each with other rows; with the first tile's come the biases.
  void backward_top(std::size_t below, const Minibatch<T>& minibatch) {
    Tile<T>& tile = tiles(top_)[0];
    kernels_.backward(tiles(top_ - 1)[below].entries.view(), tile.weights, tile.stride, tile.width, tile.delta.get(),
                      tile.delta.get(), rate(), tile.dots[below].get(), nullptr);
    if (below == 0) move_biases(tile, minibatch);
  }

  // Of layer 0: this minibatch's backward and the next one's forward.
  void backward_to_next(Tile<T>& tile, const Minibatch<T>& now, const Minibatch<T>& next) {
    if (lazy(0)) tile.pack_touched(network_.layers[0], next.input.view);
    if (scaled_ || matrix(0)) {  // column scales change in between, or there are no lists
      backward(0, tile, now);
      add_products(0, tile, next);
    } else {
      std::fill_n(tile.z.get(), next.n * tile.width, T(0));
      kernels_.backward_forward(now.entries.view(), next.entries.view(), tile.weights, tile.stride, tile.width,
                                tile.delta.get(), rate(), tile.z.get());
      move_biases(tile, now);
    }
    activate(0, tile, next);
  }

  // What has been summed up so far.
  Tally tally() const {
    Tally sums;
    sums.loss = loss_;
    for (std::size_t l = 0; l < top_; ++l) {
      for (const auto& tile : layers_[l].tiles) sums.penalty += settings_.l1[l] * tile.penalty;
    }
    for (const auto& tile : layers_[top_].tiles) sums.loss += tile.loss;
    return sums;
  }

 private:
  bool dense(std::size_t l) const { return l < settings_.dense.size() && settings_.dense[l]; }

  // Of layer 0 a row is fetched when it is first touched: of wide sparse input most never are. Column
  // scales concern all rows.
  bool lazy(std::size_t l) const { return l == 0 && !scaled_ && !matrix(0); }

  // Calls use(non-zero inputs, number of the tile below they come from) in order.
  template <class Use>
  void inputs(std::size_t l, const Minibatch<T>& minibatch, Use&& use) {
    if (l == 0) return use(minibatch.entries.view(), std::size_t{0});
    for (std::size_t t = 0; t < tiles(l - 1).size(); ++t) use(tiles(l - 1)[t].entries.view(), t);
  }

  // The same in reverse.
  template <class Use>
  void inputs_backward(std::size_t l, const Minibatch<T>& minibatch, Use&& use) {
    if (l == 0) return use(minibatch.entries.view(), std::size_t{0});
    for (std::size_t t = tiles(l - 1).size(); t-- > 0;) use(tiles(l - 1)[t].entries.view(), t);
  }

  // For inputs that are used as matrices, in order: use(matrix, its stride, its first row of weights, columns, number).
  template <class Use>
  void input_matrices(std::size_t l, const Minibatch<T>& minibatch, Use&& use) {
    if (l == 0) return use(minibatch.input.dense.get(), minibatch.input.stride, 0, network_.layers[0].n_in, 0);
    for (std::size_t t = 0; t < tiles(l - 1).size(); ++t) {
      const Tile<T>& below = tiles(l - 1)[t];
      use(below.z.get(), below.width, below.first, below.n_units, t);
    }
  }

  // From sums to outputs, with the list of what is active.
  void activate(std::size_t l, Tile<T>& tile, const Minibatch<T>& minibatch) {
    const Index n = minibatch.n;
    const T* scale = scaled_ ? tile.scale.get() : nullptr;
    const auto& layer = network_.layers[l];
    if (l == top_) {
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
    const Draw drop = dropout(settings_, l + 1, settings_.dropout_threshold);
    for (Index b = 0; b < n && drop.any(); ++b) {
      drop_units(kernels_, drop, static_cast<std::uint32_t>(minibatch.ids[static_cast<std::size_t>(b)]), tile.first, tile.n_units,
                 static_cast<T>(1 / (1 - settings_.dropout)), tile.z.get() + b * tile.width,
                 tile.gain.get() + b * tile.width);
    }
    if (!matrix(l + 1)) {
      tile.active.collect(kernels_, tile.z.get(), tile.gain.get(), n, tile.n_units, tile.width, tile.first, dense(l + 1));
      tile.entries.arrange(tile.active.view(), n, sorted());
    }
    if (settings_.l1[l] != 0) penalize(l, tile, minibatch);
  }

  void penalize(std::size_t l, Tile<T>& tile, const Minibatch<T>& minibatch) {
    const ActiveRows<T> active = tile.active.view();
    double penalty = 0;
    if (matrix(l + 1)) {
      for (Index b = 0; b < minibatch.n; ++b) {
        double magnitude = 0;
        for (Index j = 0; j < tile.n_units; ++j) magnitude += std::abs(tile.z[b * tile.width + j]);
        penalty += static_cast<double>(minibatch.share[b]) * magnitude;
      }
    }
    for (Index k = 0; !matrix(l + 1) && k < active.start[active.n_rows]; ++k) {
      penalty += static_cast<double>(minibatch.share[active.example[k]]) * static_cast<double>(std::abs(active.value[k]));
    }
    tile.penalty += penalty * static_cast<double>(minibatch.n);
  }

  template <class Use>
  void each_output(Index b, Use&& use) {
    for (auto& tile : tiles(top_)) {
      for (Index j = 0; j < tile.n_units; ++j) {
        use(tile.first + j, tile.z[b * tile.width + j], tile.delta[b * tile.width + j]);
      }
    }
  }

  T rate() const { return static_cast<T>(settings_.learning_rate); }

  void move_biases(Tile<T>& tile, const Minibatch<T>& minibatch) {
    if (network_.use_biases) tile.move_biases(rate(), minibatch.n);
  }

  void rescale(Tile<T>& tile, bool bounded) {
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
    if (small) tile.fold();
  }

  const NetworkView<T>& network_;
  const StepSettings& settings_;
  Index batch_;
  bool sparse_input_;
  const Denoising<T>* denoising_;  // null unless it is an auto-encoder
  const Kernels<T>& kernels_;
  std::size_t top_;
  bool scaled_;
  std::vector<TiledLayer<T>> layers_;
  double loss_ = 0;  // of `cost`
};

}  // namespace truezero
