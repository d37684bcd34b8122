// Random draws for units, and what they do to a row of input.
#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels.h"
#include "philox.h"
#include "types.h"

namespace truezero {

enum class Purpose : std::uint32_t { dropout = 4, corruption = 6, pepper = 7, sampling = 8 };  // as in draws.py

// One word per example and unit, of one layer's input in one epoch.
struct Draw {
  std::uint64_t seed = 0;
  std::uint32_t epoch = 0;
  std::uint32_t layer = 0;
  Purpose purpose = Purpose::dropout;
  std::uint64_t threshold = 0;  // round(p * 2^32): a word below it hits the unit

  bool any() const { return threshold != 0; }
  std::uint32_t highest() const { return static_cast<std::uint32_t>(threshold - 1); }  // of the words that hit

  Words counter(std::uint32_t id, Index block) const {
    return {static_cast<std::uint32_t>(block), id, epoch, static_cast<std::uint32_t>(purpose) << 16 | layer};
  }

  // Words of units 4 * block .. 4 * block + 3.
  Words words(std::uint32_t id, Index block) const { return philox(counter(id, block), seed); }
};

constexpr Index kWordsAtOnce = 256;  // a multiple of 4 * kBlocksAtOnce

// Calls use(at, count, words) for stretches at .. at + count of the n units from `first` on, a multiple of 4.
template <class T, class Use>
void each_words(const Kernels<T>& kernels, const Draw& draw, std::uint32_t id, Index first, Index n, Use&& use) {
  std::uint32_t words[kWordsAtOnce];
  for (Index at = 0; at < n; at += kWordsAtOnce) {
    const Index count = std::min(n - at, kWordsAtOnce);
    kernels.draw(draw.counter(id, (first + at) / 4).data(), draw.seed, (count + 3) / 4, words);
    use(at, count, static_cast<const std::uint32_t*>(words));
  }
}

// Drops units first .. first + n of one example, first a multiple of 4: each value becomes 0, or keep
// times itself.
template <class T>
void drop_units(const Kernels<T>& kernels, const Draw& dropout, std::uint32_t id, Index first, Index n, T keep, T* value,
                T* also = nullptr) {
  const std::uint32_t highest = dropout.highest();
  each_words(kernels, dropout, id, first, n, [&](Index at, Index count, const std::uint32_t* words) {
    for (Index j = 0; j < count; ++j) value[at + j] *= words[j] <= highest ? T(0) : keep;
    for (Index j = 0; j < count && also; ++j) also[at + j] *= words[j] <= highest ? T(0) : keep;
  });
}

// What happens to input rows on their way in: dropout, or a denoising auto-encoder's corruption.
template <class T>
struct Noise {
  Draw dropout;
  T keep = 1;  // times what is not dropped
  Draw zeros;  // become 0
  Draw ones;   // become 1 where the clean input is 0
  Draw normal;
  double deviation = 0;  // of normal numbers added

  bool whole() const { return deviation > 0; }  // it leaves no zeros
};

// Normal numbers by Box and Muller, one pair of words to one pair of numbers.
template <class T>
void add_normal(const Kernels<T>& kernels, const Noise<T>& noise, std::uint32_t id, Index n, T* x) {
  const auto uniform = [](std::uint32_t word) { return (static_cast<double>(word) + 0.5) * 0x1p-32; };
  each_words(kernels, noise.normal, id, 0, n, [&](Index at, Index count, const std::uint32_t* words) {
    for (Index j = 0; j < count; j += 2) {
      const double radius = std::sqrt(-2 * std::log(uniform(words[j]))), angle = 2 * std::numbers::pi * uniform(words[j + 1]);
      x[at + j] += static_cast<T>(noise.deviation * (radius * std::cos(angle)));
      if (j + 1 < count) x[at + j + 1] += static_cast<T>(noise.deviation * (radius * std::sin(angle)));
    }
  });
}

// Of a row given whole.
template <class T>
void disturb(const Kernels<T>& kernels, const Noise<T>& noise, std::uint32_t id, Index n, T* x) {
  if (noise.dropout.any()) drop_units(kernels, noise.dropout, id, 0, n, noise.keep, x);
  if (noise.deviation > 0) add_normal(kernels, noise, id, n, x);
  const auto set_zeros = [&](Index at, Index count, const std::uint32_t* words) {
    for (Index j = 0; j < count; ++j) x[at + j] = words[j] <= noise.zeros.highest() ? T(0) : x[at + j];
  };
  if (!noise.ones.any()) {
    if (noise.zeros.any()) each_words(kernels, noise.zeros, id, 0, n, set_zeros);
    return;
  }
  each_words(kernels, noise.ones, id, 0, n, [&](Index at, Index count, const std::uint32_t* words) {
    bool one[kWordsAtOnce];  // where the clean number is 0: found before any is set to 0
    for (Index j = 0; j < count; ++j) one[j] = words[j] <= noise.ones.highest() && x[at + j] == 0;
    if (noise.zeros.any()) {
      std::uint32_t of_zeros[kWordsAtOnce];
      kernels.draw(noise.zeros.counter(id, at / 4).data(), noise.zeros.seed, (count + 3) / 4, of_zeros);
      set_zeros(at, count, of_zeros);
    }
    for (Index j = 0; j < count; ++j) x[at + j] = one[j] ? T(1) : x[at + j];
  });
}

}  // namespace truezero
