// Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011), word for word as in draws.py.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace truezero {

using Words = std::array<std::uint32_t, 4>;

inline Words philox(Words counter, std::uint64_t key) {
  std::uint32_t key0 = static_cast<std::uint32_t>(key);
  std::uint32_t key1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53} * counter[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(p1 >> 32) ^ counter[1] ^ key0, static_cast<std::uint32_t>(p1),
               static_cast<std::uint32_t>(p0 >> 32) ^ counter[3] ^ key1, static_cast<std::uint32_t>(p0)};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return counter;
}

// The dropout of one layer's input in one epoch: which units of which example are dropped.
struct Dropout {
  std::uint64_t seed = 0;
  std::uint32_t epoch = 0;
  std::uint32_t layer = 0;
  std::uint64_t threshold = 0;  // round(p * 2^32): a word below it drops the unit

  bool any() const { return threshold != 0; }

  // Words of units 4 * block .. 4 * block + 3; 4 is the number of dropout's purpose in draws.py.
  Words words(std::uint32_t id, std::uint32_t block) const {
    return philox({block, id, epoch, (4u << 16) | layer}, seed);
  }
};

// Drops units first .. first + n of one example, first a multiple of 4: each value becomes 0, or keep
// times itself.
template <class T>
void drop_units(const Dropout& dropout, std::uint32_t id, std::ptrdiff_t first, std::ptrdiff_t n, T keep, T* value,
                T* also = nullptr) {
  for (std::ptrdiff_t j = 0; j < n; j += 4) {
    const Words words = dropout.words(id, static_cast<std::uint32_t>((first + j) / 4));
    for (std::ptrdiff_t k = 0; k < 4 && j + k < n; ++k) {
      const T factor = words[static_cast<std::size_t>(k)] < dropout.threshold ? T(0) : keep;
      value[j + k] *= factor;
      if (also) also[j + k] *= factor;
    }
  }
}

}  // namespace truezero
