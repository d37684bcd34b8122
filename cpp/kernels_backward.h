// Gradients and updates in one pass over the weights; included by kernels_impl.h inside its unnamed namespace.

// R rows of N examples each: their dots with them (Dots) and the update by them (Update), or both at once. Same:
// d_dot is d_update, and loaded once for both.
template <class T, int N, int R, bool Dots, bool Update, bool Norm, bool Same>
inline __attribute__((always_inline)) void backward_row(T* const (&w)[R], const T* const (&ahead)[R], Index width,
                                                        const std::int32_t* example, const T* value,
                                                        const T* d_dot, const T* d_update, T rate, T* dots,
                                                        T* norm_change) {
  typename Vector<T>::type total[R * N];
  const T* dot[R * N];
  const T* update[R * N];
  T v[R * N];
  for (int e = 0; e < R * N; ++e) {
    total[e] = typename Vector<T>::type{};
    dot[e] = d_dot + example[e] * width;
    update[e] = d_update + example[e] * width;
    v[e] = rate * value[e];
  }
  constexpr Index lanes = Vector<T>::lanes, line = 64 / static_cast<Index>(sizeof(T));
  for (Index of_line = 0; of_line < width; of_line += line) {
    for (int r = 0; r < R; ++r) __builtin_prefetch(ahead[r] + of_line, 0, 2);
#pragma GCC unroll 4
    for (Index j = of_line; j < of_line + line; j += lanes) {
      for (int r = 0; r < R; ++r) {
        const auto old = load(w[r] + j);
        const int first = r * N;
        if constexpr (Dots && Update && Same && !Norm) {
          auto of_example = load(dot[first] + j);
          total[first] += old * of_example;
          auto step = of_example * v[first];
          for (int e = first + 1; e < first + N; ++e) {
            of_example = load(dot[e] + j);
            total[e] += old * of_example;
            step += of_example * v[e];
          }
          store(w[r] + j, old - step);
          continue;
        }
        if constexpr (Dots) {
          for (int e = first; e < first + N; ++e) total[e] += old * load(dot[e] + j);
        }
        if constexpr (Update) {
          auto step = load(update[first] + j) * v[first];
          for (int e = first + 1; e < first + N; ++e) step += load(update[e] + j) * v[e];
          const auto now = old - step;
          store(w[r] + j, now);
          if constexpr (Norm) store(norm_change + j, load(norm_change + j) + (now - old) * (now + old));
        }
      }
    }
  }
  if constexpr (Dots) sums<T, R * N>(total, dots);
}

// As many examples at once as registers allow.
constexpr int kGroup = TRUEZERO_VECTOR_BYTES == 64 ? 10 : 4;

// Dots of any number of examples with one row.
template <class T>
inline void dots_of_row(const T* w, const T* ahead, Index width, const std::int32_t* example, Index left, const T* d,
                        T* dots) {
  while (left > 0) {
    const Index n = left < kGroup ? left : kGroup;
    with_count<kGroup>(n, [&](auto count) {
      const T unused[count.value] = {};  // nothing is updated
      backward_row<T, count.value, 1, true, false, false, true>({const_cast<T*>(w)}, {ahead}, width, example, unused, d,
                                                                d, T(0), dots, nullptr);
    });
    ahead = w;
    left -= n, example += n, dots += n;
  }
}

// V vectors of a row, from column j on, updated by any number of examples: their sum is subtracted at once, for
// what is subtracted is rounded at the weight's size, not at its own.
template <class T, Index V, bool Norm>
inline __attribute__((always_inline)) void move_strip(T* w, Index j, Index width, const std::int32_t* example,
                                                      const T* value, Index n, const T* d_update, T rate,
                                                      T* norm_change) {
  constexpr Index lanes = Vector<T>::lanes;
  typename Vector<T>::type step[V] = {};
  for (Index k = 0; k < n; ++k) {
    const T* of_example = d_update + example[k] * width + j;
    const T moved = rate * value[k];
    for (Index v = 0; v < V; ++v) step[v] += load(of_example + v * lanes) * moved;
  }
  for (Index v = 0; v < V; ++v, j += lanes) {
    const auto old = load(w + j), now = old - step[v];
    store(w + j, now);
    if constexpr (Norm) store(norm_change + j, load(norm_change + j) + (now - old) * (now + old));
  }
}

template <class T, bool Norm>
inline void move_row(T* w, const T* ahead, Index width, const std::int32_t* example, const T* value, Index n,
                     const T* d_update, T rate, T* norm_change) {
  constexpr Index lanes = Vector<T>::lanes, line = 64 / static_cast<Index>(sizeof(T));
  for (Index j = 0; j < width; j += line) __builtin_prefetch(ahead + j, 1, 0);
  Index j = 0;
  for (; j + 8 * lanes <= width; j += 8 * lanes) {
    move_strip<T, 8, Norm>(w, j, width, example, value, n, d_update, rate, norm_change);
  }
  for (; j + 2 * lanes <= width; j += 2 * lanes) {
    move_strip<T, 2, Norm>(w, j, width, example, value, n, d_update, rate, norm_change);
  }
  for (; j < width; j += lanes) {
    move_strip<T, 1, Norm>(w, j, width, example, value, n, d_update, rate, norm_change);
  }
}

// Rows that are worked on side by side: sums of so few examples would wait for one another.
template <int N>
constexpr int kSideBySide = N <= 2 ? 2 : 1;

// Rows first .. until of a list, each of N examples.
template <class T, int N, int R, bool Dots, bool Norm, bool Same>
inline void backward_class(const ActiveRows<T>& rows, Index first, Index until, T* weights, Index stride, Index width,
                           const T* d_dot, const T* d_update, T rate, T* dots, T* norm_change) {
  constexpr Index ahead_by = 2 * kAhead;  // rows of few examples are soon done
  Index k = rows.start[first], i = first;
  for (; i + R <= until; i += R, k += R * N) {
    T* w[R];
    const T* ahead[R];
    for (Index r = 0; r < R; ++r) {
      w[r] = weights + rows.rows[i + r] * stride;
      ahead[r] = weights + rows.rows[i + r + ahead_by < rows.n_rows ? i + r + ahead_by : i] * stride;
    }
    backward_row<T, N, R, Dots, true, Norm, Same>(w, ahead, width, rows.example + k, rows.value + k, d_dot, d_update,
                                                  rate, Dots ? dots + k : nullptr, norm_change);
  }
  if constexpr (R > 1) {
    backward_class<T, N, 1, Dots, Norm, Same>(rows, i, until, weights, stride, width, d_dot, d_update, rate, dots,
                                              norm_change);
  }
}

template <class T, bool Dots, bool Norm, bool Same>
inline void backward_segment(const Entries<T>& entries, Index segment, T* weights, Index stride, Index width,
                             const T* d_dot, const T* d_update, T rate, T* dots, T* norm_change) {
  const ActiveRows<T>& rows = entries.rows;
  const std::int32_t* first = entries.classes + segment * (kClasses + 2);
  each_count<kGroup>([&](auto count) {
    constexpr int n = count.value;
    backward_class<T, n, Norm ? 1 : kSideBySide<n>, Dots, Norm, Same>(rows, first[n - 1], first[n], weights, stride,
                                                                      width, d_dot, d_update, rate, dots, norm_change);
  });
  for (Index i = first[kGroup]; i < first[kClasses + 1]; ++i) {
    T* w = weights + rows.rows[i] * stride;
    const Index k = rows.start[i], n = rows.start[i + 1] - k;
    const T* ahead = row_ahead(rows, i, weights, stride);
    if (n <= kGroup) {
      with_count<kGroup>(n, [&](auto count) {
        backward_row<T, count.value, 1, Dots, true, Norm, Same>({w}, {ahead}, width, rows.example + k, rows.value + k,
                                                                d_dot, d_update, rate, Dots ? dots + k : nullptr,
                                                                norm_change);
      });
      continue;
    }
    // All dots need the old weights; the row stays in the first-level cache between the two.
    if constexpr (Dots) dots_of_row(w, ahead, width, rows.example + k, n, d_dot, dots + k);
    move_row<T, Norm>(w, Dots ? w : ahead, width, rows.example + k, rows.value + k, n, d_update, rate, norm_change);
  }
}

template <class T, bool Dots, bool Norm, bool Same>
void backward_rows(const Entries<T>& entries, T* weights, Index stride, Index width, const T* d_dot, const T* d_update,
                   T rate, T* dots, T* norm_change) {
  for (Index segment = entries.n_segments; segment-- > 0;) {  // the forward pass's last ones are still in the cache
    backward_segment<T, Dots, Norm, Same>(entries, segment, weights, stride, width, d_dot, d_update, rate, dots,
                                          norm_change);
  }
}

template <class T>
void backward(const Entries<T>& entries, T* weights, Index stride, Index width, const T* d_dot, const T* d_update,
              T rate, T* dots, T* norm_change) {
  const auto rows = dots && norm_change       ? backward_rows<T, true, true, false>
                    : dots && d_dot == d_update ? backward_rows<T, true, false, true>
                    : dots                      ? backward_rows<T, true, false, false>
                    : norm_change               ? backward_rows<T, false, true, false>
                                                : backward_rows<T, false, false, true>;
  rows(entries, weights, stride, width, d_dot, d_update, rate, dots, norm_change);
}

template <class T>
void backward_forward(const Entries<T>& entries, const Entries<T>& next, T* weights, Index stride, Index width,
                      const T* delta, T rate, T* z) {
  Index segment = 0;
  const auto update_to = [&](std::int32_t row) {  // and what else its segment has
    for (; segment < entries.n_segments && entries.ascending[segment * kSegmentRows] <= row; ++segment) {
      backward_segment<T, false, false, true>(entries, segment, weights, stride, width, delta, delta, rate, nullptr,
                                              nullptr);
    }
  };
  constexpr std::int32_t all = 0x7fffffff;
  const Index n_rows = next.rows.n_rows;
  if (next.rows.full) update_to(all);
  for (Index first = 0, block = 0; first < n_rows && !next.rows.full; first += kBlockRows, ++block) {
    update_to(next.ascending[(first + kBlockRows < n_rows ? first + kBlockRows : n_rows) - 1]);
    forward_rows_block(next, block, weights, stride, width, z);
  }
  if (next.rows.full) forward_entries(next, weights, stride, width, z);
  update_to(all);
}

template <class T>
void dots(const ActiveRows<T>& active, const T* weights, Index width, const T* h, T* to) {
  for (Index i = 0; i < active.n_rows; ++i) {
    const Index first = active.start[i];
    dots_of_row(weights + active.rows[i] * width, row_ahead(active, i, weights, width), width, active.example + first,
                active.start[i + 1] - first, h, to + first);
  }
}

// N examples of one row of a transposed decoder: what it adds to their dh, and its update by them.
template <class T, int N, bool Update>
inline __attribute__((always_inline)) void backward_output(T* w, const T* ahead, Index width,
                                                           const std::int32_t* example, const T* value, const T* h,
                                                           T rate, T* dh) {
  T* to[N];
  const T* update[N];
  T v[N], moved[N];
  for (int e = 0; e < N; ++e) {
    to[e] = dh + example[e] * width;
    update[e] = h + example[e] * width;
    v[e] = value[e];
    moved[e] = rate * value[e];
  }
  for (Index j = 0; j < width; j += Vector<T>::lanes) {
    const auto old = load(w + j);
    __builtin_prefetch(ahead + j, 1, 0);
    if constexpr (Update) {
      auto step = load(update[0] + j) * moved[0];
      for (int e = 1; e < N; ++e) step += load(update[e] + j) * moved[e];
      store(w + j, old - step);
    }
    for (int e = 0; e < N; ++e) store(to[e] + j, load(to[e] + j) + old * v[e]);
  }
}

template <class T>
void backward_outputs(const ActiveRows<T>& active, T* weights, Index width, const T* h, T rate, T* dh) {
  for (Index i = active.n_rows; i-- > 0;) {
    T* w = weights + active.rows[i] * width;
    const T* ahead = weights + active.rows[i < kAhead ? i : i - kAhead] * width;
    const Index first = active.start[i], n = active.start[i + 1] - first;
    const std::int32_t* example = active.example + first;
    const T* value = active.value + first;
    if (n <= kGroup) {
      with_count<kGroup>(n, [&](auto count) {
        backward_output<T, count.value, true>(w, ahead, width, example, value, h, rate, dh);
      });
      continue;
    }
    for (Index k = 0; k < n; k += kGroup, ahead = w) {  // all of dh needs the old weights
      with_count<kGroup>(n - k < kGroup ? n - k : kGroup, [&](auto count) {
        backward_output<T, count.value, false>(w, ahead, width, example + k, value + k, h, rate, dh);
      });
    }
    move_row<T, false>(w, w, width, example, value, n, h, rate, nullptr);
  }
}
