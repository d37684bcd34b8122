#include "dispatch.h"

#include <atomic>

#ifdef TRUEZERO_X86
#include <cpuid.h>
#endif

namespace truezero {

#ifdef TRUEZERO_X86
namespace {

struct Supported {
  bool avx2 = false, avx512 = false;
};

// The processor is asked itself: __builtin_cpu_supports asks the compiler's library, and zig's says no to everything.
Supported supported() {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return {};
  const bool fma = c & bit_FMA;
  unsigned kept, high;  // registers that the system saves when threads change
  asm volatile("xgetbv" : "=a"(kept), "=d"(high) : "c"(0));
  constexpr unsigned ymm = 0x06, zmm = 0xE6, avx512 = bit_AVX512F | bit_AVX512DQ | bit_AVX512VL | bit_AVX512BW;
  if (!fma || (kept & ymm) != ymm || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & bit_AVX2)) return {};
  return {true, (kept & zmm) == zmm && (b & avx512) == avx512};
}

}  // namespace
#endif

std::vector<const Level*> compiled_levels() {
#ifdef TRUEZERO_X86
  return {&level_baseline, &level_avx2, &level_avx512};
#else
  return {&level_baseline};
#endif
}

std::vector<const Level*> available_levels() {
  std::vector<const Level*> levels = {&level_baseline};
#ifdef TRUEZERO_X86
  const Supported here = supported();
  if (here.avx2) levels.push_back(&level_avx2);
  if (here.avx512) levels.push_back(&level_avx512);
#endif
  return levels;
}

namespace {

// The environment is not looked at: another thread might be changing it.
std::atomic<const Level*> chosen{nullptr};

}  // namespace

const Level& level_in_use() {
  const Level* level = chosen.load();
  if (level == nullptr) chosen.store(level = available_levels().back());
  return *level;
}

void use_level(const std::string& name) {
  const auto levels = available_levels();
  std::string known;
  for (const Level* level : levels) {
    if (name.empty() || name == level->name) return chosen.store(name.empty() ? levels.back() : level);
    known += (known.empty() ? "" : ", ") + std::string(level->name);
  }
  throw LevelUnavailable(name + " cannot be used; this machine and build have: " + known);
}

template <>
const Kernels<float>& kernels_in_use<float>() {
  return *level_in_use().f32;
}

template <>
const Kernels<double>& kernels_in_use<double>() {
  return *level_in_use().f64;
}

template <>
const WeightKernels<float>& weight_kernels_in_use<float, float>() {
  return *level_in_use().f32;
}

template <>
const WeightKernels<double>& weight_kernels_in_use<double, double>() {
  return *level_in_use().f64;
}

template <>
const WeightKernels<float, Bfloat16>& weight_kernels_in_use<float, Bfloat16>() {
  return *level_in_use().bf16;
}

}  // namespace truezero
