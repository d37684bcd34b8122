// Outputs of a decoder, their cost and its gradient: same formulas, same codes as reconstruction.py. Included by
// kernels_impl.h inside its unnamed namespace.

template <class T>
struct SoftplusQuadratic {
  void operator()(Many<T> r, Many<T> t, Many<T>& value, Many<T>& gradient) const {
    Many<T> output, slope;
    Softplus<T>{T(1)}(r, output, slope);
    const Many<T> difference = output - t;
    value = difference * difference;
    gradient = T(2) * difference * slope;
  }
};

template <class T>
struct SigmoidCrossEntropy {
  void operator()(Many<T> r, Many<T> t, Many<T>& value, Many<T>& gradient) const {
    Many<T> softplus, output;
    Softplus<T>{T(1)}(r, softplus, output);
    value = softplus - t * r;
    gradient = output - t;
  }
};

template <class T>
struct LinearQuadratic {
  void operator()(Many<T> r, Many<T> t, Many<T>& value, Many<T>& gradient) const {
    const Many<T> difference = r - t;
    value = difference * difference;
    gradient = T(2) * difference;
  }
};

template <class T>
struct RectifierQuadratic {
  void operator()(Many<T> r, Many<T> t, Many<T>& value, Many<T>& gradient) const {
    const Many<T> difference = (r <= 0 ? all<T>(T(0)) : r) - t;
    value = difference * difference;
    gradient = r <= 0 ? all<T>(T(0)) : T(2) * difference;
  }
};

constexpr double kLogRoot2Pi = 0.91893853320467274178;

// The logarithm of the normal distribution function: of its tail where it is near 1, and by the first terms of
// its asymptotic series where erfc comes near its end.
inline double log_normal(double x) {
  constexpr double kRootHalf = 0.70710678118654752440;
  if (x > -1) return __builtin_log1p(-0.5 * __builtin_erfc(x * kRootHalf));
  if (x > -37) return __builtin_log(0.5 * __builtin_erfc(-x * kRootHalf));
  const double s = 1 / (x * x);
  return -x * x / 2 - __builtin_log(-x) - kLogRoot2Pi + __builtin_log1p(-s * (1 - s * (3 - s * (15 - s * 105))));
}

// Rare enough to go number by number, in double as there.
template <class T>
struct CensoredGaussian {
  double deviation;
  void operator()(Many<T> r, Many<T> t, Many<T>& value, Many<T>& gradient) const {
    for (Index i = 0; i < Vector<T>::lanes; ++i) {
      const double u = (static_cast<double>(r[i]) - (t[i] > 0 ? static_cast<double>(t[i]) : 0.0)) / deviation;
      if (t[i] > 0) {
        value[i] = static_cast<T>(u * u / 2 + (__builtin_log(deviation) + kLogRoot2Pi));
        gradient[i] = static_cast<T>(u / deviation);
      } else {
        const double log_p = log_normal(-u > 1e3 ? 1e3 : -u);
        value[i] = static_cast<T>(-log_p);
        gradient[i] = static_cast<T>(__builtin_exp(-u * u / 2 - log_p - kLogRoot2Pi) / deviation);
      }
    }
  }
};

template <class T>
struct CensoredLaplace {
  double deviation;
  void operator()(Many<T> r, Many<T> t, Many<T>& value, Many<T>& gradient) const {
    for (Index i = 0; i < Vector<T>::lanes; ++i) {
      const double u = (static_cast<double>(r[i]) - (t[i] > 0 ? static_cast<double>(t[i]) : 0.0)) / deviation;
      const double size = u < 0 ? -u : u, fraction = __builtin_exp(-size) / 2;
      if (t[i] > 0) {
        value[i] = static_cast<T>(size + __builtin_log(2 * deviation));
        gradient[i] = static_cast<T>((u > 0 ? 1.0 : u < 0 ? -1.0 : u) / deviation);
      } else {
        value[i] = static_cast<T>(u < 0 ? -__builtin_log1p(-fraction) : size + 0.69314718055994530942);
        gradient[i] = static_cast<T>((u < 0 ? fraction / (1 - fraction) : 1.0) / deviation);
      }
    }
  }
};

template <class T, class F>
T reconstruct_with(F f, const OutputsView<T>& of, Index n, T* delta) {
  constexpr Index lanes = Vector<T>::lanes;
  const auto one_vector = [&](const OutputsView<T>& at, T* to) __attribute__((always_inline)) {
    auto r = load(at.sums);
    if (at.biases) r += load(at.biases);
    Many<T> value{}, gradient{};
    f(r, load(at.target), value, gradient);
    if (at.weight) {
      const auto weight = load(at.weight);
      value *= weight;
      gradient *= weight;
    }
    store(to, gradient * at.share);
    return value;
  };
  Many<T> total{};
  Index j = 0;
  for (; j + lanes <= n; j += lanes) {
    total += one_vector({of.sums + j, of.biases ? of.biases + j : nullptr, of.target + j,
                         of.weight ? of.weight + j : nullptr, of.share}, delta + j);
  }
  T cost = sum<T>(total);
  if (j == n) return cost;
  // What is left goes through copies, so that nothing beyond the arrays is touched.
  T sums[lanes] = {}, biases[lanes] = {}, target[lanes] = {}, weight[lanes] = {}, to[lanes], value[lanes];
  for (Index k = 0; j + k < n; ++k) {
    sums[k] = of.sums[j + k];
    if (of.biases) biases[k] = of.biases[j + k];
    target[k] = of.target[j + k];
    weight[k] = of.weight ? of.weight[j + k] : T(1);
  }
  store(value, one_vector({sums, biases, target, weight, of.share}, to));
  for (Index k = 0; j + k < n; ++k) {
    cost += value[k];
    delta[j + k] = to[k];
  }
  return cost;
}

template <class T>
T reconstruct(const ReconstructionView& reconstruction, const OutputsView<T>& of, Index n, T* delta) {
  const auto with = [&](auto f) { return reconstruct_with<T>(f, of, n, delta); };
  switch (reconstruction.code) {
    case 0: return with(SoftplusQuadratic<T>{});
    case 1: return with(SigmoidCrossEntropy<T>{});
    case 2: return with(LinearQuadratic<T>{});
    case 3: return with(RectifierQuadratic<T>{});
    case 4: return with(CensoredGaussian<T>{reconstruction.deviation});
    default: return with(CensoredLaplace<T>{reconstruction.deviation});
  }
}
