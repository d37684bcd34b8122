#include "dispatch.h"

#include <cstdlib>

namespace truezero {

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
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    levels.push_back(&level_avx2);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw")) {
      levels.push_back(&level_avx512);
    }
  }
#endif
  return levels;
}

const Level& level_in_use() {
  const auto levels = available_levels();
  const char* forced = std::getenv("TRUEZERO_ISA");
  if (forced == nullptr || *forced == '\0') return *levels.back();
  std::string known;
  for (const Level* level : levels) {
    if (forced == std::string(level->name)) return *level;
    known += (known.empty() ? "" : ", ") + std::string(level->name);
  }
  throw LevelUnavailable("TRUEZERO_ISA=" + std::string(forced) + " cannot be used; this machine and build have: " +
                         known);
}

template <>
const Kernels<float>& kernels_in_use<float>() {
  return *level_in_use().f32;
}

template <>
const Kernels<double>& kernels_in_use<double>() {
  return *level_in_use().f64;
}

}  // namespace truezero
