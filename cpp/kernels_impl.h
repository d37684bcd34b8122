// The kernels, for vectors of TRUEZERO_VECTOR_BYTES; included once per instruction level. All of it
// is in an unnamed namespace and nothing of the standard library's templates is used, so that no
// function compiled with one level's flags can be linked into another's.

#include <cstring>

#if defined(__AVX512F__)
#include <immintrin.h>
#endif

#include "kernels.h"

namespace truezero {
namespace {

using Index = std::ptrdiff_t;

template <class T>
struct Vector {
  typedef T type __attribute__((vector_size(TRUEZERO_VECTOR_BYTES)));
  static constexpr Index lanes = TRUEZERO_VECTOR_BYTES / sizeof(T);
};

template <class T>
inline __attribute__((always_inline)) typename Vector<T>::type load(const T* from) {
  typename Vector<T>::type v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

template <class T>
inline __attribute__((always_inline)) void store(T* to, typename Vector<T>::type v) {
  std::memcpy(to, &v, sizeof v);
}

// Sum over lanes by halves: an order fixed by the level. Values stay in registers.
template <class T, int Lanes>
struct Fold {
  typedef T Whole __attribute__((vector_size(Lanes * sizeof(T))));
  typedef T Half __attribute__((vector_size(Lanes / 2 * sizeof(T))));

  static inline __attribute__((always_inline)) T sum(Whole v) {
    if constexpr (Lanes == 16) {
      return Fold<T, 8>::sum(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
                             __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15));
    } else if constexpr (Lanes == 8) {
      return Fold<T, 4>::sum(__builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7));
    } else if constexpr (Lanes == 4) {
      return Fold<T, 2>::sum(__builtin_shufflevector(v, v, 0, 1) + __builtin_shufflevector(v, v, 2, 3));
    } else {
      return v[0] + v[1];
    }
  }
};

template <class T>
inline __attribute__((always_inline)) T sum(typename Vector<T>::type v) {
  return Fold<T, Vector<T>::lanes>::sum(v);
}

#include "activation.h"

// N examples at once: a row of weights is loaded once for all of them.
template <class T, int N>
inline void forward_row(const T* w, const T* ahead, Index width, const std::int32_t* example, const T* value, T* z,
                        Index z_stride) {
  T* to[N];
  T v[N];
  for (int e = 0; e < N; ++e) {
    to[e] = z + example[e] * z_stride;
    v[e] = value[e];
  }
  Index j = 0;
  for (; j + Vector<T>::lanes <= width; j += Vector<T>::lanes) {
    const auto row = load(w + j);
    __builtin_prefetch(ahead + j);
    for (int e = 0; e < N; ++e) store(to[e] + j, load(to[e] + j) + row * v[e]);
  }
  for (; j < width; ++j) {
    for (int e = 0; e < N; ++e) to[e][j] += w[j] * v[e];
  }
}

// Calls f with the constant n, which is 1 .. Most.
template <int N>
struct Count {
  static constexpr int value = N;
};

template <int Most, int N = 1, class F>
inline __attribute__((always_inline)) void with_count(Index n, F&& f) {
  if constexpr (N == Most) {
    f(Count<N>{});
  } else {
    if (n == N) {
      f(Count<N>{});
    } else {
      with_count<Most, N + 1>(n, f);
    }
  }
}

// Weights come from the last-level cache, whose latency only requests made ahead can hide: while one
// touched row is worked on, the row kAhead further down the list is asked for, line by line. Rows that
// will be written are asked for past the second-level cache: they come to it as they leave the first.
constexpr Index kAhead = 3;

template <class T>
inline __attribute__((always_inline)) const T* row_ahead(const ActiveRows<T>& active, Index i, const T* weights,
                                                         Index stride) {
  return weights + active.rows[i + kAhead < active.n_rows ? i + kAhead : i] * stride;
}

template <class T>
inline void forward_entries(const ActiveRows<T>& active, Index i, const T* w, const T* ahead, Index width, T* z,
                            Index z_stride) {
  const std::int32_t* example = active.example + active.start[i];
  const T* value = active.value + active.start[i];
  Index left = active.start[i + 1] - active.start[i];
  for (; left > 4; left -= 4, example += 4, value += 4) {
    forward_row<T, 4>(w, ahead, width, example, value, z, z_stride);
    ahead = w;
  }
  with_count<4>(left, [&](auto n) { forward_row<T, n.value>(w, ahead, width, example, value, z, z_stride); });
}

// Rows touched by all examples: N of them keep their sums for a strip of columns in registers over a block of rows.
template <class T, int N>
inline void forward_full_strip(const T* w, Index weight_stride, Index n_rows, Index n_examples, const T* value, T* z,
                               Index z_stride) {
  constexpr Index V = TRUEZERO_VECTOR_BYTES == 64 ? 2 : 1, lanes = Vector<T>::lanes;
  typename Vector<T>::type total[N][V];
  for (int e = 0; e < N; ++e) {
    for (Index v = 0; v < V; ++v) total[e][v] = load(z + e * z_stride + v * lanes);
  }
  for (Index i = 0; i < n_rows; ++i, w += weight_stride, value += n_examples) {
    typename Vector<T>::type row[V];
    for (Index v = 0; v < V; ++v) row[v] = load(w + v * lanes);
    for (int e = 0; e < N; ++e) {
      for (Index v = 0; v < V; ++v) total[e][v] = total[e][v] + row[v] * value[e];
    }
  }
  for (int e = 0; e < N; ++e) {
    for (Index v = 0; v < V; ++v) store(z + e * z_stride + v * lanes, total[e][v]);
  }
}

template <class T>
void forward_full(const ActiveRows<T>& active, const T* weights, Index weight_stride, Index width, T* z, Index z_stride) {
  constexpr Index rows_at_once = 16, strip = (TRUEZERO_VECTOR_BYTES == 64 ? 2 : 1) * Vector<T>::lanes;
  constexpr int most = 10;
  const Index n = active.full, n_groups = (n + most - 1) / most, whole = width / strip * strip;
  for (Index i = 0; i < active.n_rows; i += rows_at_once) {
    const Index n_rows = active.n_rows - i < rows_at_once ? active.n_rows - i : rows_at_once;
    const T* w = weights + active.rows[i] * weight_stride;
    const T* value = active.value + active.start[i];
    Index ahead = i + rows_at_once;
    for (Index j = 0; j < whole; j += strip) {
      for (Index k = 0; k < 2 && ahead < active.n_rows && ahead < i + 2 * rows_at_once; ++k, ++ahead) {
        const T* row = weights + active.rows[ahead] * weight_stride;
        for (Index line = 0; line < width; line += 64 / static_cast<Index>(sizeof(T))) __builtin_prefetch(row + line);
      }
      for (Index group = 0; group < n_groups; ++group) {
        const Index first = n * group / n_groups, end = n * (group + 1) / n_groups;
        with_count<most>(end - first, [&](auto count) {
          forward_full_strip<T, count.value>(w + j, weight_stride, n_rows, n, value + first, z + first * z_stride + j,
                                             z_stride);
        });
      }
    }
    for (Index k = 0; k < n_rows && whole < width; ++k) {
      const T* row = w + k * weight_stride + whole;
      forward_entries(active, i + k, row, row, width - whole, z + whole, z_stride);
    }
  }
}

template <class T>
void forward(const ActiveRows<T>& active, const T* weights, Index weight_stride, Index width, T* z, Index z_stride) {
  if (active.full) return forward_full(active, weights, weight_stride, width, z, z_stride);
  for (Index i = 0; i < active.n_rows; ++i) {
    forward_entries(active, i, weights + active.rows[i] * weight_stride, row_ahead(active, i, weights, weight_stride),
                    width, z, z_stride);
  }
}

// N rows at once: a sum is loaded and stored once for all of them. The rows `ahead` are asked for.
template <class T, int N, bool Ahead>
inline void forward_one_rows(const std::int32_t* row, const std::int32_t* ahead, const T* value, const T* weights,
                             Index stride, Index width, T* z) {
  const T *w[N], *later[N];
  T v[N];
  for (int r = 0; r < N; ++r) {
    w[r] = weights + row[r] * stride;
    if constexpr (Ahead) later[r] = weights + ahead[r] * stride;
    v[r] = value[r];
  }
  Index j = 0;
  for (; j + Vector<T>::lanes <= width; j += Vector<T>::lanes) {
    auto total = load(z + j);
    for (int r = 0; r < N; ++r) {
      total = total + load(w[r] + j) * v[r];
      if constexpr (Ahead) __builtin_prefetch(later[r] + j);
    }
    store(z + j, total);
  }
  for (; j < width; ++j) {
    for (int r = 0; r < N; ++r) z[j] += w[r][j] * v[r];
  }
}

template <class T>
void forward_one(Index n, const std::int32_t* row, const T* value, const T* weights, Index stride, Index width, T* z) {
  constexpr int N = 4;
  Index i = 0;
  for (; i + 2 * N <= n; i += N) {
    forward_one_rows<T, N, true>(row + i, row + i + N, value + i, weights, stride, width, z);
  }
  for (; i + N <= n; i += N) forward_one_rows<T, N, false>(row + i, row, value + i, weights, stride, width, z);
  for (; i < n; ++i) forward_one_rows<T, 1, false>(row + i, row, value + i, weights, stride, width, z);
}

// Sums kept in registers at once: all of a tile's row with vectors of 64 bytes, parts of it with less.
template <class T>
constexpr Index block_vectors = kTile<T> / Vector<T>::lanes < 8 ? kTile<T> / Vector<T>::lanes : 8;

template <class T, bool First>
inline void forward_block_examples(const ActiveBlock<T>& block, Index n_examples, const T* tile, T* z) {
  const std::int32_t *start = block.start, *unit = block.unit;
  const T* value = block.value;
  constexpr Index V = block_vectors<T>, lanes = Vector<T>::lanes, line = 64 / static_cast<Index>(sizeof(T));
  const T* next = tile + kBlock * kTile<T>;
  const Index lines = kBlock * kTileBytes / 64 / n_examples;
  for (Index part = 0; part < kTile<T>; part += V * lanes) {
    for (Index b = 0; b < n_examples; ++b) {
      T* to = z + b * kBlock + part;
      for (Index k = 0; k < lines && part == 0; ++k, next += line) __builtin_prefetch(next, 0, 2);
      typename Vector<T>::type total[V] = {};
      for (Index v = 0; v < V && !First; ++v) total[v] = load(to + v * lanes);
      for (Index k = start[b], end = start[b + 1]; k < end; ++k) {
        const T* w = tile + unit[k] * kTile<T> + part;
        for (Index v = 0; v < V; ++v) total[v] = total[v] + load(w + v * lanes) * value[k];
      }
      for (Index v = 0; v < V; ++v) store(to + v * lanes, total[v]);
    }
  }
}

template <class T>
void forward_block(const ActiveBlock<T>& block, Index n_examples, const T* tile, bool first, T* z) {
  if (first) {
    forward_block_examples<T, true>(block, n_examples, tile, z);
  } else {
    forward_block_examples<T, false>(block, n_examples, tile, z);
  }
}

template <class T, int N>
inline __attribute__((always_inline)) void forward_dense_examples(const T* h, Index n_units, const T* tile, bool first,
                                                                  T* z) {
  constexpr Index lanes = Vector<T>::lanes, V = TRUEZERO_VECTOR_BYTES == 64 ? 4 : 2;
  for (Index part = 0; part < kTile<T>; part += V * lanes) {
    typename Vector<T>::type total[N][V] = {};
    for (int e = 0; e < N && !first; ++e) {
      for (Index v = 0; v < V; ++v) total[e][v] = load(z + e * kBlock + part + v * lanes);
    }
    for (Index i = 0; i < n_units; ++i) {
      typename Vector<T>::type w[V];
      for (Index v = 0; v < V; ++v) w[v] = load(tile + i * kTile<T> + part + v * lanes);
      for (int e = 0; e < N; ++e) {
        for (Index v = 0; v < V; ++v) total[e][v] = total[e][v] + w[v] * h[e * kBlock + i];
      }
    }
    for (int e = 0; e < N; ++e) {
      for (Index v = 0; v < V; ++v) store(z + e * kBlock + part + v * lanes, total[e][v]);
    }
  }
}

template <class T>
void forward_dense(const T* h, Index n_units, Index n_examples, const T* tile, bool first, T* z) {
  constexpr Index line = 64 / static_cast<Index>(sizeof(T));
  const T* next = tile + kBlock * kTile<T>;
  const Index lines = 6 * kBlock * kTileBytes / 64 / n_examples;
  for (Index b = 0; b < n_examples;) {
    const Index left = n_examples - b < 6 ? n_examples - b : 6;
    for (Index k = 0; k < lines; ++k, next += line) __builtin_prefetch(next, 0, 2);
    with_count<6>(left, [&](auto n) {
      forward_dense_examples<T, n.value>(h + b * kBlock, n_units, tile, first, z + b * kBlock);
    });
    b += left;
  }
}

template <class T>
Index collect(const T* h, Index n, std::int32_t first_unit, std::int32_t* unit, T* value) {
  Index count = 0;
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) {
    __m512i units = _mm512_add_epi32(_mm512_set1_epi32(first_unit),
                                     _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    for (Index j = 0; j < n; j += 16, units = _mm512_add_epi32(units, _mm512_set1_epi32(16))) {
      const __m512 x = _mm512_loadu_ps(h + j);
      const __mmask16 active = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_NEQ_UQ);
      // Packed in a register, then stored whole: a masked store to memory is slow on some machines.
      _mm512_storeu_ps(value + count, _mm512_maskz_compress_ps(active, x));
      _mm512_storeu_si512(unit + count, _mm512_maskz_compress_epi32(active, units));
      count += __builtin_popcount(active);
    }
  } else {
    __m256i units = _mm256_add_epi32(_mm256_set1_epi32(first_unit), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    for (Index j = 0; j < n; j += 8, units = _mm256_add_epi32(units, _mm256_set1_epi32(8))) {
      const __m512d x = _mm512_loadu_pd(h + j);
      const __mmask8 active = _mm512_cmp_pd_mask(x, _mm512_setzero_pd(), _CMP_NEQ_UQ);
      _mm512_storeu_pd(value + count, _mm512_maskz_compress_pd(active, x));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(unit + count), _mm256_maskz_compress_epi32(active, units));
      count += __builtin_popcount(active);
    }
  }
#else
  for (Index j = 0; j < n; ++j) {  // always written, kept only if active: nothing to mispredict
    unit[count] = first_unit + static_cast<std::int32_t>(j);
    value[count] = h[j];
    count += h[j] != 0;
  }
#endif
  return count;
}

// Vectors of units are compared, example after example, for one bit per example; only units with any
// are then listed.
template <class T>
std::int64_t collect_units(const T* h, const T* gain, Index n_examples, Index width, Index stride, std::int32_t first,
                           bool all, const UnitLists<T>& to) {
  typedef typename Constants<T>::Bits Whole;
  typedef Whole Bits __attribute__((vector_size(TRUEZERO_VECTOR_BYTES)));
  constexpr Index lanes = Vector<T>::lanes;
  const Index n_words = (n_examples + 31) / 32;
  std::int64_t n_rows = 0, end = 0;
  for (Index j = 0; j < width; j += lanes) {
    std::uint32_t any[lanes] = {};
    for (Index word = 0; word < n_words; ++word) {
      const Index from = word * 32, until = n_examples < from + 32 ? n_examples : from + 32;
      Bits bits{};
      for (Index b = from; b < until; ++b) {
        const Bits bit = Bits{} + (Whole{1} << (b - from));
        const auto x = load(h + b * stride + j), slope = load(gain + b * stride + j);
        bits |= all ? bit : (((Bits)(x != 0)) | ((Bits)(slope != 0))) & bit;
      }
      Whole of_unit[lanes];
      std::memcpy(of_unit, &bits, sizeof bits);
      for (Index k = 0; k < lanes; ++k) {
        to.bits[word * lanes + k] = static_cast<std::uint32_t>(of_unit[k]);
        any[k] |= to.bits[word * lanes + k];
      }
    }
    for (Index k = 0; k < lanes && j + k < width; ++k) {
      if (any[k] == 0) continue;
      to.rows[n_rows] = first + static_cast<std::int32_t>(j + k);
      to.start[n_rows++] = end;
      for (Index word = 0; word < n_words; ++word) {
        const Index from = word * 32, until = n_examples < from + 32 ? n_examples : from + 32;
        std::uint32_t bits = to.bits[word * lanes + k];
        for (Index b = from; b < until; ++b, bits >>= 1) {  // always written, kept only if active: nothing to mispredict
          to.example[end] = static_cast<std::int32_t>(b);
          to.value[end] = h[b * stride + j + k];
          end += bits & 1;
        }
      }
    }
  }
  to.start[n_rows] = end;
  return n_rows;
}

template <class T, bool Gain, class F>
inline __attribute__((always_inline)) void activate_vector(const ActivationView<T>& of, F f, T* z, T* gain,
                                                           const T* column_scale, const T* biases, const T* signs) {
  auto sum = load(z);
  sum = of.column_scale ? load(column_scale) * sum + load(biases) : sum + load(biases);
  typename Vector<T>::type h{}, slope{};
  f(sum, h, slope);
  if (of.signs) {
    h = h * load(signs) + T(0);  // + 0: -0.0 becomes +0.0
    slope = slope * load(signs);
  }
  store(z, h + T(0));
  if constexpr (Gain) store(gain, slope);
}

template <class T, bool Gain, class F>
void activate_rows(const ActivationView<T>& of, F f, Index n_examples, Index n_units, Index stride, T* z, T* gain) {
  constexpr Index lanes = Vector<T>::lanes;
  const Index whole = n_units / lanes * lanes, left = n_units - whole;
  // What is left of a row goes through copies, so that nothing beyond the arrays is touched.
  T scale_left[lanes] = {}, biases_left[lanes] = {}, signs_left[lanes] = {};
  for (Index j = 0; j < left; ++j) {
    if (of.column_scale) scale_left[j] = of.column_scale[whole + j];
    biases_left[j] = of.biases[whole + j];
    if (of.signs) signs_left[j] = of.signs[whole + j];
  }
  for (Index b = 0; b < n_examples; ++b, z += stride, gain += Gain ? stride : 0) {
    for (Index j = 0; j < whole; j += lanes) {
      activate_vector<T, Gain>(of, f, z + j, Gain ? gain + j : nullptr, of.column_scale ? of.column_scale + j : nullptr,
                               of.biases + j, of.signs ? of.signs + j : nullptr);
    }
    if (left == 0) continue;
    T h[lanes] = {}, slope[lanes];
    for (Index j = 0; j < left; ++j) h[j] = z[whole + j];
    activate_vector<T, Gain>(of, f, h, slope, scale_left, biases_left, signs_left);
    for (Index j = 0; j < left; ++j) z[whole + j] = h[j];
    if constexpr (Gain) {
      for (Index j = 0; j < left; ++j) gain[whole + j] = slope[j];
    }
  }
}

template <class T, class F>
void activate_with(const ActivationView<T>& of, F f, Index n_examples, Index n_units, Index stride, T* z, T* gain) {
  if (gain) {
    activate_rows<T, true>(of, f, n_examples, n_units, stride, z, gain);
  } else {
    activate_rows<T, false>(of, f, n_examples, n_units, stride, z, gain);
  }
}

template <class T>
void activate(const ActivationView<T>& of, Index n_examples, Index n_units, Index stride, T* z, T* gain) {
  const auto with = [&](auto f) { activate_with<T>(of, f, n_examples, n_units, stride, z, gain); };
  switch (of.code) {
    case 0: return with(Rectifier<T>{});
    case 1: return with(Softplus<T>{static_cast<T>(of.softplus_scale)});
    case 2: return with(Tanh<T>{});
    case 3: return with(Sigmoid<T>{});
    case 4: return with(Lif<T>{});
    case 5: return with(RectifiedTanh<T>{});
    case 6: return with(AbsTanh<T>{});
    default: return with(Linear<T>{});
  }
}

template <class T>
std::int64_t count_zeros(const T* h, Index n_examples, Index n_units, Index stride, std::uint8_t* ever_active) {
  std::int64_t zeros = 0;
  for (Index b = 0; b < n_examples; ++b, h += stride) {
    std::int32_t of_row = 0;
    for (Index j = 0; j < n_units; ++j) {
      const bool zero = h[j] == 0;
      of_row += zero;
      ever_active[j] = static_cast<std::uint8_t>(ever_active[j] | !zero);
    }
    zeros += of_row;
  }
  return zeros;
}

// N examples of one row: their dots with it (Dots) and the update by them (Update), or both at once.
template <class T, int N, bool Dots, bool Update, bool Norm>
inline __attribute__((always_inline)) void backward_row(T* w, const T* ahead, Index width,
                                                        const std::int32_t* example, const T* value,
                                                        const T* d_dot, const T* d_update, T rate, T* dots,
                                                        T* norm_change) {
  typename Vector<T>::type total[N];
  const T* dot[N];
  const T* update[N];
  T v[N];
  for (int e = 0; e < N; ++e) {
    total[e] = typename Vector<T>::type{};
    dot[e] = d_dot + example[e] * width;
    update[e] = d_update + example[e] * width;
    v[e] = rate * value[e];
  }
  for (Index j = 0; j < width; j += Vector<T>::lanes) {
    const auto old = load(w + j);
    __builtin_prefetch(ahead + j, 1, 0);
    if constexpr (Dots) {
      for (int e = 0; e < N; ++e) total[e] += old * load(dot[e] + j);
    }
    if constexpr (Update) {
      auto step = load(update[0] + j) * v[0];
      for (int e = 1; e < N; ++e) step += load(update[e] + j) * v[e];
      const auto now = old - step;
      store(w + j, now);
      if constexpr (Norm) store(norm_change + j, load(norm_change + j) + (now - old) * (now + old));
    }
  }
  if constexpr (Dots) {
    for (int e = 0; e < N; ++e) dots[e] = sum<T>(total[e]);
  }
}

// As many examples at once as registers allow.
constexpr int kGroup = TRUEZERO_VECTOR_BYTES == 64 ? 10 : 4;

// Any number of examples of one row.
template <class T, bool Dots, bool Update, bool Norm>
inline void backward_groups(T* w, const T* ahead, Index width, const std::int32_t* example, const T* value,
                            Index left, const T* d_dot, const T* d_update, T rate, T* dots, T* norm_change) {
  while (left > 0) {
    const Index n = left < kGroup ? left : kGroup;
    with_count<kGroup>(n, [&](auto count) {
      backward_row<T, count.value, Dots, Update, Norm>(w, ahead, width, example, value, d_dot, d_update, rate, dots,
                                                       norm_change);
    });
    ahead = w;
    left -= n, example += n, value += n;
    if constexpr (Dots) dots += n;
  }
}

template <class T, bool Dots, bool Norm>
void backward_rows(const ActiveRows<T>& active, T* weights, Index width, const T* d_dot, const T* d_update, T rate,
                   T* dots, T* norm_change) {
  for (Index i = active.n_rows; i-- > 0;) {  // the last ones of the forward pass are still in the cache
    T* w = weights + active.rows[i] * width;
    const T* ahead = weights + active.rows[i < kAhead ? i : i - kAhead] * width;
    const Index first = active.start[i], n = active.start[i + 1] - first;
    const std::int32_t* example = active.example + first;
    const T* value = active.value + first;
    T* row_dots = Dots ? dots + first : nullptr;
    if (n <= kGroup || !Dots) {
      backward_groups<T, Dots, true, Norm>(w, ahead, width, example, value, n, d_dot, d_update, rate, row_dots, norm_change);
    } else {  // all dots need the old weights; the row stays in the first-level cache between the two
      backward_groups<T, true, false, false>(w, ahead, width, example, value, n, d_dot, d_update, rate, row_dots, nullptr);
      backward_groups<T, false, true, Norm>(w, w, width, example, value, n, d_dot, d_update, rate, nullptr, norm_change);
    }
  }
}

template <class T>
void backward(const ActiveRows<T>& active, T* weights, Index width, const T* d_dot, const T* d_update, T rate, T* dots,
              T* norm_change) {
  const auto rows = dots ? (norm_change ? backward_rows<T, true, true> : backward_rows<T, true, false>)
                         : (norm_change ? backward_rows<T, false, true> : backward_rows<T, false, false>);
  rows(active, weights, width, d_dot, d_update, rate, dots, norm_change);
}

template <class T>
void backward_forward(const ActiveRows<T>& active, const ActiveRows<T>& next, T* weights, Index width, const T* delta,
                      T rate, T* z) {
  constexpr std::int32_t none = 0x7fffffff;
  Index i = 0, k = 0;
  while (i < active.n_rows || k < next.n_rows) {
    const std::int32_t of_this = i < active.n_rows ? active.rows[i] : none;
    const std::int32_t of_next = k < next.n_rows ? next.rows[k] : none;
    T* w = weights + (of_this < of_next ? of_this : of_next) * width;
    if (of_this <= of_next) {
      const Index first = active.start[i];
      backward_groups<T, false, true, false>(w, row_ahead(active, i, weights, width), width, active.example + first, active.value + first,
                                             active.start[i + 1] - first, delta, delta, rate, nullptr, nullptr);
      ++i;
    }
    if (of_next <= of_this) {
      forward_entries(next, k, w, row_ahead(next, k, weights, width), width, z, width);
      ++k;
    }
  }
}

template <class T>
constexpr Kernels<T> kernels = {forward<T>,       forward_one<T>, forward_block<T>, forward_dense<T>,
                                collect<T>,       collect_units<T>, activate<T>,  count_zeros<T>,
                                backward_forward<T>, backward<T>};

}  // namespace
}  // namespace truezero
