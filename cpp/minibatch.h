// What a step of minibatch SGD needs of its examples, and how it is made.
#pragma once

#include <algorithm>
#include <vector>

#include "entries.h"
#include "input.h"
#include "targets.h"
#include "trainer.h"

namespace truezero {

// What a step needs of its examples.
template <class T>
struct Minibatch {
  const std::int64_t* rows = nullptr;  // whose they are, n of them
  Index n = 0;
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

inline Draw dropout(const StepSettings& settings, std::size_t layer, std::uint64_t threshold) {
  return {settings.seed, settings.epoch, static_cast<std::uint32_t>(layer), Purpose::dropout, threshold};
}

template <class T>
Noise<T> input_dropout(const StepSettings& settings) {
  Noise<T> noise;
  noise.dropout = dropout(settings, 0, settings.input_dropout_threshold);
  noise.keep = static_cast<T>(1 / (1 - settings.input_dropout));
  return noise;
}

// Gathers the minibatches of a call, in the order of its rows.
template <class T>
class MinibatchReader {
 public:
  MinibatchReader(const ExamplesView<T>& examples, const std::int64_t* order, Index n_order, Index batch,
                  const StepSettings& settings, const Denoising<T>* denoising, const Kernels<T>& kernels, Listed listed,
                  bool sorted)
      : examples_(examples), end_(order + n_order), batch_(batch), denoising_(denoising), listed_(listed), sorted_(sorted),
        noise_(denoising ? denoising->noise : input_dropout<T>(settings)),
        whole_(!examples.input.sparse || noise_.whole()),
        max_entries_(Gather<T>::most_entries(examples.input, order, n_order, batch, noise_)),
        gather_(examples.input, kernels, batch, max_entries_, listed, whole_) {}

  Minibatch<T> room() const { return {examples_.input, batch_, max_entries_, whole_, denoising_ != nullptr}; }

  // From the row at `rows` of the order on.
  void gather(Minibatch<T>& to, const std::int64_t* rows) {
    to.rows = rows;
    to.n = std::min<Index>(batch_, end_ - rows);
    for (Index b = 0; b < to.n; ++b) {
      to.ids[static_cast<std::size_t>(b)] = examples_.ids[rows[b]];
      to.share[b] = static_cast<T>((examples_.weight ? examples_.weight[rows[b]] : 1.0) / static_cast<double>(to.n));
    }
    if (denoising_) {
      const Index n_units = denoising_->targets.n_units;
      gather_.gather(to.input, rows, to.n, to.ids.data(), noise_,
                     EveryOutput<T>{denoising_->targets, rows, to.target.get(), n_units, 1});
    } else {
      gather_.gather(to.input, rows, to.n, to.ids.data(), noise_);
    }
    if (listed_ != Listed::nothing) to.entries.arrange(to.input.view, to.n, sorted_);
  }

 private:
  const ExamplesView<T>& examples_;
  const std::int64_t* end_;  // of the order
  Index batch_;
  const Denoising<T>* denoising_;  // null unless it is an auto-encoder
  Listed listed_;
  bool sorted_;
  Noise<T> noise_;
  bool whole_;  // input is gathered as a matrix
  Index max_entries_;
  Gather<T> gather_;
};

}  // namespace truezero
