#include "autoencoder.h"

namespace truezero {
namespace {

template <class T>
Denoising<T> denoising(const NetworkView<T>& network, const ExamplesView<T>& examples, const AutoencoderSettings& settings) {
  Denoising<T> made;
  made.noise.zeros = settings.draw(Purpose::corruption, settings.zeros_threshold);
  made.noise.ones = settings.draw(Purpose::pepper, settings.ones_threshold);
  made.noise.normal = settings.draw(Purpose::corruption, 0);
  made.noise.deviation = settings.noise_deviation;
  made.targets = {static_cast<TargetKind>(settings.target), settings.bounded, examples.values, network.layers[0].n_in};
  made.reconstruction = {settings.reconstruction, settings.deviation};
  return made;
}

}  // namespace

template <class T>
Tally train_autoencoder(const NetworkView<T>& network, const ExamplesView<T>& examples, const std::int64_t* order,
                        Index n_order, const AutoencoderSettings& settings, int n_threads, const Cancelled& cancelled) {
  const Denoising<T> of_decoder = denoising(network, examples, settings);
  if (settings.tied || settings.sampling > 0) {
    return train_by_units(network, examples, order, n_order, settings, of_decoder, n_threads, cancelled);
  }
  return train(network, examples, order, n_order, settings, &of_decoder, n_threads, cancelled);
}

template Tally train_autoencoder(const NetworkView<float>&, const ExamplesView<float>&, const std::int64_t*, Index,
                                 const AutoencoderSettings&, int, const Cancelled&);
template Tally train_autoencoder(const NetworkView<double>&, const ExamplesView<double>&, const std::int64_t*, Index,
                                 const AutoencoderSettings&, int, const Cancelled&);

}  // namespace truezero
