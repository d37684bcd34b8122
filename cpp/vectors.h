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

// Weights of two bytes come as floats, in vectors and one by one.
template <>
struct Vector<Bfloat16> : Vector<float> {};

inline __attribute__((always_inline)) Vector<float>::type load(const Bfloat16* from) {
  typedef std::uint16_t Halves __attribute__((vector_size(TRUEZERO_VECTOR_BYTES / 2)));
  typedef std::uint32_t Wholes __attribute__((vector_size(TRUEZERO_VECTOR_BYTES)));
  Halves halves;
  std::memcpy(&halves, from, sizeof halves);
  const Wholes bits = __builtin_convertvector(halves, Wholes) << 16;
  Vector<float>::type v;
  std::memcpy(&v, &bits, sizeof v);
  return v;
}

template <class T>
inline __attribute__((always_inline)) T number(T weight) {
  return weight;
}

inline __attribute__((always_inline)) float number(Bfloat16 weight) {
  const std::uint32_t bits = static_cast<std::uint32_t>(weight.bits) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

template <class T>
inline __attribute__((always_inline)) void store(T* to, typename Vector<T>::type v) {
  std::memcpy(to, &v, sizeof v);
}

// Lanes of a and, counted on from a's last, of b. GCC has __builtin_shufflevector from 12 on; written so, compilers of
// before and since come to the same instructions.
template <int... Lanes, class V>
inline __attribute__((always_inline)) auto shuffle(V a, V b) {
  using T = std::remove_reference_t<decltype(a[0])>;
  typedef T Result __attribute__((vector_size(sizeof...(Lanes) * sizeof(T))));
  constexpr int n = sizeof a / sizeof(T);
  return Result{(Lanes < n ? a[Lanes < n ? Lanes : 0] : b[Lanes < n ? 0 : Lanes - n])...};
}

// Sum over lanes by halves: an order fixed by the level. Values stay in registers.
template <class T, int Lanes>
struct Fold {
  typedef T Whole __attribute__((vector_size(Lanes * sizeof(T))));
  typedef T Half __attribute__((vector_size(Lanes / 2 * sizeof(T))));

  static inline __attribute__((always_inline)) T sum(Whole v) {
    if constexpr (Lanes == 16) {
      return Fold<T, 8>::sum(shuffle<0, 1, 2, 3, 4, 5, 6, 7>(v, v) +
                             shuffle<8, 9, 10, 11, 12, 13, 14, 15>(v, v));
    } else if constexpr (Lanes == 8) {
      return Fold<T, 4>::sum(shuffle<0, 1, 2, 3>(v, v) + shuffle<4, 5, 6, 7>(v, v));
    } else if constexpr (Lanes == 4) {
      return Fold<T, 2>::sum(shuffle<0, 1>(v, v) + shuffle<2, 3>(v, v));
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
          return shuffle<0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23>(a, b) +
                 shuffle<8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31>(a, b);
        };
        const Whole a = eight(v[n], v[n + 1]), b = eight(v[n + 2], v[n + 3]);
        const Whole four = shuffle<0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27>(a, b) +
                           shuffle<4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31>(a, b);
        two = shuffle<0, 1, 4, 5, 8, 9, 12, 13>(four, four) +
              shuffle<2, 3, 6, 7, 10, 11, 14, 15>(four, four);
      } else {
        const auto four = [](Whole a, Whole b) __attribute__((always_inline)) {
          return shuffle<0, 1, 2, 3, 8, 9, 10, 11>(a, b) +
                 shuffle<4, 5, 6, 7, 12, 13, 14, 15>(a, b);
        };
        const Whole a = four(v[n], v[n + 1]), b = four(v[n + 2], v[n + 3]);
        two = shuffle<0, 1, 4, 5, 8, 9, 12, 13>(a, b) +
              shuffle<2, 3, 6, 7, 10, 11, 14, 15>(a, b);
      }
      const FourLanes one = shuffle<0, 2, 4, 6>(two, two) + shuffle<1, 3, 5, 7>(two, two);
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

// Calls f with the constants 1 .. Most, one after the other.
template <int Most, int N = 1, class F>
inline __attribute__((always_inline)) void each_count(F&& f) {
  f(Count<N>{});
  if constexpr (N < Most) each_count<Most, N + 1>(f);
}

// Calls use(first, Count) for parts of n rows, as equal as can be.
template <int Most, class Use>
inline __attribute__((always_inline)) void each_part(Index n, Use&& use) {
  const Index n_parts = (n + Most - 1) / Most;
  for (Index part = 0; part < n_parts; ++part) {
    const Index first = n * part / n_parts;
    with_count<Most>(n * (part + 1) / n_parts - first, [&](auto count) { use(first, count); });
  }
}
