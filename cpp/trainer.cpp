// For the length of a call every layer's weights lie in column tiles. A tile has one owner among the
// threads, who alone touches it; whatever crosses tiles is added in tile order. So the result has the
// same bits for any number of threads, and a tile of z, a row of the tile and a tile of delta fit the
// caches while a minibatch's non-zero entries stream over them.
//
// A step is, with a barrier where "|" stands:
//   forward of layer 1 | ... | forward of the output, cost; next minibatch gathered | backward of the
//   output, ... | backward of layer 1 | backward of layer 0 with the next minibatch's forward of it |
// Only the backward of a layer changes its weights, in the same pass that multiplies delta by the
// weights as they were: each is read once and written once. The pass over layer 0, whose delta goes no
// further down, makes the next minibatch's sums as well, so that rows which both touch are read once.

#include "trainer.h"

#include <algorithm>
#include <cmath>

#include "dispatch.h"
#include "input.h"
#include "targets.h"
#include "threads.h"
#include "tiles.h"

namespace truezero {
namespace {

constexpr double kSmallestScale = 1e-6;  // below, column scales are multiplied into the weights

// What a step needs of its examples.
template <class T>
struct Minibatch {
  Index start = 0, n = 0;
  std::vector<std::int64_t> ids;
  Buffer<T> share;  // of each example in the mean
  Gathered<T> input;
  EntryLists<T> entries;
  Buffer<T> target;  // [example][unit], of a decoder

  Minibatch(const RowsView& rows, Index batch, Index max_entries, bool whole, bool decoded)
      : ids(static_cast<std::size_t>(batch)), share(batch), input(rows, batch, max_entries, whole),
        entries(batch, std::min(rows.n_cols, max_entries), max_entries),
        target(decoded ? batch * rows.n_cols : 0) {}
};

Draw dropout(const StepSettings& settings, std::size_t layer, std::uint64_t threshold) {
  return {settings.seed, settings.epoch, static_cast<std::uint32_t>(layer), Purpose::dropout, threshold};
}

template <class T>
Noise<T> input_dropout(const StepSettings& settings) {
  Noise<T> noise;
  noise.dropout = dropout(settings, 0, settings.input_dropout_threshold);
  noise.keep = static_cast<T>(1 / (1 - settings.input_dropout));
  return noise;
}

template <class T>
class Trainer {
 public:
  Trainer(const NetworkView<T>& network, const ExamplesView<T>& examples, const std::int64_t* order, Index n_order,
          const StepSettings& settings, const Denoising<T>* denoising, int n_threads, const Cancelled& cancelled)
      : network_(network), examples_(examples), order_(order), n_order_(n_order), settings_(settings),
        denoising_(denoising), cancelled_(cancelled), kernels_(kernels_in_use<T>()),
        noise_(denoising ? denoising->noise : input_dropout<T>(settings)),
        batch_(std::max<Index>(1, std::min(settings.batch_size, n_order))),
        top_(network.layers.size() - 1), scaled_(settings.max_norm > 0 || settings.weight_decay != 0),
        whole_(!examples.input.sparse || noise_.whole()),
        max_entries_(Gather<T>::most_entries(examples.input, order, n_order, batch_, noise_)),
        gather_(examples.input, kernels_, batch_, max_entries_,
                matrix(0) ? Listed::nothing : dense(0) ? Listed::all : Listed::non_zeros, whole_),
        minibatches_{{examples.input, batch_, max_entries_, whole_, denoising != nullptr},
                     {examples.input, batch_, max_entries_, whole_, denoising != nullptr}},
        team_(network.n_weights() < kSmallNetwork ? 1 : std::min(n_threads, most_tiles(network))) {
    for (std::size_t l = 0; l <= top_; ++l) {
      const auto& layer = network.layers[l];
      const Index n_weights = tiled_size(layer.n_in, layer.n_out);
      // Of layer 0 only the rows that are touched are ever here.
      const bool huge_pages = l > 0 && n_weights * static_cast<Index>(sizeof(T)) >= kHugePages;
      layers_.push_back({Buffer<T>(n_weights, huge_pages), {}});
      T* space = layers_[l].weights.get();
      each_tile(layer.n_out, [&](Index first, Index units) {
        tiles(l).emplace_back(first, units, space, layer.n_in, batch_, l < top_, scaled_);
        space += layer.n_in * tiles(l).back().width;
        if (matrix(l)) tiles(l).back().room = Buffer<T>(matrix_room<T>(batch_, tiles(l).back().width));
        for (std::size_t below = 0; l > 0 && below < tiles(l - 1).size(); ++below) {
          tiles(l).back().dots.emplace_back(batch_ * tiles(l - 1)[below].width);
        }
      });
    }
    split_top_ = top_ > 0 && tiles(top_).size() == 1 && !scaled_ && !matrix(top_) && !denoising;
  }

  Tally run() {
    const auto ended = [&] { return !tally_.finished || done_ * batch_ >= n_order_; };
    do {  // a run of some milliseconds; then tiles may have other owners
      team_.run([&](int thread) {
        if (done_ == 0) begin(thread);
        do {
          if (ended()) return own(thread, [&](std::size_t l, Tile<T>& tile) { tile.unpack(network_.layers[l], scaled_); });
          step(thread, minibatches_[done_ % 2], minibatches_[(done_ + 1) % 2]);
        } while (!late_ || ended());
      });
    } while (!ended());
    for (std::size_t l = 0; l < top_; ++l) {
      for (const auto& tile : tiles(l)) tally_.penalty += settings_.l1[l] * tile.penalty;
    }
    for (const auto& tile : tiles(top_)) tally_.loss += tile.loss;
    return tally_;
  }

 private:
  std::vector<Tile<T>>& tiles(std::size_t l) { return layers_[l].tiles; }

  template <class Work>
  void own(int thread, Work&& work) {
    for (std::size_t l = 0; l <= top_; ++l) own(thread, l, [&](Tile<T>& tile) { work(l, tile); });
  }

  template <class Work>
  void own(int thread, std::size_t l, Work&& work) {
    const auto step = static_cast<std::size_t>(team_.size());
    for (auto t = static_cast<std::size_t>(thread); t < tiles(l).size(); t += step) work(tiles(l)[t]);
  }

  bool dense(std::size_t l) const { return l < settings_.dense.size() && settings_.dense[l]; }

  // Backward goes the other way through tiles and rows: what the forward pass came by last is found in
  // the cache.
  template <class Work>
  void own_backward(int thread, std::size_t l, Work&& work) {
    const auto step = static_cast<std::size_t>(team_.size());
    for (auto t = tiles(l).size(); t-- > 0;) {
      if (t % step == static_cast<std::size_t>(thread)) work(tiles(l)[t]);
    }
  }

  // Whether the input of a layer is used as a matrix, without lists.
  bool matrix(std::size_t l) const {
    return dense(l) && batch_ >= kManyExamples && !(l == 0 && examples_.input.sparse);
  }

  // Of layer 0 a row is fetched when it is first touched: of wide sparse input most never are. Column
  // scales concern all rows.
  bool lazy(std::size_t l) const { return l == 0 && !scaled_ && !matrix(0); }

  // To the sums of layer 0 for the first minibatch.
  void begin(int thread) {
    if (thread == 0) gather(minibatches_[0], 0);
    own(thread, [&](std::size_t l, Tile<T>& tile) { tile.pack(network_.layers[l], lazy(l), scaled_); });
    team_.barrier();
    own(thread, 0, [&](Tile<T>& tile) {
      if (lazy(0)) tile.pack_touched(network_.layers[0], minibatches_[0].input.view);
      forward(0, tile, minibatches_[0]);
    });
    team_.barrier();
  }

  // From the sums of layer 0 for this minibatch to those for the next.
  void step(int thread, const Minibatch<T>& now, Minibatch<T>& next) {
    if (denoising_) {
      decode(thread, now, next);
    } else {
      predict(thread, now, next);
    }
    own(thread, 0, [&](Tile<T>& tile) {
      if (top_ > 0) delta(0, tile, now);
      backward_to_next(tile, now, next);
    });
    if (thread == 0) {
      if (cancelled_()) tally_.finished = false;
      ++done_;
      late_ = team_.late();
    }
    team_.barrier();
  }

  // No output of a decoder depends on another tile's: whoever owns a tile goes on to its backward without
  // waiting, and finds its weights in the cache.
  void decode(int thread, const Minibatch<T>& now, Minibatch<T>& next) {
    own(thread, top_, [&](Tile<T>& tile) {
      add_products(top_, tile, now);
      reconstruct(tile, now);
      backward(top_, tile, now);
    });
    if (thread == team_.size() - 1) gather(next, now.start + now.n);
    team_.barrier();
  }

  void predict(int thread, const Minibatch<T>& now, Minibatch<T>& next) {
    for (std::size_t l = 1; l < top_ || (l == top_ && !split_top_); ++l) {
      own(thread, l, [&](Tile<T>& tile) { forward(l, tile, now); });
      team_.barrier();
    }
    if (thread == 0) {
      if (split_top_) forward(top_, tiles(top_)[0], now);
      cost(now);
    }
    if (thread == team_.size() - 1) gather(next, now.start + now.n);  // meanwhile
    team_.barrier();
    if (split_top_) {
      backward_top(thread, now);
    } else if (top_ > 0) {
      own_backward(thread, top_, [&](Tile<T>& tile) { backward(top_, tile, now); });
      team_.barrier();
    }
    for (std::size_t l = top_; l-- > 1;) {
      own_backward(thread, l, [&](Tile<T>& tile) {
        delta(l, tile, now);
        backward(l, tile, now);
      });
      team_.barrier();
    }
  }

  void gather(Minibatch<T>& to, Index start) {
    to.start = start;
    to.n = std::min(batch_, n_order_ - start);
    for (Index b = 0; b < to.n; ++b) {
      const Index row = order_[start + b];
      to.ids[static_cast<std::size_t>(b)] = examples_.ids[row];
      to.share[b] = static_cast<T>((examples_.weight ? examples_.weight[row] : 1.0) / static_cast<double>(to.n));
    }
    if (denoising_) {
      const Index n_units = denoising_->targets.n_units;
      gather_.gather(to.input, order_ + start, to.n, to.ids.data(), noise_,
                     EveryOutput<T>{denoising_->targets, order_ + start, to.target.get(), n_units, 1});
    } else {
      gather_.gather(to.input, order_ + start, to.n, to.ids.data(), noise_);
    }
    if (!matrix(0)) to.entries.arrange(to.input.view, to.n, sorted());
  }

  // Squared norms change row by row, and keep the order of the rows.
  bool sorted() const { return settings_.max_norm <= 0; }

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
      kernels_.forward_entries(below, tile.weights, tile.width, tile.z.get());
    });
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
  void cost(const Minibatch<T>& minibatch) {
    const Index n_outputs = network_.layers.back().n_out;
    for (auto& tile : tiles(top_)) std::fill_n(tile.delta.get(), minibatch.n * tile.width, T(0));
    for (Index b = 0; b < minibatch.n; ++b) {
      const Index row = order_[minibatch.start + b];
      const T share = minibatch.share[b];
      T value = 0;
      if (network_.softmax) {
        T largest = tiles(top_)[0].z[b * tiles(top_)[0].width], total = 0;
        each_output(b, [&](Index, T z, T&) { largest = !(z <= largest) ? z : largest; });
        each_output(b, [&](Index, T z, T& delta) { total += delta = std::exp(z - largest); });
        each_output(b, [&](Index j, T z, T& delta) {
          const bool correct = j == examples_.classes[row];
          if (correct) value = std::log(total) - (z - largest);
          delta = (delta / total - (correct ? T(1) : T(0))) * share;
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
    for (auto& tile : tiles(top_)) {
      for (Index j = 0; j < tile.n_units; ++j) {
        use(tile.first + j, tile.z[b * tile.width + j], tile.delta[b * tile.width + j]);
      }
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

  // A top layer of one tile is split by its rows: whoever owns a tile of the layer below needs the dots
  // of those alone, and can go on without waiting.
  void backward_top(int thread, const Minibatch<T>& minibatch) {
    Tile<T>& tile = tiles(top_)[0];
    const auto step = static_cast<std::size_t>(team_.size());
    for (auto t = static_cast<std::size_t>(thread); t < tiles(top_ - 1).size(); t += step) {
      kernels_.backward(tiles(top_ - 1)[t].entries.view(), tile.weights, tile.width, tile.delta.get(), tile.delta.get(),
                        rate(), tile.dots[t].get(), nullptr);
    }
    if (thread == 0) move_biases(tile, minibatch);
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
        kernels_.backward(below, tile.weights, tile.width, d_dot, d_update, rate(),
                          l > 0 ? tile.dots[t].get() : nullptr, bounded ? tile.norm_change.get() : nullptr);
      });
    }
    move_biases(tile, minibatch);
    if (scaled_) rescale(tile, bounded);
  }

  // Of layer 0: this minibatch's backward and the next one's forward.
  void backward_to_next(Tile<T>& tile, const Minibatch<T>& now, const Minibatch<T>& next) {
    if (lazy(0)) tile.pack_touched(network_.layers[0], next.input.view);
    if (scaled_ || matrix(0)) {  // column scales change in between, or there are no lists
      backward(0, tile, now);
      add_products(0, tile, next);
    } else {
      std::fill_n(tile.z.get(), next.n * tile.width, T(0));
      kernels_.backward_forward(now.entries.view(), next.entries.view(), tile.weights, tile.width, tile.delta.get(),
                                rate(), tile.z.get());
      move_biases(tile, now);
    }
    activate(0, tile, next);
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
  const ExamplesView<T>& examples_;
  const std::int64_t* order_;
  Index n_order_;
  const StepSettings& settings_;
  const Denoising<T>* denoising_;  // null unless it is an auto-encoder
  const Cancelled& cancelled_;
  const Kernels<T>& kernels_;
  Noise<T> noise_;  // of the input
  Index batch_;
  std::size_t top_;  // the output layer
  bool scaled_, split_top_ = false;
  bool whole_;  // input is gathered as a matrix
  Index max_entries_;
  Gather<T> gather_;
  Minibatch<T> minibatches_[2];
  Team team_;
  std::vector<TiledLayer<T>> layers_;
  Tally tally_;
  Index done_ = 0;     // steps
  bool late_ = false;  // the run ends with this step
};

}  // namespace

template <class T>
Tally train(const NetworkView<T>& network, const ExamplesView<T>& examples, const std::int64_t* order, Index n_order,
            const StepSettings& settings, const Denoising<T>* denoising, int n_threads, const Cancelled& cancelled) {
  return Trainer<T>(network, examples, order, n_order, settings, denoising, n_threads, cancelled).run();
}

template Tally train(const NetworkView<float>&, const ExamplesView<float>&, const std::int64_t*, Index,
                     const StepSettings&, const Denoising<float>*, int, const Cancelled&);
template Tally train(const NetworkView<double>&, const ExamplesView<double>&, const std::int64_t*, Index,
                     const StepSettings&, const Denoising<double>*, int, const Cancelled&);

}  // namespace truezero
