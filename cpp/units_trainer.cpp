// Auto-encoders by tiles of hidden units. Where the decoder's weights are tied to the encoder's, both are columns of
// one matrix; where outputs are sampled, a row of the transposed decoder is what an output touches. A tile's owner
// among the threads has its columns of both, and what crosses tiles, r, is added in tile order: the same bits for any
// number of threads.
//
// A step is, with a barrier where "|" stands:
//   units activated, each tile's part of r | r, cost and dCost/dr by blocks of outputs; next minibatch gathered |
//   backward of the decoder, then of the encoder with the next minibatch's forward of it
// Between the last stage and the next step's first no tile leaves its owner, so there is no barrier.

#include <atomic>

#include "autoencoder.h"
#include "dispatch.h"
#include "input.h"
#include "threads.h"
#include "unit_tiles.h"

namespace truezero {
namespace {

constexpr Index kRowsOfBlock = 32;  // of outputs

// What a step needs of its examples.
template <class T>
struct Minibatch {
  Index start = 0, n = 0;
  std::vector<std::int64_t> ids;
  Gathered<T> input;
  EntryLists<T> entries;
  OutputLists<T> outputs;

  Minibatch(const RowsView& rows, Index batch, Index max_entries, bool whole)
      : ids(static_cast<std::size_t>(batch)), input(rows, batch, max_entries, whole),
        entries(batch, std::min(rows.n_cols, max_entries), max_entries), outputs(rows.n_cols, batch) {}
};

template <class T>
class UnitsTrainer {
 public:
  UnitsTrainer(const NetworkView<T>& network, const ExamplesView<T>& examples, const std::int64_t* order, Index n_order,
               const AutoencoderSettings& settings, const Denoising<T>& denoising, int n_threads,
               const Cancelled& cancelled)
      : network_(network), examples_(examples), order_(order), n_order_(n_order), settings_(settings),
        denoising_(denoising), cancelled_(cancelled), kernels_(kernels_in_use<T>()),
        batch_(std::max<Index>(1, std::min(settings.batch_size, n_order))), n_in_(network.layers[0].n_in),
        sampled_(settings.sampling > 0), whole_(!examples.input.sparse || denoising.noise.whole()),
        max_entries_(Gather<T>::most_entries(examples.input, order, n_order, batch_, denoising.noise)),
        gather_(examples.input, kernels_, batch_, max_entries_, Listed::non_zeros, whole_),
        sampler_(denoising.targets, kernels_, settings.draw(Purpose::sampling, settings.sampling_threshold),
                 sampled_ ? settings.sampling : 1, sampled_ ? batch_ : 0),
        minibatches_{{examples.input, batch_, max_entries_, whole_}, {examples.input, batch_, max_entries_, whole_}},
        team_(network.n_weights() < kSmallNetwork ? 1 : n_threads),
        encoder_(tiled_size(n_in_, n_units()), huge_pages()),
        decoder_(settings.tied ? 0 : tiled_size(n_in_, n_units()), huge_pages()),
        block_cost_((n_in_ + kRowsOfBlock - 1) / kRowsOfBlock) {
    T* encoder = encoder_.get();
    T* decoder = settings.tied ? encoder : decoder_.get();
    each_tile(n_units(), [&](Index first, Index units) {
      tiles_.emplace_back(network_.layers[0], first, units, encoder, decoder, batch_);
      encoder += n_in_ * tiles_.back().encoder.width;
      decoder += n_in_ * tiles_.back().encoder.width;
    });
  }

  Tally run() {
    const auto ended = [&] { return !tally_.finished || done_ * batch_ >= n_order_; };
    do {  // a run of some milliseconds; then tiles may have other owners
      team_.run([&](int thread) {
        if (done_ == 0) begin(thread);
        for (Index s = done_; !ended(); ++s) {
          step(thread, minibatches_[s % 2], minibatches_[(s + 1) % 2]);
          if (late_ && !ended()) return;
        }
        own(thread, [&](UnitTile<T>& tile) { tile.unpack(network_); });
      });
    } while (!ended());
    for (const auto& tile : tiles_) tally_.penalty += settings_.l1[0] * tile.penalty;
    return tally_;
  }

 private:
  Index n_units() const { return network_.layers[0].n_out; }

  // Only rows that are touched are ever here, but most are in the end.
  bool huge_pages() const { return tiled_size(n_in_, n_units()) * static_cast<Index>(sizeof(T)) >= kHugePages; }

  template <class Work>
  void own(int thread, Work&& work) {
    const auto step = static_cast<std::size_t>(team_.size());
    for (auto t = static_cast<std::size_t>(thread); t < tiles_.size(); t += step) work(tiles_[t]);
  }

  // In reverse: the tile that was used last is found in the cache.
  template <class Work>
  void own_backward(int thread, Work&& work) {
    const auto step = static_cast<std::size_t>(team_.size());
    for (auto t = tiles_.size(); t-- > 0;) {
      if (t % step == static_cast<std::size_t>(thread)) work(tiles_[t]);
    }
  }

  // To the encoder's sums for the first minibatch.
  void begin(int thread) {
    if (thread == 0) gather(minibatches_[0], 0);
    team_.barrier();
    own(thread, [&](UnitTile<T>& tile) {
      tile.pack_biases(network_.layers[0]);
      tile.encoder.pack_touched(network_.layers[0], minibatches_[0].input.view);
      std::fill_n(tile.z.get(), minibatches_[0].n * tile.encoder.width, T(0));
      kernels_.forward_entries(minibatches_[0].entries.view(), tile.encoder.weights, tile.encoder.width,
                               tile.encoder.width, tile.z.get());
    });
  }

  // From the encoder's sums for this minibatch to those for the next.
  void step(int thread, Minibatch<T>& now, Minibatch<T>& next) {
    own(thread, [&](UnitTile<T>& tile) { encode(tile, now); });
    team_.barrier();
    if (thread == 0) {
      if (cancelled_()) tally_.finished = false;
      ++done_;
      late_ = team_.late();
    }
    if (thread == team_.size() - 1) gather(next, now.start + now.n);  // the others have more blocks meanwhile
    const Index n_blocks = (now.outputs.n_rows + kRowsOfBlock - 1) / kRowsOfBlock;
    for (Index block; (block = next_block_.fetch_add(1)) < n_blocks;) reconstruct(block, now);
    team_.barrier();
    own_backward(thread, [&](UnitTile<T>& tile) { backward_to_next(tile, now, next); });
    if (thread == 0) {
      for (Index block = 0; block < n_blocks; ++block) tally_.loss += block_cost_[block];
      next_block_.store(0);
    }
  }

  void gather(Minibatch<T>& to, Index start) {
    to.start = start;
    to.n = std::min(batch_, n_order_ - start);
    if (to.n <= 0) {  // the last one's next has no examples
      to.n = 0;
      to.input.view = {};
      to.entries.arrange(to.input.view, 0, true);
      return;
    }
    const std::int64_t* position = order_ + start;
    for (Index b = 0; b < to.n; ++b) to.ids[static_cast<std::size_t>(b)] = examples_.ids[position[b]];
    if (sampled_) {
      sampler_.begin(position, static_cast<std::uint32_t>(to.ids[0]));
      gather_.gather(to.input, position, to.n, to.ids.data(), denoising_.noise, sampler_);
      sampler_.end(to.outputs, to.n);
    } else {
      gather_.gather(to.input, position, to.n, to.ids.data(), denoising_.noise,
                     EveryOutput<T>{denoising_.targets, position, to.outputs.target.get(), 1, to.n});
      to.outputs.list_all(n_in_, to.n);
    }
    to.entries.arrange(to.input.view, to.n, true);
  }

  // From a tile's sums to its outputs and its part of r.
  void encode(UnitTile<T>& tile, const Minibatch<T>& minibatch) {
    const Index width = tile.encoder.width;
    kernels_.activate({network_.layers[0].activation, network_.softplus_scale, nullptr, tile.biases.get(), nullptr},
                      minibatch.n, tile.encoder.n_units, width, tile.z.get(), tile.gain.get());
    if (settings_.l1[0] != 0) tile.penalty += tile.magnitude(minibatch.n);
    tile.pack_outputs(network_, minibatch.outputs.view());
    kernels_.dots(minibatch.outputs.view(), tile.decoder.weights, width, tile.z.get(), tile.dots.get());
  }

  // A block of outputs: r, cost, dCost/dr, and the biases' step.
  void reconstruct(Index block, Minibatch<T>& minibatch) {
    OutputLists<T>& outputs = minibatch.outputs;
    const Index first_row = block * kRowsOfBlock, end_row = std::min(first_row + kRowsOfBlock, outputs.n_rows);
    const Index first = outputs.start[first_row], n = outputs.start[end_row] - first;
    T* delta = outputs.delta.get() + first;  // r until then
    T* biases = network_.layers[1].biases;
    for (Index i = first_row; i < end_row; ++i) {
      std::fill(outputs.delta.get() + outputs.start[i], outputs.delta.get() + outputs.start[i + 1], biases[outputs.rows[i]]);
    }
    for (const auto& tile : tiles_) {
      const T* part = tile.dots.get() + first;
      for (Index k = 0; k < n; ++k) delta[k] += part[k];
    }
    const OutputsView<T> view = {delta, nullptr, outputs.target.get() + first,
                                 sampled_ ? outputs.weight.get() + first : nullptr,
                                 static_cast<T>(1.0 / static_cast<double>(minibatch.n))};
    block_cost_[block] = static_cast<double>(kernels_.reconstruct(denoising_.reconstruction, view, n, delta));
    for (Index i = first_row; i < end_row && network_.use_biases; ++i) {
      T total = 0;
      for (Index k = outputs.start[i]; k < outputs.start[i + 1]; ++k) total += outputs.delta[k];
      biases[outputs.rows[i]] -= rate() * total;
    }
  }

  // Both gradients are taken at the weights as they were, also where the two updates are of the same ones.
  void backward_to_next(UnitTile<T>& tile, const Minibatch<T>& now, const Minibatch<T>& next) {
    const Index width = tile.encoder.width;
    std::fill_n(tile.delta.get(), now.n * width, T(0));
    kernels_.backward_outputs(now.outputs.view(), tile.decoder.weights, width, tile.z.get(), rate(), tile.delta.get());
    const T l1 = static_cast<T>(settings_.l1[0] / static_cast<double>(now.n));
    for (Index b = 0; b < now.n; ++b) {
      const T *h = tile.z.get() + b * width, *gain = tile.gain.get() + b * width;
      T* delta = tile.delta.get() + b * width;
      for (Index j = 0; j < tile.encoder.n_units; ++j) {
        delta[j] = (delta[j] + (h[j] > 0 ? l1 : h[j] < 0 ? -l1 : T(0))) * gain[j];
      }
    }
    tile.encoder.pack_touched(network_.layers[0], next.input.view);
    std::fill_n(tile.z.get(), next.n * width, T(0));
    kernels_.backward_forward(now.entries.view(), next.entries.view(), tile.encoder.weights, width, width, tile.delta.get(),
                              rate(), tile.z.get());
    if (!network_.use_biases) return;
    for (Index j = 0; j < tile.encoder.n_units; ++j) {
      T total = 0;  // first: a bias would lose the same bits to each of many rows that are alike
      for (Index b = 0; b < now.n; ++b) total += tile.delta[b * width + j];
      tile.biases[j] -= rate() * total;
    }
  }

  T rate() const { return static_cast<T>(settings_.learning_rate); }

  const NetworkView<T>& network_;
  const ExamplesView<T>& examples_;
  const std::int64_t* order_;
  Index n_order_;
  const AutoencoderSettings& settings_;
  const Denoising<T>& denoising_;
  const Cancelled& cancelled_;
  const Kernels<T>& kernels_;
  Index batch_, n_in_;
  bool sampled_;
  bool whole_;  // input is gathered as a matrix
  Index max_entries_;
  Gather<T> gather_;
  Sampler<T> sampler_;
  Minibatch<T> minibatches_[2];
  Team team_;
  Buffer<T> encoder_, decoder_;
  std::vector<UnitTile<T>> tiles_;
  Buffer<double> block_cost_;
  alignas(64) std::atomic<Index> next_block_{0};
  Tally tally_;
  Index done_ = 0;     // steps, the one that goes on included
  bool late_ = false;  // the run ends with this step
};

}  // namespace

template <class T>
Tally train_by_units(const NetworkView<T>& network, const ExamplesView<T>& examples, const std::int64_t* order,
                     Index n_order, const AutoencoderSettings& settings, const Denoising<T>& denoising, int n_threads,
                     const Cancelled& cancelled) {
  return UnitsTrainer<T>(network, examples, order, n_order, settings, denoising, n_threads, cancelled).run();
}

template Tally train_by_units(const NetworkView<float>&, const ExamplesView<float>&, const std::int64_t*, Index,
                              const AutoencoderSettings&, const Denoising<float>&, int, const Cancelled&);
template Tally train_by_units(const NetworkView<double>&, const ExamplesView<double>&, const std::int64_t*, Index,
                              const AutoencoderSettings&, const Denoising<double>&, int, const Cancelled&);

}  // namespace truezero
