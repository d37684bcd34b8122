// Vectors of one instruction level; included by kernels_impl.h inside its unnamed namespace.

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
