// A layer's weights in column tiles, for the length of a call: packed each by itself, or where they lie.
#pragma once

#include <algorithm>

#include "entries.h"
#include "kernels.h"
#include "types.h"
#include "units.h"

namespace truezero {

inline Index whole_vectors(Index units) { return (units + 15) / 16 * 16; }

// All tiles of a layer but the last have so many units: as equal as whole vectors allow, so that the threads
// who own them have equal work.
inline Index tile_width(Index n_out) {
  const Index widest = n_out > 512 ? 256 : 128, n_tiles = (n_out + widest - 1) / widest;
  return whole_vectors((n_out + n_tiles - 1) / n_tiles);
}

// Calls use(first unit, number of units) for every tile.
template <class Use>
void each_tile(Index n_out, Use&& use) {
  const Index width = tile_width(n_out);
  for (Index first = 0; first < n_out; first += width) use(first, std::min(width, n_out - first));
}

// Of the layer that has most: more threads than that would have nothing to do.
template <class T>
int most_tiles(const NetworkView<T>& network) {
  Index most = 1;
  for (const auto& layer : network.layers) {
    const Index width = tile_width(layer.n_out);
    most = std::max(most, (layer.n_out + width - 1) / width);
  }
  return static_cast<int>(most);
}

// Whether a tile can be worked on where it lies: it ends with a vector, behind which there are others' weights.
inline bool whole(Index units) { return units == whole_vectors(units); }

// Numbers in a layer's tiles, or in those of them that cannot be worked on where they lie.
inline Index tiled_size(Index n_in, Index n_out, bool in_place = false) {
  Index size = 0;
  each_tile(n_out, [&](Index, Index units) { size += in_place && whole(units) ? 0 : n_in * whole_vectors(units); });
  return size;
}

template <class T>
struct WeightTile {
  using Layer = typename NetworkView<T>::Layer;

  Index first, n_units, width;  // width: n_units rounded up to whole vectors; the rest stays 0
  Index n_in;
  T* weights;                   // [n_in][width], rows `stride` apart
  Index stride;                 // width, or the layer's if it lies there
  bool in_place;
  Buffer<std::uint8_t> packed;  // whether a row is here yet; none in place

  // Without space for [rows][width] the weights stay where they lie.
  WeightTile(const Layer& layer, Index first_unit, Index units, T* space)
      : first(first_unit), n_units(units), width(whole_vectors(units)), n_in(layer.n_in),
        weights(space ? space : layer.weights + first_unit), stride(space ? width : layer.n_out), in_place(!space),
        packed(in_place ? 0 : n_in) {
    std::fill_n(packed.get(), in_place ? 0 : n_in, std::uint8_t{0});
  }

  T* row(Index i) const { return weights + i * stride; }

  void pack_row(const Layer& layer, Index i) {
    std::copy_n(layer.weights + i * layer.n_out + first, n_units, row(i));
    std::fill(row(i) + n_units, row(i) + width, T(0));
    packed[i] = 1;
  }

  void pack_touched(const Layer& layer, const ActiveRows<T>& touched) {
    if (in_place) return;
    for (Index i = 0; i < touched.n_rows; ++i) {
      if (!packed[touched.rows[i]]) pack_row(layer, touched.rows[i]);
    }
  }

  void unpack_weights(const Layer& layer) const {
    if (in_place) return;
    for (Index i = 0; i < n_in; ++i) {
      if (packed[i]) std::copy_n(row(i), n_units, layer.weights + i * layer.n_out + first);
    }
  }
};

// With all that a step makes of a tile's units. The weights are scale * those of the tile.
template <class T>
struct Tile : WeightTile<T> {
  Buffer<T> biases;
  Buffer<T> z;      // [batch][width]: sums, then outputs
  Buffer<T> gain;   // [batch][width]: dh/dz, of hidden layers
  Buffer<T> delta;  // [batch][width]: dCost/dz
  Buffer<T> scale, norm_change, d_dot, d_update;  // with weight decay or max-norm only
  Buffer<T> room;                                 // where the layer's input is a matrix
  std::vector<double> norm;                       // squared, of the unscaled columns
  ActiveList<T> active;                           // of hidden layers
  EntryLists<T> entries;                          // the same as training goes through them
  std::vector<Buffer<T>> dots;                    // per tile of the layer below: delta * weights, this tile's part
  double penalty = 0, loss = 0;

  Tile(const typename WeightTile<T>::Layer& layer, Index first_unit, Index units, T* space, Index batch, bool hidden,
       bool scaled)
      : WeightTile<T>(layer, first_unit, units, space), biases(this->width), z(batch * this->width),
        gain(hidden ? batch * this->width : 0), delta(batch * this->width), scale(scaled ? this->width : 0),
        norm_change(scaled ? this->width : 0), d_dot(scaled ? batch * this->width : 0),
        d_update(scaled ? batch * this->width : 0), norm(scaled ? static_cast<std::size_t>(this->width) : 0),
        active(hidden ? batch : 1, hidden ? units : 1),
        entries(batch, hidden ? units : 0, hidden ? batch * units : 0) {
    std::fill_n(delta.get(), batch * this->width, T(0));
  }

  // `lazy`: rows come when they are touched.
  void pack(const typename WeightTile<T>::Layer& layer, bool lazy, bool scaled) {
    for (Index i = 0; i < this->n_in && !lazy && !this->in_place; ++i) this->pack_row(layer, i);
    std::fill_n(biases.get(), this->width, T(0));
    std::copy_n(layer.biases + this->first, this->n_units, biases.get());
    if (!scaled) return;
    std::fill_n(scale.get(), this->width, T(1));
    measure();
  }

  void unpack(const typename WeightTile<T>::Layer& layer, bool scaled) {
    if (scaled) fold();
    this->unpack_weights(layer);
    std::copy_n(biases.get(), this->n_units, layer.biases + this->first);
  }

  // Multiplies the scales into the weights.
  void fold() {
    for (Index i = 0; i < this->n_in; ++i) {
      for (Index j = 0; j < this->width; ++j) this->row(i)[j] *= scale[j];
    }
    std::fill_n(scale.get(), this->width, T(1));
    measure();
  }

  void measure() {
    std::fill(norm.begin(), norm.end(), 0.0);
    for (Index i = 0; i < this->n_in; ++i) {
      for (Index j = 0; j < this->width; ++j) {
        const double w = this->row(i)[j];
        norm[static_cast<std::size_t>(j)] += w * w;
      }
    }
  }

  void move_biases(T rate, Index n) {
    for (Index j = 0; j < this->n_units; ++j) {
      T total = 0;
      for (Index b = 0; b < n; ++b) total += delta[b * this->width + j];
      biases[j] -= rate * total;
    }
  }
};

// A layer's tiles; those that are packed lie one after the other in `weights`.
template <class T>
struct TiledLayer {
  Buffer<T> weights;
  std::vector<Tile<T>> tiles;
};

}  // namespace truezero
