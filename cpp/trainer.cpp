// For the length of a call every layer's weights are in column tiles. A tile has one owner among the
// threads, who alone touches it; whatever crosses tiles is added in tile order. So the result has the
// same bits for any number of threads, and a tile of z, a row of the tile and a tile of delta fit the
// caches while a minibatch's non-zero entries stream over them. To pack the weights so that a tile's lie
// together costs as much as some steps: for few rows a tile is a part of the matrix itself.
//
// A step is, with a barrier where "|" stands:
//   forward of layer 1 | ... | forward of the output, cost; next minibatch gathered | backward of the
//   output, ... | backward of layer 1 | backward of layer 0 with the next minibatch's forward of it |
// Only the backward of a layer changes its weights, in the same pass that multiplies delta by the
// weights as they were: each is read once and written once. The pass over layer 0, whose delta goes no
// further down, makes the next minibatch's sums as well, so that rows which both touch are read once.

#include "trainer.h"

#include <algorithm>

#include "dispatch.h"
#include "minibatch.h"
#include "threads.h"
#include "tiled_network.h"

namespace truezero {
namespace {

template <class T>
class Trainer {
 public:
  Trainer(const NetworkView<T>& network, const ExamplesView<T>& examples, const std::int64_t* order, Index n_order,
          const StepSettings& settings, const Denoising<T>* denoising, int n_threads, const Cancelled& cancelled)
      : examples_(examples), order_(order), n_order_(n_order), denoising_(denoising), cancelled_(cancelled),
        batch_(std::max<Index>(1, std::min(settings.batch_size, n_order))),
        network_(network, settings, batch_, n_order <= kFewRows, examples.input.sparse, denoising, kernels_in_use<T>()),
        reader_(examples, order, n_order, batch_, settings, denoising, kernels_in_use<T>(), network_.input_listed(),
                network_.sorted()),
        minibatches_{reader_.room(), reader_.room()}, top_(network_.top()), split_top_(network_.split_top()),
        team_(network.n_weights() < kSmallNetwork ? 1 : std::min(n_threads, most_tiles(network))) {}

  Tally run() {
    const auto ended = [&] { return !finished_ || done_ * batch_ >= n_order_; };
    do {  // a run of some milliseconds; then tiles may have other owners
      team_.run([&](int thread) {
        if (done_ == 0) begin(thread);
        do {
          if (ended()) return own(thread, [&](std::size_t l, Tile<T>& tile) { network_.unpack(l, tile); });
          step(thread, minibatches_[done_ % 2], minibatches_[(done_ + 1) % 2]);
        } while (!late_ || ended());
      });
    } while (!ended());
    Tally tally = network_.tally();
    tally.finished = finished_;
    return tally;
  }

 private:
  template <class Work>
  void own(int thread, Work&& work) {
    for (std::size_t l = 0; l <= top_; ++l) own(thread, l, [&](Tile<T>& tile) { work(l, tile); });
  }

  template <class Work>
  void own(int thread, std::size_t l, Work&& work) {
    own_numbers(thread, l, [&](std::size_t t) { work(network_.tiles(l)[t]); });
  }

  template <class Work>
  void own_numbers(int thread, std::size_t l, Work&& work) {
    const auto step = static_cast<std::size_t>(team_.size());
    for (auto t = static_cast<std::size_t>(thread); t < network_.tiles(l).size(); t += step) work(t);
  }

  // Backward goes the other way through tiles and rows: what the forward pass came by last is found in
  // the cache.
  template <class Work>
  void own_backward(int thread, std::size_t l, Work&& work) {
    const auto step = static_cast<std::size_t>(team_.size());
    for (auto t = network_.tiles(l).size(); t-- > 0;) {
      if (t % step == static_cast<std::size_t>(thread)) work(network_.tiles(l)[t]);
    }
  }

  // To the sums of layer 0 for the first minibatch.
  void begin(int thread) {
    if (thread == 0) reader_.gather(minibatches_[0], order_);
    own(thread, [&](std::size_t l, Tile<T>& tile) { network_.pack(l, tile); });
    team_.barrier();
    own(thread, 0, [&](Tile<T>& tile) { network_.forward_first(tile, minibatches_[0]); });
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
      if (top_ > 0) network_.delta(0, tile, now);
      network_.backward_to_next(tile, now, next);
    });
    if (thread == 0) {
      if (cancelled_()) finished_ = false;
      ++done_;
      late_ = team_.late();
    }
    team_.barrier();
  }

  // No output of a decoder depends on another tile's: whoever owns a tile goes on to its backward without
  // waiting, and finds its weights in the cache.
  void decode(int thread, const Minibatch<T>& now, Minibatch<T>& next) {
    own(thread, top_, [&](Tile<T>& tile) {
      network_.add_products(top_, tile, now);
      network_.reconstruct(tile, now);
      network_.backward(top_, tile, now);
    });
    if (thread == team_.size() - 1) reader_.gather(next, now.rows + now.n);
    team_.barrier();
  }

  void predict(int thread, const Minibatch<T>& now, Minibatch<T>& next) {
    for (std::size_t l = 1; l < top_ || (l == top_ && !split_top_); ++l) {
      own(thread, l, [&](Tile<T>& tile) { network_.forward(l, tile, now); });
      team_.barrier();
    }
    if (thread == 0) {
      if (split_top_) network_.forward(top_, network_.tiles(top_)[0], now);
      network_.cost(now, examples_);
    }
    if (thread == team_.size() - 1) reader_.gather(next, now.rows + now.n);  // meanwhile
    team_.barrier();
    if (split_top_) {
      // Whoever owns a tile of the layer below needs the dots of that alone, and can go on without waiting.
      own_numbers(thread, top_ - 1, [&](std::size_t t) { network_.backward_top(t, now); });
    } else if (top_ > 0) {
      own_backward(thread, top_, [&](Tile<T>& tile) { network_.backward(top_, tile, now); });
      team_.barrier();
    }
    for (std::size_t l = top_; l-- > 1;) {
      own_backward(thread, l, [&](Tile<T>& tile) {
        network_.delta(l, tile, now);
        network_.backward(l, tile, now);
      });
      team_.barrier();
    }
  }

  const ExamplesView<T>& examples_;
  const std::int64_t* order_;
  Index n_order_;
  const Denoising<T>* denoising_;  // null unless it is an auto-encoder
  const Cancelled& cancelled_;
  Index batch_;
  TiledNetwork<T> network_;
  MinibatchReader<T> reader_;
  Minibatch<T> minibatches_[2];
  std::size_t top_;
  bool split_top_;
  Team team_;
  Index done_ = 0;        // steps
  bool finished_ = true;  // false: cancelled
  bool late_ = false;     // the run ends with this step
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
