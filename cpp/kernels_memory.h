// What memory gives at best, a yardstick; included by kernels_impl.h inside its unnamed namespace.

constexpr Index kAtOnce = 4;  // vectors

// n is a multiple of 64.
template <class T>
T read_all(const T* from, Index n) {
  constexpr Index lanes = Vector<T>::lanes;
  typename Vector<T>::type total[kAtOnce] = {};
  for (Index i = 0; i < n; i += kAtOnce * lanes) {
    for (Index k = 0; k < kAtOnce; ++k) total[k] += load(from + i + k * lanes);
  }
  return sum<T>(total[0] + total[1] + total[2] + total[3]);
}

template <class T>
void rewrite_all(T* at, Index n) {
  constexpr Index lanes = Vector<T>::lanes;
  for (Index i = 0; i < n; i += kAtOnce * lanes) {
    for (Index k = 0; k < kAtOnce; ++k) store(at + i + k * lanes, load(at + i + k * lanes) + T(1));
  }
}
