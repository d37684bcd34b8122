#include "autoencoder.h"

namespace truezero {

template <class T>
Tally train_by_units(const NetworkView<T>&, const ExamplesView<T>&, const std::int64_t*, Index,
                     const AutoencoderSettings&, const Denoising<T>&, int, const Cancelled&) {
  return {};
}

template Tally train_by_units(const NetworkView<float>&, const ExamplesView<float>&, const std::int64_t*, Index,
                              const AutoencoderSettings&, const Denoising<float>&, int, const Cancelled&);
template Tally train_by_units(const NetworkView<double>&, const ExamplesView<double>&, const std::int64_t*, Index,
                              const AutoencoderSettings&, const Denoising<double>&, int, const Cancelled&);

}  // namespace truezero
