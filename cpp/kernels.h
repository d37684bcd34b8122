// The inner loops, one set per instruction level. This header is compiled with every level's flags:
// it holds declarations only, or code for one level could end up in another's place.
#pragma once

#include <cstddef>
#include <cstdint>

namespace truezero {

// The non-zero inputs of a minibatch, by input: row i of the weights is touched by the examples
// example[start[i]] .. example[start[i + 1] - 1], ascending, with these values.
template <class T>
struct ActiveRows {
  std::int64_t n_rows;
  const std::int32_t* rows;  // ascending
  const std::int64_t* start;
  const std::int32_t* example;
  const T* value;
};

template <class T>
struct Kernels {
  // z[example] += value * weights[row], for all of `active` in its order.
  void (*forward)(const ActiveRows<T>& active, const T* weights, std::ptrdiff_t weight_stride,
                  std::ptrdiff_t width, T* z, std::ptrdiff_t z_stride);

  // One pass over the touched rows of a tile (all strides are `width`, a multiple of 16):
  // dots[entry] = weights[row] . d_dot[example], with the weights before the update (if dots), and
  // weights[row] -= rate * sum of value * d_update[example]. If norm_change, what that changes the
  // columns' squared norms by is added to it.
  void (*backward)(const ActiveRows<T>& active, T* weights, std::ptrdiff_t width, const T* d_dot,
                   const T* d_update, T rate, T* dots, T* norm_change);
};

struct Level {
  const char* name;
  const Kernels<float>* f32;
  const Kernels<double>* f64;
};

extern const Level level_baseline, level_avx2, level_avx512;

}  // namespace truezero
