// Products of inputs with weights; included by kernels_impl.h inside its unnamed namespace.

// N examples at once: a row of weights is loaded once for all of them.
template <class T, int N, class W>
inline void forward_row(const W* w, const W* ahead, Index width, const std::int32_t* example, const T* value, T* z,
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
    for (int e = 0; e < N; ++e) to[e][j] += number(w[j]) * v[e];
  }
}

// Weights come from the last-level cache, whose latency only requests made ahead can hide: while one
// touched row is worked on, the row kAhead further down the list is asked for, line by line.
constexpr Index kAhead = 3;

template <class T, class W>
inline __attribute__((always_inline)) const W* row_ahead(const ActiveRows<T>& active, Index i, const W* weights,
                                                         Index stride) {
  return weights + active.rows[i + kAhead < active.n_rows ? i + kAhead : i] * stride;
}

template <class T, class W>
inline void forward_of_row(const ActiveRows<T>& active, Index i, const W* w, const W* ahead, Index width, T* z,
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
template <class T, int N, class W>
inline void forward_full_strip(const W* w, Index weight_stride, Index n_rows, Index n_examples, const T* value, T* z,
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

template <class T, class W>
void forward_full(const ActiveRows<T>& active, const W* weights, Index weight_stride, Index width, T* z, Index z_stride) {
  constexpr Index rows_at_once = 16, strip = (TRUEZERO_VECTOR_BYTES == 64 ? 2 : 1) * Vector<T>::lanes;
  constexpr int most = 10;
  const Index n = active.full, n_groups = (n + most - 1) / most, whole = width / strip * strip;
  for (Index i = 0; i < active.n_rows; i += rows_at_once) {
    const Index n_rows = active.n_rows - i < rows_at_once ? active.n_rows - i : rows_at_once;
    const W* w = weights + active.rows[i] * weight_stride;
    const T* value = active.value + active.start[i];
    Index ahead = i + rows_at_once;
    for (Index j = 0; j < whole; j += strip) {
      for (Index k = 0; k < 2 && ahead < active.n_rows && ahead < i + 2 * rows_at_once; ++k, ++ahead) {
        const W* row = weights + active.rows[ahead] * weight_stride;
        for (Index line = 0; line < width; line += 64 / static_cast<Index>(sizeof(W))) __builtin_prefetch(row + line);
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
      const W* row = w + k * weight_stride + whole;
      forward_of_row(active, i + k, row, row, width - whole, z + whole, z_stride);
    }
  }
}

template <class T, class W>
void forward(const ActiveRows<T>& active, const W* weights, Index weight_stride, Index width, T* z, Index z_stride) {
  if (active.full) return forward_full(active, weights, weight_stride, width, z, z_stride);
  for (Index i = 0; i < active.n_rows; ++i) {
    forward_of_row(active, i, weights + active.rows[i] * weight_stride, row_ahead(active, i, weights, weight_stride),
                   width, z, z_stride);
  }
}

// V vectors of the sums of the examples of a block. Each of the first entries asks for the same columns of one of the
// next block's rows: a block has at least as many entries as rows.
template <class T, int V>
inline void forward_strip(const ExampleBlocks<T>& of, const std::int32_t* start, const std::int32_t* next, Index n_next,
                          const T* weights, Index stride, Index width, T* z) {
  constexpr Index lanes = Vector<T>::lanes, line = 64 / static_cast<Index>(sizeof(T));
  const Index ask_until = start[0] + n_next;
  next -= start[0];
  for (Index b = 0; b < of.n_examples; ++b, z += width) {
    const Index end = start[b + 1];
    Index k = start[b];
    if (k == end) continue;
    typename Vector<T>::type total[V];
    for (int v = 0; v < V; ++v) total[v] = load(z + v * lanes);
    do {
      if (k < ask_until) {
        const T* ahead = weights + next[k] * stride;
        for (Index j = 0; j < V * lanes; j += line) __builtin_prefetch(ahead + j, 0, 2);
      }
      const T* w = weights + of.row[k] * stride;
      for (int v = 0; v < V; ++v) total[v] = total[v] + load(w + v * lanes) * of.value[k];
    } while (++k < end);
    for (int v = 0; v < V; ++v) store(z + v * lanes, total[v]);
  }
}

template <class T>
inline void forward_rows_block(const Entries<T>& entries, Index block, const T* weights, Index stride, Index width,
                               T* z) {
  constexpr Index lanes = Vector<T>::lanes;
  constexpr int strip = TRUEZERO_VECTOR_BYTES == 64 ? 16 : 8;  // vectors
  const Index next = (block + 1) * kBlockRows, left = entries.rows.n_rows - next;
  const Index n_next = left < 0 ? 0 : left < kBlockRows ? left : kBlockRows;
  const std::int32_t* start = entries.blocks.start + block * (entries.blocks.n_examples + 1);
  for (Index j = 0; j < width; j += strip * lanes) {
    const Index vectors = (width - j) / lanes;
    with_count<strip>(vectors < strip ? vectors : strip, [&](auto count) {
      forward_strip<T, count.value>(entries.blocks, start, entries.ascending + next, n_next, weights + j, stride, width,
                                   z + j);
    });
  }
}

template <class T>
void forward_entries(const Entries<T>& entries, const T* weights, Index stride, Index width, T* z) {
  if (entries.rows.full) return forward_full(entries.rows, weights, stride, width, z, width);
  for (Index block = 0; block * kBlockRows < entries.rows.n_rows; ++block) {
    forward_rows_block(entries, block, weights, stride, width, z);
  }
}

// N rows at once: a sum is loaded and stored once for all of them. The rows `ahead` are asked for.
template <class T, int N, bool Ahead, class W>
inline void forward_one_rows(const std::int32_t* row, const std::int32_t* ahead, const T* value, const W* weights,
                             Index stride, Index width, T* z) {
  const W *w[N], *later[N];
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
    for (int r = 0; r < N; ++r) z[j] += number(w[r][j]) * v[r];
  }
}

template <class T, class W>
void forward_one(Index n, const std::int32_t* row, const T* value, const W* weights, Index stride, Index width, T* z) {
  constexpr int N = 4;
  Index i = 0;
  for (; i + 2 * N <= n; i += N) {
    forward_one_rows<T, N, true>(row + i, row + i + N, value + i, weights, stride, width, z);
  }
  for (; i + N <= n; i += N) forward_one_rows<T, N, false>(row + i, row, value + i, weights, stride, width, z);
  for (; i < n; ++i) forward_one_rows<T, 1, false>(row + i, row, value + i, weights, stride, width, z);
}

inline __attribute__((always_inline)) void ask_for(const NextTile& next, Index row) {
  const char* from = static_cast<const char*>(next.tile) + next.rows[row] * next.row_bytes;
  for (Index k = 0; k < kTileBytes / 2; k += 64) __builtin_prefetch(from + k, 0, 2);
  if (next.needed <= kTileBytes / 2) return;
  for (Index k = kTileBytes / 2; k < kTileBytes; k += 64) __builtin_prefetch(from + k, 0, 2);
}

template <class T, class W>
void widen(const W* tile, Index n_rows, const std::int32_t* rows, T* to) {
  constexpr Index lanes = Vector<T>::lanes;
  for (Index i = 0; i < n_rows; ++i) {
    const Index row = rows[i] * kTile<T>;
    for (Index j = 0; j < kTile<T>; j += lanes) store(to + row + j, load(tile + row + j));
  }
}

// V vectors of the sums; returns how many rows of the next tile have been asked for, some with each example. A function
// of its own for the sake of its loop: inlined, what says which columns would be added up again for every entry.
template <class T, int V, bool First>
__attribute__((noinline)) Index forward_block_part(const ActiveBlock<T>& block, Index n_examples, const T* tile, T* z,
                                                   const NextTile& next, Index share, Index asked) {
  constexpr Index lanes = Vector<T>::lanes;
  const std::int32_t *start = block.start, *unit = block.unit;
  const T* value = block.value;
  for (Index b = 0; b < n_examples; ++b, z += kBlock) {
    for (Index k = 0; k < share && asked < next.n_rows; ++k) ask_for(next, asked++);
    typename Vector<T>::type total[V] = {};
    for (Index v = 0; v < V && !First; ++v) total[v] = load(z + v * lanes);
    for (Index k = start[b], end = start[b + 1]; k < end; ++k) {
      const T* w = tile + unit[k] * kTile<T>;
      for (Index v = 0; v < V; ++v) total[v] = total[v] + load(w + v * lanes) * value[k];
    }
    for (Index v = 0; v < V; ++v) store(z + v * lanes, total[v]);
  }
  return asked;
}

template <class T, bool First>
inline void forward_block_columns(const ActiveBlock<T>& block, Index n_examples, const T* tile, Index columns, T* z,
                                  const NextTile& next) {
  constexpr Index lanes = Vector<T>::lanes;
  constexpr int at_once = kTile<T> / lanes < 8 ? kTile<T> / lanes : 8;  // vectors of sums in registers
  const Index vectors = (columns + lanes - 1) / lanes, share = (next.n_rows + n_examples - 1) / n_examples;
  Index asked = 0;
  for (Index v = 0; v < vectors; v += at_once) {
    with_count<at_once>(vectors - v < at_once ? vectors - v : at_once, [&](auto count) {
      asked = forward_block_part<T, count.value, First>(block, n_examples, tile + v * lanes, z + v * lanes, next, share,
                                                        asked);
    });
  }
}

template <class T>
void forward_block(const ActiveBlock<T>& block, Index n_examples, const T* tile, Index columns, bool first, T* z,
                   const NextTile& next) {
  if (first) {
    forward_block_columns<T, true>(block, n_examples, tile, columns, z, next);
  } else {
    forward_block_columns<T, false>(block, n_examples, tile, columns, z, next);
  }
}

// With each unit a row of the next tile is asked for, from `asked` on: all at once would fill up the queue for memory.
template <class T, int N, int V>
inline __attribute__((always_inline)) void forward_dense_part(const T* h, Index n_units, const T* tile, bool first, T* z,
                                                              const NextTile& next, Index asked, Index until) {
  constexpr Index lanes = Vector<T>::lanes;
  typename Vector<T>::type total[N][V] = {};
  for (int e = 0; e < N && !first; ++e) {
    for (Index v = 0; v < V; ++v) total[e][v] = load(z + e * kBlock + v * lanes);
  }
  for (Index i = 0; i < n_units; ++i) {
    if (asked < until) ask_for(next, asked++);
    typename Vector<T>::type w[V];
    for (Index v = 0; v < V; ++v) w[v] = load(tile + i * kTile<T> + v * lanes);
    for (int e = 0; e < N; ++e) {
      for (Index v = 0; v < V; ++v) total[e][v] = total[e][v] + w[v] * h[e * kBlock + i];
    }
  }
  for (int e = 0; e < N; ++e) {
    for (Index v = 0; v < V; ++v) store(z + e * kBlock + v * lanes, total[e][v]);
  }
}

// Where registers hold only so many columns of a tile, a few examples pass over these before the next columns come from
// the second-level cache, rather than all columns for every six. Many examples do not stay in the cache themselves.
template <class T>
void forward_dense(const T* h, Index n_units, Index n_examples, const T* tile, Index columns, bool first, T* z,
                   const NextTile& next) {
  constexpr int at_once = 6, V = TRUEZERO_VECTOR_BYTES == 64 ? 4 : 2;
  constexpr Index lanes = Vector<T>::lanes, few = 4 * at_once;
  const Index vectors = (columns + lanes - 1) / lanes, n_parts = (vectors + V - 1) / V;
  const Index together = n_examples <= few ? n_examples : at_once;
  Index done = 0;
  for (Index from = 0; from < n_examples; from += together) {
    const Index n = n_examples - from < together ? n_examples - from : together;
    for (Index v = 0; v < vectors; v += V) {
      with_count<V>(vectors - v < V ? vectors - v : V, [&](auto width) {
        each_part<at_once>(n, [&](Index b, auto count) {
          const Index asked = next.n_rows * done / (n_parts * n_examples);
          done += count.value;
          forward_dense_part<T, count.value, width.value>(h + (from + b) * kBlock, n_units, tile + v * lanes, first,
                                                          z + (from + b) * kBlock + v * lanes, next, asked,
                                                          next.n_rows * done / (n_parts * n_examples));
        });
      });
    }
  }
}
