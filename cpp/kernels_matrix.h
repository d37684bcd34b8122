// Products of whole matrices, for layers that are taken whole in large minibatches; included by kernels_impl.h inside
// its unnamed namespace. All matrices are row-major; `room` is scratch of matrix_room<T>(n, width) numbers.

// What sums are kept in registers at once: so many rows, of two vectors each.
constexpr int kRowsAtOnce = TRUEZERO_VECTOR_BYTES == 64 ? 12 : 6;
static_assert(kRowsAtOnce <= kMatrixRows);

// Calls use(first column, Count of vectors) for strips of a width that is a multiple of 16.
template <class T, class Use>
inline __attribute__((always_inline)) void each_strip(Index width, Use&& use) {
  constexpr Index lanes = Vector<T>::lanes;
  Index j = 0;
  for (; j + 2 * lanes <= width; j += 2 * lanes) use(j, Count<2>{});
  for (; j < width; j += lanes) use(j, Count<1>{});
}

// n rows of V vectors, one after the other, times `by`.
template <class T, int V>
inline void pack_strip(const T* from, Index stride, Index n, T by, T* to) {
  for (Index i = 0; i < n; ++i) {
    for (Index v = 0; v < V; ++v, to += Vector<T>::lanes) {
      store(to, load(from + i * stride + v * Vector<T>::lanes) * by);
    }
  }
}

template <class T, int N, int V>
inline void multiply_part(const T* x, Index x_stride, Index n_in, const T* strip, T* z, Index width) {
  constexpr Index lanes = Vector<T>::lanes;
  typename Vector<T>::type total[N][V];
  for (int e = 0; e < N; ++e) {
    for (Index v = 0; v < V; ++v) total[e][v] = load(z + e * width + v * lanes);
  }
  for (Index i = 0; i < n_in; ++i) {
    typename Vector<T>::type row[V];
    for (Index v = 0; v < V; ++v, strip += lanes) row[v] = load(strip);
    for (int e = 0; e < N; ++e) {
      for (Index v = 0; v < V; ++v) total[e][v] = total[e][v] + row[v] * x[e * x_stride + i];
    }
  }
  for (int e = 0; e < N; ++e) {
    for (Index v = 0; v < V; ++v) store(z + e * width + v * lanes, total[e][v]);
  }
}

// Each strip of columns is packed for a panel of inputs: it fills half of the first-level cache and is read there by all examples.
template <class T>
void multiply(Index n, Index n_in, const T* x, Index x_stride, const T* w, Index width, T* z, T* room) {
  for (Index first = 0; first < n_in; first += kMatrixPanel) {
    const Index inputs = n_in - first < kMatrixPanel ? n_in - first : kMatrixPanel;
    each_strip<T>(width, [&](Index j, auto V) {
      pack_strip<T, V.value>(w + first * width + j, width, inputs, T(1), room);
      each_part<kRowsAtOnce>(n, [&](Index b, auto N) {
        multiply_part<T, N.value, V.value>(x + b * x_stride + first, x_stride, inputs, room, z + b * width + j, width);
      });
    });
  }
}

template <class T, int N, int R>
inline void multiply_back_part(const T* d, const T* w, Index width, T* to, Index stride) {
  typename Vector<T>::type total[N][R] = {};
  for (Index j = 0; j < width; j += Vector<T>::lanes) {
    typename Vector<T>::type of_example[N];
    for (int e = 0; e < N; ++e) of_example[e] = load(d + e * width + j);
    for (int r = 0; r < R; ++r) {
      const auto row = load(w + r * width + j);
      for (int e = 0; e < N; ++e) total[e][r] += row * of_example[e];
    }
  }
  for (int e = 0; e < N; ++e) sums<T, R>(total[e], to + e * stride);
}

// Blocks of examples stay in the first-level cache while the weights' rows go by.
template <class T>
void multiply_back(Index n, Index n_in, const T* d, const T* w, Index width, T* to, Index stride) {
  constexpr Index block = 12;
  constexpr int at_once = TRUEZERO_VECTOR_BYTES == 64 ? 6 : 3;
  for (Index first = 0; first < n; first += block) {
    const Index examples = n - first < block ? n - first : block;
    for (Index i = 0; i < n_in; i += 4) {
      with_count<4>(n_in - i < 4 ? n_in - i : 4, [&](auto R) {
        each_part<at_once>(examples, [&](Index b, auto N) {
          multiply_back_part<T, N.value, R.value>(d + (first + b) * width, w + i * width, width,
                                                  to + (first + b) * stride + i, stride);
        });
      });
    }
  }
}

template <class T, int N, int V>
inline void move_part(Index n, const T* inputs, const T* strip, T* w, Index width) {
  constexpr Index lanes = Vector<T>::lanes;
  typename Vector<T>::type total[N][V] = {};
  for (Index b = 0; b < n; ++b, inputs += N) {
    typename Vector<T>::type of_example[V];
    for (Index v = 0; v < V; ++v, strip += lanes) of_example[v] = load(strip);
    for (int i = 0; i < N; ++i) {
      for (Index v = 0; v < V; ++v) total[i][v] = total[i][v] + of_example[v] * inputs[i];
    }
  }
  for (int i = 0; i < N; ++i) {
    for (Index v = 0; v < V; ++v) store(w + i * width + v * lanes, load(w + i * width + v * lanes) - total[i][v]);
  }
}

// What is read example by example is packed: rows of a matrix lie too far apart to be foreseen, and evict each other.
template <class T>
void move_weights(Index n, Index n_in, const T* x, Index x_stride, const T* d, T rate, T* w, Index width, T* room) {
  each_strip<T>(width, [&](Index j, auto V) { pack_strip<T, V.value>(d + j, width, n, rate, room + j * n); });
  T* inputs = room + n * width;
  each_part<kRowsAtOnce>(n_in, [&](Index i, auto N) {
    for (Index b = 0; b < n; ++b) std::memcpy(inputs + b * N.value, x + b * x_stride + i, N.value * sizeof(T));
    each_strip<T>(width, [&](Index j, auto V) {
      move_part<T, N.value, V.value>(n, inputs, room + j * n, w + i * width + j, width);
    });
  });
}
