// The functions of units, for whole vectors: same formulas, same codes as activations.py. Included by
// the kernels, inside their level's unnamed namespace.

// The functions of one call of the C library, for what is rare enough to go number by number.
inline float log1p_of(float x) { return __builtin_log1pf(x); }
inline double log1p_of(double x) { return __builtin_log1p(x); }

template <class T>
struct Constants;

template <>
struct Constants<float> {
  typedef std::int32_t Bits;
  static constexpr int mantissa = 23, exp_terms = 7, log_terms = 8;
  static constexpr Bits one = 127 << 23;
  static constexpr float magic = 12582912.0F;  // 1.5 * 2^23: adding it rounds to a whole number
  static constexpr float ln2_high = 0.693359375F, ln2_low = -2.12194440e-4F, lowest = -104.0F;
  static constexpr float least_for_log = 1e-7F;
};

template <>
struct Constants<double> {
  typedef std::int64_t Bits;
  static constexpr int mantissa = 52, exp_terms = 13, log_terms = 16;
  static constexpr Bits one = std::int64_t{1023} << 52;
  static constexpr double magic = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10, lowest = -746.0;
  static constexpr double least_for_log = 1e-16;
};

template <class T>
using Many = typename Vector<T>::type;

template <class T>
inline Many<T> all(T x) {
  return Many<T>{} + x;
}

template <class T>
inline Many<T> absolute(Many<T> x) {
  return x < 0 ? -x : x;
}

// exp(x) = first * second * (1 + rest), for x <= 0: first and second are powers of 2, two of them so that
// the least numbers come out as they should, rest the Taylor series of exp(x - n ln 2) - 1.
template <class T>
struct Exp {
  Many<T> first, second, rest;

  explicit Exp(Many<T> x) {
    using C = Constants<T>;
    typedef typename C::Bits Whole __attribute__((vector_size(TRUEZERO_VECTOR_BYTES)));
    x = x < C::lowest ? all<T>(C::lowest) : x;  // where exp is 0; a NaN stays one
    const Many<T> shifted = x * T(1.44269504088896340736) + C::magic;
    const Many<T> n = shifted - C::magic;
    const Many<T> r = (x - n * C::ln2_high) - n * C::ln2_low;
    const Whole power = (Whole)shifted - (Whole)all<T>(C::magic), half = power / 2;
    first = (Many<T>)((half << C::mantissa) + C::one);
    second = (Many<T>)(((power - half) << C::mantissa) + C::one);
    rest = all<T>(T(1));
    for (int k = C::exp_terms; k > 1; --k) rest = rest * (r * (T(1) / T(k))) + T(1);
    rest = rest * r;
  }

  Many<T> value() const { return (first * rest + first) * second; }
  Many<T> minus_one() const { return first * second * rest + (first * second - T(1)); }
};

// log(1 + e) for 0 <= e <= 1, as 2 artanh(e / (2 + e)): its series needs few terms, as its square is at most 1/9.
template <class T>
inline Many<T> log1p_of_unit(Many<T> e) {
  const Many<T> s = e / (e + T(2)), square = s * s;
  Many<T> series = all<T>(T(1) / T(2 * Constants<T>::log_terms + 1));
  for (int k = Constants<T>::log_terms - 1; k >= 0; --k) series = series * square + T(1) / T(2 * k + 1);
  return e < Constants<T>::least_for_log ? e : T(2) * s * series;  // half of the least number would be 0
}

template <class T>
inline Many<T> logistic(Many<T> x) {  // exp only of negative numbers: it never overflows
  const Many<T> e = Exp<T>(-absolute<T>(x)).value();
  return (x >= 0 ? all<T>(T(1)) : e) / (e + T(1));
}

template <class T>
inline Many<T> hyperbolic_tangent(Many<T> x) {
  const Many<T> m = Exp<T>(T(-2) * absolute<T>(x)).minus_one();
  const Many<T> t = -m / (m + T(2));
  return x < 0 ? -t : t;
}

template <class T>
struct Rectifier {
  void operator()(Many<T> z, Many<T>& h, Many<T>& slope) const {
    h = z <= 0 ? all<T>(T(0)) : z;  // not max(z, 0): a NaN must survive
    slope = z > 0 ? all<T>(T(1)) : all<T>(T(0));
  }
};

template <class T>
struct Softplus {
  T scale;
  void operator()(Many<T> z, Many<T>& h, Many<T>& slope) const {
    const Many<T> x = z * scale, e = Exp<T>(-absolute<T>(x)).value();
    h = ((x <= 0 ? all<T>(T(0)) : x) + log1p_of_unit<T>(e)) / scale;
    slope = (x >= 0 ? all<T>(T(1)) : e) / (e + T(1));
  }
};

template <class T>
struct Tanh {
  void operator()(Many<T> z, Many<T>& h, Many<T>& slope) const {
    h = hyperbolic_tangent<T>(z);
    slope = T(1) - h * h;
  }
};

template <class T>
struct Sigmoid {
  void operator()(Many<T> z, Many<T>& h, Many<T>& slope) const {
    h = logistic<T>(z);
    slope = h * (T(1) - h);
  }
};

template <class T>
struct Lif {
  void operator()(Many<T> z, Many<T>& h, Many<T>& slope) const {
    for (Index i = 0; i < Vector<T>::lanes; ++i) {
      h[i] = z[i] <= 0 ? T(0) : 1 / (T(7.5) * log1p_of(T(0.05) / z[i]) + 1);
      slope[i] = h[i] == 0 ? T(0) : h[i] * h[i] * (T(0.375) / (z[i] * (z[i] + T(0.05))));
    }
    slope = slope > 10 ? all<T>(T(10)) : slope;  // unbounded at 0+; every engine caps it at 10
  }
};

template <class T>
struct RectifiedTanh {
  void operator()(Many<T> z, Many<T>& h, Many<T>& slope) const {
    const Many<T> t = hyperbolic_tangent<T>(z);
    h = t <= 0 ? all<T>(T(0)) : t;
    slope = z <= 0 ? all<T>(T(0)) : T(1) - t * t;
  }
};

template <class T>
struct AbsTanh {
  void operator()(Many<T> z, Many<T>& h, Many<T>& slope) const {
    const Many<T> t = hyperbolic_tangent<T>(z);
    h = absolute<T>(t);
    slope = (z > 0 ? all<T>(T(1)) : z < 0 ? all<T>(T(-1)) : z) * (T(1) - t * t);
  }
};

template <class T>
struct Linear {
  void operator()(Many<T> z, Many<T>& h, Many<T>& slope) const {
    h = z;
    slope = all<T>(T(1));
  }
};
