// Gradients and updates in one pass over the weights; included by kernels_impl.h inside its unnamed namespace.

// N examples of one row: their dots with it (Dots) and the update by them (Update), or both at once. Same:
// d_dot is d_update, and loaded once for both.
template <class T, int N, bool Dots, bool Update, bool Norm, bool Same>
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
    if constexpr (Dots && Update && Same && !Norm) {
      auto of_example = load(dot[0] + j);
      total[0] += old * of_example;
      auto step = of_example * v[0];
      for (int e = 1; e < N; ++e) {
        of_example = load(dot[e] + j);
        total[e] += old * of_example;
        step += of_example * v[e];
      }
      store(w + j, old - step);
      continue;
    }
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
  if constexpr (Dots) sums<T, N>(total, dots);
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
      backward_row<T, count.value, true, false, false, true>(const_cast<T*>(w), ahead, width, example, unused, d, d,
                                                             T(0), dots, nullptr);
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

// One row and the examples that touch it.
template <class T, bool Dots, bool Norm, bool Same>
inline void backward_entries(T* w, const T* ahead, Index width, const std::int32_t* example, const T* value, Index n,
                             const T* d_dot, const T* d_update, T rate, T* dots, T* norm_change) {
  if (n <= kGroup) {
    return with_count<kGroup>(n, [&](auto count) {
      backward_row<T, count.value, Dots, true, Norm, Same>(w, ahead, width, example, value, d_dot, d_update, rate, dots,
                                                           norm_change);
    });
  }
  // All dots need the old weights; the row stays in the first-level cache between the two.
  if constexpr (Dots) dots_of_row(w, ahead, width, example, n, d_dot, dots);
  move_row<T, Norm>(w, Dots ? w : ahead, width, example, value, n, d_update, rate, norm_change);
}

template <class T, bool Dots, bool Norm, bool Same>
void backward_rows(const ActiveRows<T>& active, T* weights, Index width, const T* d_dot, const T* d_update, T rate,
                   T* dots, T* norm_change) {
  for (Index i = active.n_rows; i-- > 0;) {  // the last ones of the forward pass are still in the cache
    const T* ahead = weights + active.rows[i < kAhead ? i : i - kAhead] * width;
    const Index first = active.start[i];
    backward_entries<T, Dots, Norm, Same>(weights + active.rows[i] * width, ahead, width, active.example + first,
                                          active.value + first, active.start[i + 1] - first, d_dot, d_update, rate,
                                          Dots ? dots + first : nullptr, norm_change);
  }
}

template <class T>
void backward(const ActiveRows<T>& active, T* weights, Index width, const T* d_dot, const T* d_update, T rate, T* dots,
              T* norm_change) {
  const auto rows = dots && norm_change       ? backward_rows<T, true, true, false>
                    : dots && d_dot == d_update ? backward_rows<T, true, false, true>
                    : dots                      ? backward_rows<T, true, false, false>
                    : norm_change               ? backward_rows<T, false, true, false>
                                                : backward_rows<T, false, false, true>;
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
      backward_entries<T, false, false, true>(w, row_ahead(active, i, weights, width), width, active.example + first,
                                              active.value + first, active.start[i + 1] - first, delta, delta, rate,
                                              nullptr, nullptr);
      ++i;
    }
    if (of_next <= of_this) {
      forward_entries(next, k, w, row_ahead(next, k, weights, width), width, z, width);
      ++k;
    }
  }
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
