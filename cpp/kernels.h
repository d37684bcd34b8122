// The inner loops, one set per instruction level. This header is compiled with every level's flags:
// it holds declarations only, or code for one level could end up in another's place.
#pragma once

#include <cstddef>
#include <cstdint>

namespace truezero {

// A float's upper half. Weights may be kept so for prediction; all else stays as it is.
struct Bfloat16 {
  std::uint16_t bits;
};

// The non-zero inputs of a minibatch, by input: row i of the weights is touched by the examples
// example[start[i]] .. example[start[i + 1] - 1], ascending, with these values.
template <class T>
struct ActiveRows {
  std::int64_t n_rows = 0;
  const std::int32_t* rows = nullptr;  // ascending, but in Entries
  const std::int64_t* start = nullptr;
  const std::int32_t* example = nullptr;
  const T* value = nullptr;
  std::int64_t full = 0;  // not 0: rows are consecutive, each touched by all of so many examples
};

// The same by blocks of kBlockRows of the rows, in a block example after example, rows ascending: an example's sums
// stay in registers for all its rows in a block.
template <class T>
struct ExampleBlocks {
  std::int64_t n_examples = 0;
  const std::int32_t* start = nullptr;  // [block][n_examples + 1], of entries
  const std::int32_t* row = nullptr;
  const T* value = nullptr;
};

// The non-zero inputs of a minibatch as training goes through them. The rows are in order of segments of kSegmentRows,
// which a second-level cache holds, and in a segment of how many examples touch them: loops are of a known
// length then, and rows are worked on side by side.
constexpr std::ptrdiff_t kBlockRows = 32, kSegmentRows = 256;
constexpr int kClasses = 10;
template <class T>
struct Entries {
  ActiveRows<T> rows;
  const std::int32_t* ascending = nullptr;  // the rows, ascending
  std::int64_t n_segments = 0;
  const std::int32_t* classes = nullptr;  // [segment][kClasses + 2]: first row of 1, 2, .. kClasses, of more, end
  ExampleBlocks<T> blocks;                // unless `rows` is full
};

// Prediction goes by blocks of so many units, and by column tiles of a block's weights that fill the
// first-level cache: kBlock rows of kTileBytes.
constexpr std::ptrdiff_t kBlock = 128, kTileBytes = 256;
template <class T>
constexpr std::ptrdiff_t kTile = kTileBytes / static_cast<std::ptrdiff_t>(sizeof(T));

// The active ones among up to kBlock units, example after example.
template <class T>
struct ActiveBlock {
  const std::int32_t* start;  // [example + 1]
  const std::int32_t* unit;   // ascending
  const T* value;
};

// Rows of the tile that comes next, to be asked for meanwhile: those that any example needs.
struct NextTile {
  const void* tile;
  std::ptrdiff_t row_bytes, needed;  // bytes of a row, and how many of them
  std::ptrdiff_t n_rows;
  const std::int32_t* rows;
};

// Where the active units of a minibatch are listed; room for all of them.
template <class T>
struct UnitLists {
  std::int32_t* rows;
  std::int64_t* start;
  std::int32_t* example;
  T* value;
  std::uint32_t* bits;  // scratch: 16 words for every 32 examples
};

constexpr int kActivations = 8;

// What the activation of a layer is made of; codes as in activations.py.
template <class T>
struct ActivationView {
  int code;
  double softplus_scale;
  const T* column_scale;  // null: all 1
  const T* biases;
  const T* signs;  // null: all +1
};

// Products of matrices read what they have packed: so many rows of at most two vectors of the weights, or all of a
// tile's gradients and a few inputs of all examples.
constexpr std::ptrdiff_t kMatrixPanel = 256, kMatrixRows = 12;
template <class T>
constexpr std::ptrdiff_t matrix_room(std::ptrdiff_t n_examples, std::ptrdiff_t width) {
  const std::ptrdiff_t panel = kMatrixPanel * 128 / static_cast<std::ptrdiff_t>(sizeof(T));
  const std::ptrdiff_t gradients = n_examples * (width + kMatrixRows);
  return panel > gradients ? panel : gradients;
}

constexpr int kReconstructions = 6;

// A decoder's outputs and their cost; codes as in reconstruction.py.
struct ReconstructionView {
  int code = 0;
  double deviation = 1;  // of the censored likelihoods
};

// Outputs r = sums + biases and what they should be.
template <class T>
struct OutputsView {
  const T* sums;
  const T* biases;  // null: 0
  const T* target;
  const T* weight;  // of each in the cost; null: 1
  T share;          // of the examples in the mean
};

constexpr std::ptrdiff_t kBlocksAtOnce = 16;  // of random words

// What depends on how weights are kept for prediction: each as a W. Every sum z runs over its inputs in ascending
// order, one multiply-add after another, in all of the forward kernels: whichever is used, the bits are the same.
template <class T, class W = T>
struct WeightKernels {
  // z[example] += value * weights[row], for all of `active` in its order.
  void (*forward)(const ActiveRows<T>& active, const W* weights, std::ptrdiff_t weight_stride,
                  std::ptrdiff_t width, T* z, std::ptrdiff_t z_stride);

  // The same for one example: z[0 .. width) += value[i] * weights[row[i]].
  void (*forward_one)(std::ptrdiff_t n, const std::int32_t* row, const T* value, const W* weights,
                      std::ptrdiff_t weight_stride, std::ptrdiff_t width, T* z);

  // Those of n_rows rows of a tile as numbers: to[row][kTile<T>] = tile[row][kTile<T>].
  void (*widen)(const W* tile, std::ptrdiff_t n_rows, const std::int32_t* rows, T* to);
};

template <class T>
struct Kernels : WeightKernels<T> {
  // z[example][kBlock], `columns` of it and those up to a whole vector, = (if `first`) or += a block's active units
  // times tile[unit][kTile].
  void (*forward_block)(const ActiveBlock<T>& block, std::ptrdiff_t n_examples, const T* tile, std::ptrdiff_t columns,
                        bool first, T* z, const NextTile& next);

  // The same for a block given whole, h[example][kBlock], of which n_units are used.
  void (*forward_dense)(const T* h, std::ptrdiff_t n_units, std::ptrdiff_t n_examples, const T* tile,
                        std::ptrdiff_t columns, bool first, T* z, const NextTile& next);

  // `forward` for entries in blocks; width is a multiple of 16, rows of weights are `stride` apart and z's `width`.
  void (*forward_entries)(const Entries<T>& entries, const T* weights, std::ptrdiff_t stride, std::ptrdiff_t width,
                          T* z);

  // Lists what is not 0 in h[0 .. n), n a multiple of 16; returns how many. `unit` and `value` have
  // room for 16 more.
  std::ptrdiff_t (*collect)(const T* h, std::ptrdiff_t n, std::int32_t first_unit, std::int32_t* unit, T* value);

  // Lists the units first .. first + width that are active in any of n examples, unit by unit, with the
  // examples: where h[example][stride] or gain is not 0, or everywhere if `all`. With both zero, a unit
  // neither adds to a sum nor passes on a gradient. Returns the number of rows.
  std::int64_t (*collect_units)(const T* h, const T* gain, std::ptrdiff_t n_examples, std::ptrdiff_t width,
                                std::ptrdiff_t stride, std::int32_t first, bool all, const UnitLists<T>& to);

  // Sums z[example][stride] become outputs h = s * f(z), with z = scale * sum + bias, in place; `gain`,
  // if not null, becomes dh/dz.
  void (*activate)(const ActivationView<T>& activation, std::ptrdiff_t n_examples, std::ptrdiff_t n_units,
                   std::ptrdiff_t stride, T* z, T* gain);

  // How many of h[example][stride] are 0; ever_active[unit] is set where one is not.
  std::int64_t (*count_zeros)(const T* h, std::ptrdiff_t n_examples, std::ptrdiff_t n_units, std::ptrdiff_t stride,
                              std::uint8_t* ever_active);

  // As `backward` without dots for one minibatch, and `forward` with the weights then for the next one,
  // whose sums are z: a row that both touch is read and written once.
  void (*backward_forward)(const Entries<T>& entries, const Entries<T>& next, T* weights, std::ptrdiff_t stride,
                           std::ptrdiff_t width, const T* delta, T rate, T* z);

  // One pass over the touched rows of a tile (rows of weights are `stride` apart, others `width`, a multiple of 16):
  // dots[entry] = weights[row] . d_dot[example], with the weights before the update (if dots), and
  // weights[row] -= rate * sum of value * d_update[example]. If norm_change, what that changes the
  // columns' squared norms by is added to it.
  void (*backward)(const Entries<T>& entries, T* weights, std::ptrdiff_t stride, std::ptrdiff_t width, const T* d_dot,
                   const T* d_update, T rate, T* dots, T* norm_change);

  // Where a layer is taken whole, input x[example][x_stride] of n examples; the weights' rows and z, d are `width`
  // apart, a multiple of 16, and room is for matrix_room(n, width) numbers. z += x weights
  void (*multiply)(std::ptrdiff_t n, std::ptrdiff_t n_in, const T* x, std::ptrdiff_t x_stride, const T* weights,
                   std::ptrdiff_t width, T* z, T* room);

  // to[example][stride] = d weights', of n_in inputs
  void (*multiply_back)(std::ptrdiff_t n, std::ptrdiff_t n_in, const T* d, const T* weights, std::ptrdiff_t width, T* to,
                        std::ptrdiff_t stride);

  // weights -= rate * x' d, summed over the examples first
  void (*move_weights)(std::ptrdiff_t n, std::ptrdiff_t n_in, const T* x, std::ptrdiff_t x_stride, const T* d, T rate,
                       T* weights, std::ptrdiff_t width, T* room);

  // to[entry] = weights[row] . h[example], of a transposed decoder: a row is an output's weights.
  void (*dots)(const ActiveRows<T>& active, const T* weights, std::ptrdiff_t width, const T* h, T* to);

  // Where the entries' values are dCost/dr, in one pass over the rows: dh[example] += value * weights[row], with
  // the weights before the update, and weights[row] -= rate * sum of value * h[example].
  void (*backward_outputs)(const ActiveRows<T>& active, T* weights, std::ptrdiff_t width, const T* h, T rate, T* dh);

  // The cost of n outputs, times their weights; delta becomes its gradient by r, times weight and share.
  T (*reconstruct)(const ReconstructionView& reconstruction, const OutputsView<T>& of, std::ptrdiff_t n, T* delta);

  // The words of n_blocks counters, from `counter` on, its first word counting; `to` has room for a
  // multiple of kBlocksAtOnce blocks.
  void (*draw)(const std::uint32_t* counter, std::uint64_t key, std::ptrdiff_t n_blocks, std::uint32_t* to);

  // Lists which of words[0 .. n) are not above `highest`, as units from `first` on; returns how many. `unit`
  // has room for one more.
  std::ptrdiff_t (*list_hits)(const std::uint32_t* words, std::ptrdiff_t n, std::uint32_t highest, std::int32_t first,
                              std::int32_t* unit);

  // Reads n numbers and returns their sum, or adds 1 to each; n is a multiple of 64. Yardsticks.
  T (*read_all)(const T* from, std::ptrdiff_t n);
  void (*rewrite_all)(T* at, std::ptrdiff_t n);
};

struct Level {
  const char* name;
  const Kernels<float>* f32;
  const Kernels<double>* f64;
  const WeightKernels<float, Bfloat16>* bf16;
};

extern const Level level_baseline, level_avx2, level_avx512;

}  // namespace truezero
