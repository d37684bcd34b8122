// The functions of one unit, as in activations.py: same formulas, same codes.
#pragma once

#include <cmath>
#include <stdexcept>

namespace truezero {

template <class T>
T logistic(T x) {  // exp only of negative numbers: it never overflows
  const T e = std::exp(-std::abs(x));
  return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

template <class T>
struct Rectifier {
  T value(T z) const { return z <= 0 ? T(0) : z; }  // not max(z, 0): a NaN must survive
  T slope(T z) const { return z > 0 ? T(1) : T(0); }
};

template <class T>
struct Softplus {
  T scale;
  T value(T z) const {
    const T x = z * scale;
    return ((x > 0 ? x : T(0)) + std::log1p(std::exp(-std::abs(x)))) / scale;
  }
  T slope(T z) const { return logistic(z * scale); }
};

template <class T>
struct Tanh {
  T value(T z) const { return std::tanh(z); }
  T slope(T z) const {
    const T t = std::tanh(z);
    return 1 - t * t;
  }
};

template <class T>
struct Sigmoid {
  T value(T z) const { return logistic(z); }
  T slope(T z) const {
    const T s = logistic(z);
    return s * (1 - s);
  }
};

template <class T>
struct Lif {
  T value(T z) const { return z <= 0 ? T(0) : 1 / (T(7.5) * std::log1p(T(0.05) / z) + 1); }
  T slope(T z) const {
    const T rate = value(z);
    if (rate == 0) return 0;
    const T s = rate * rate * (T(0.375) / (z * (z + T(0.05))));
    return s > 10 ? T(10) : s;  // unbounded at 0+; every engine caps it at 10
  }
};

template <class T>
struct RectifiedTanh {
  T value(T z) const { return Rectifier<T>{}.value(std::tanh(z)); }
  T slope(T z) const { return z <= 0 ? T(0) : Tanh<T>{}.slope(z); }
};

template <class T>
struct AbsTanh {
  T value(T z) const { return std::abs(std::tanh(z)); }
  T slope(T z) const { return (z > 0 ? T(1) : z < 0 ? T(-1) : z) * Tanh<T>{}.slope(z); }
};

template <class T>
struct Linear {
  T value(T z) const { return z; }
  T slope(T) const { return 1; }
};

constexpr int kActivations = 8;


// Calls `use` with the activation, once per tile, so that the loop inside knows its function.
template <class T, class Use>
void with_activation(int code, double softplus_scale, Use&& use) {
  switch (code) {
    case 0: return use(Rectifier<T>{});
    case 1: return use(Softplus<T>{static_cast<T>(softplus_scale)});
    case 2: return use(Tanh<T>{});
    case 3: return use(Sigmoid<T>{});
    case 4: return use(Lif<T>{});
    case 5: return use(RectifiedTanh<T>{});
    case 6: return use(AbsTanh<T>{});
    case 7: return use(Linear<T>{});
    default: throw std::invalid_argument("unknown activation code");
  }
}

}  // namespace truezero
