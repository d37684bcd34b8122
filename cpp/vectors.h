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

// The same of N vectors, by halves of several at once: as many additions, in the same order, but fewer instructions.
template <class T, int N>
inline __attribute__((always_inline)) void sums(const typename Vector<T>::type (&v)[N], T* to) {
  typedef typename Vector<T>::type Whole;
  typedef T EightLanes __attribute__((vector_size(8 * sizeof(T))));
  typedef T FourLanes __attribute__((vector_size(4 * sizeof(T))));
  int n = 0;
  if constexpr (Vector<T>::lanes == 16 || Vector<T>::lanes == 8) {
    for (; n + 4 <= N; n += 4) {
      EightLanes two;  // lanes of each of the four, one after the other
      if constexpr (Vector<T>::lanes == 16) {
        const auto eight = [](Whole a, Whole b) __attribute__((always_inline)) {
          return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
                 __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
        };
        const Whole a = eight(v[n], v[n + 1]), b = eight(v[n + 2], v[n + 3]);
        const Whole four = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
                           __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
        two = __builtin_shufflevector(four, four, 0, 1, 4, 5, 8, 9, 12, 13) +
              __builtin_shufflevector(four, four, 2, 3, 6, 7, 10, 11, 14, 15);
      } else {
        const auto four = [](Whole a, Whole b) __attribute__((always_inline)) {
          return __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11) +
                 __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
        };
        const Whole a = four(v[n], v[n + 1]), b = four(v[n + 2], v[n + 3]);
        two = __builtin_shufflevector(a, b, 0, 1, 4, 5, 8, 9, 12, 13) +
              __builtin_shufflevector(a, b, 2, 3, 6, 7, 10, 11, 14, 15);
      }
      const FourLanes one = __builtin_shufflevector(two, two, 0, 2, 4, 6) + __builtin_shufflevector(two, two, 1, 3, 5, 7);
      std::memcpy(to + n, &one, sizeof one);
    }
  }
  for (; n < N; ++n) to[n] = sum<T>(v[n]);
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
