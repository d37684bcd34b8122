// Tiles of an auto-encoder's hidden units: their columns of the encoder and, transposed, of the decoder.
#pragma once

#include <algorithm>
#include <vector>

#include "tiles.h"

namespace truezero {

// A decoder's weights [n_units][n_out] as [n_out][width] of one tile of units, so that an output's are contiguous.
// They come and go by groups of outputs that share a cache line.
template <class T>
struct TransposedTile {
  using Layer = typename NetworkView<T>::Layer;
  static constexpr Index kGroup = 64 / sizeof(T);

  Index first, n_units, width;
  T* weights;
  std::vector<bool> packed;  // whether a group is here yet

  TransposedTile(Index first_unit, Index units, T* space, Index n_out)
      : first(first_unit), n_units(units), width(whole_vectors(units)), weights(space),
        packed(static_cast<std::size_t>((n_out + kGroup - 1) / kGroup)) {}

  // Calls use(weight here, weight there) for all of a group.
  template <class Use>
  void each_pair(const Layer& layer, Index group, Use&& use) const {
    const Index from = group * kGroup, n = std::min(kGroup, layer.n_out - from);
    for (Index j = 0; j < n_units; ++j) {
      T* there = layer.weights + (first + j) * layer.n_out + from;
      for (Index i = 0; i < n; ++i) use(weights[(from + i) * width + j], there[i]);
    }
  }

  void pack_touched(const Layer& layer, const ActiveRows<T>& touched) {
    for (Index i = 0; i < touched.n_rows; ++i) {
      const Index group = touched.rows[i] / kGroup;
      if (packed[static_cast<std::size_t>(group)]) continue;
      packed[static_cast<std::size_t>(group)] = true;
      each_pair(layer, group, [](T& here, T there) { here = there; });
      for (Index row = group * kGroup; row < std::min((group + 1) * kGroup, layer.n_out); ++row) {
        std::fill(weights + row * width + n_units, weights + (row + 1) * width, T(0));
      }
    }
  }

  void unpack_weights(const Layer& layer) const {
    for (std::size_t group = 0; group < packed.size(); ++group) {
      if (packed[group]) each_pair(layer, static_cast<Index>(group), [](T here, T& there) { there = here; });
    }
  }
};

template <class T>
struct UnitTile {
  using Layer = typename NetworkView<T>::Layer;

  WeightTile<T> encoder;
  TransposedTile<T> decoder;  // the same weights if they are tied
  bool tied;
  Buffer<T> biases, z, gain, delta;  // as of Tile; delta is dCost/dh first
  Buffer<T> dots;                    // of the listed outputs: this tile's part of r
  double penalty = 0;

  UnitTile(const Layer& layer, Index first, Index units, T* encoder_space, T* decoder_space, Index batch)
      : encoder(layer, first, units, encoder_space), decoder(first, units, decoder_space, layer.n_in),
        tied(encoder_space == decoder_space), biases(encoder.width), z(batch * encoder.width),
        gain(batch * encoder.width), delta(batch * encoder.width), dots(layer.n_in * batch) {}

  void pack_biases(const Layer& layer) {
    std::fill_n(biases.get(), encoder.width, T(0));
    std::copy_n(layer.biases + encoder.first, encoder.n_units, biases.get());
  }

  void pack_outputs(const NetworkView<T>& network, const ActiveRows<T>& outputs) {
    if (tied) {
      encoder.pack_touched(network.layers[0], outputs);
    } else {
      decoder.pack_touched(network.layers[1], outputs);
    }
  }

  void unpack(const NetworkView<T>& network) {
    if (tied) mark_touched_groups(network.layers[0]);
    encoder.unpack_weights(network.layers[0]);
    decoder.unpack_weights(network.layers[1]);
    std::copy_n(biases.get(), encoder.n_units, network.layers[0].biases + encoder.first);
  }

  // Sum of |h|, by as many sums as a vector has lanes at the most.
  double magnitude(Index n) const {
    double total = 0;
    for (Index b = 0; b < n; ++b) {
      T parts[16] = {};
      const T* h = z.get() + b * encoder.width;
      for (Index j = 0; j < encoder.width; j += 16) {
        for (Index k = 0; k < 16; ++k) parts[k] += h[j + k] < 0 ? -h[j + k] : h[j + k];
      }
      for (const T part : parts) total += static_cast<double>(part);
    }
    return total;
  }

 private:
  // A group is written to the tied decoder whole: its other rows are fetched as they were.
  void mark_touched_groups(const Layer& layer) {
    const Index n_groups = static_cast<Index>(decoder.packed.size()), size = TransposedTile<T>::kGroup;
    for (Index group = 0; group < n_groups; ++group) {
      const Index from = group * size, until = std::min(from + size, encoder.n_in);
      const bool touched = std::any_of(encoder.packed.get() + from, encoder.packed.get() + until,
                                       [](std::uint8_t packed) { return packed != 0; });
      decoder.packed[static_cast<std::size_t>(group)] = touched;
      for (Index i = from; i < until && touched; ++i) {
        if (!encoder.packed[i]) encoder.pack_row(layer, i);
      }
    }
  }
};

}  // namespace truezero
