// Which instruction level runs.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "kernels.h"

namespace truezero {

// The level forced by TRUEZERO_ISA is unknown, or this build or machine does not have it.
struct LevelUnavailable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::vector<const Level*> compiled_levels();   // slowest first
std::vector<const Level*> available_levels();  // those this machine can run
const Level& level_in_use();                   // the fastest, or TRUEZERO_ISA

template <class T>
const Kernels<T>& kernels_in_use();

}  // namespace truezero
