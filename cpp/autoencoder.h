// Training of denoising auto-encoders of one hidden layer.
#pragma once

#include "trainer.h"

namespace truezero {

struct AutoencoderSettings : StepSettings {  // of those for a step: no dropout, max-norm or weight decay
  std::uint32_t stack_layer = 0;             // draws are addressed by it
  std::uint64_t zeros_threshold = 0, ones_threshold = 0;  // round(p * 2^32), of corruption
  double noise_deviation = 0;
  int reconstruction = 0, target = 0;  // numbers in reconstruction.py
  bool bounded = false;
  double deviation = 1;  // of the censored likelihoods
  bool tied = false;
  double sampling = 0;  // 0: all outputs are reconstructed
  std::uint64_t sampling_threshold = 0;

  Draw draw(Purpose purpose, std::uint64_t threshold) const { return {seed, epoch, stack_layer, purpose, threshold}; }
};

// As `train`, of a network n_in - n_units - n_in with linear output. `values`, if there are any, are what shall be
// reconstructed instead of the clean input; examples have no weights.
template <class T>
Tally train_autoencoder(const NetworkView<T>& network, const ExamplesView<T>& examples, const std::int64_t* order,
                        Index n_order, const AutoencoderSettings& settings, int n_threads, const Cancelled& cancelled);

// The same for tied weights or sampled outputs, where the work goes by tiles of hidden units.
template <class T>
Tally train_by_units(const NetworkView<T>& network, const ExamplesView<T>& examples, const std::int64_t* order,
                     Index n_order, const AutoencoderSettings& settings, const Denoising<T>& denoising, int n_threads,
                     const Cancelled& cancelled);

}  // namespace truezero
