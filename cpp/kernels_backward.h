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

// Any number of examples of one row.
template <class T, bool Dots, bool Update, bool Norm, bool Same>
inline void backward_groups(T* w, const T* ahead, Index width, const std::int32_t* example, const T* value,
                            Index left, const T* d_dot, const T* d_update, T rate, T* dots, T* norm_change) {
  while (left > 0) {
    const Index n = left < kGroup ? left : kGroup;
    with_count<kGroup>(n, [&](auto count) {
      backward_row<T, count.value, Dots, Update, Norm, Same>(w, ahead, width, example, value, d_dot, d_update, rate, dots,
                                                       norm_change);
    });
    ahead = w;
    left -= n, example += n, value += n;
    if constexpr (Dots) dots += n;
  }
}

template <class T, bool Dots, bool Norm, bool Same>
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
      backward_groups<T, Dots, true, Norm, Same>(w, ahead, width, example, value, n, d_dot, d_update, rate, row_dots, norm_change);
    } else {  // all dots need the old weights; the row stays in the first-level cache between the two
      backward_groups<T, true, false, false, Same>(w, ahead, width, example, value, n, d_dot, d_update, rate, row_dots, nullptr);
      backward_groups<T, false, true, Norm, Same>(w, w, width, example, value, n, d_dot, d_update, rate, nullptr, norm_change);
    }
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
      backward_groups<T, false, true, false, true>(w, row_ahead(active, i, weights, width), width, active.example + first, active.value + first,
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
void dots(const ActiveRows<T>& active, const T* weights, Index width, const T* h, T* to) {
  for (Index i = 0; i < active.n_rows; ++i) {
    const Index first = active.start[i];
    T* w = const_cast<T*>(weights + active.rows[i] * width);  // read only: nothing is updated
    backward_groups<T, true, false, false, true>(w, row_ahead(active, i, weights, width), width, active.example + first,
                                                 active.value + first, active.start[i + 1] - first, h, h, T(0),
                                                 to + first, nullptr);
  }
}

// N examples of one row of a transposed decoder: what it adds to their dh, and its update by them, or one alone.
template <class T, int N, bool Down, bool Update>
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
    if constexpr (Down) {
      for (int e = 0; e < N; ++e) store(to[e] + j, load(to[e] + j) + old * v[e]);
    }
  }
}

template <class T, bool Down, bool Update>
inline void backward_output_groups(T* w, const T* ahead, Index width, const std::int32_t* example, const T* value,
                                   Index left, const T* h, T rate, T* dh) {
  while (left > 0) {
    const Index n = left < kGroup ? left : kGroup;
    with_count<kGroup>(n, [&](auto count) {
      backward_output<T, count.value, Down, Update>(w, ahead, width, example, value, h, rate, dh);
    });
    ahead = w;
    left -= n, example += n, value += n;
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
      backward_output_groups<T, true, true>(w, ahead, width, example, value, n, h, rate, dh);
    } else {  // all of dh needs the old weights
      backward_output_groups<T, true, false>(w, ahead, width, example, value, n, h, rate, dh);
      backward_output_groups<T, false, true>(w, w, width, example, value, n, h, rate, dh);
    }
  }
}
