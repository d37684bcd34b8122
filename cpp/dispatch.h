// Which instruction level runs.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "kernels.h"

namespace truezero {

// A level that is unknown, or that this build or machine does not have.
struct LevelUnavailable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::vector<const Level*> compiled_levels();   // slowest first
std::vector<const Level*> available_levels();  // those this machine can run
const Level& level_in_use();                   // the fastest, or the one that was chosen
void use_level(const std::string& name);       // empty: the fastest

template <class T>
const Kernels<T>& kernels_in_use();
template <class T, class W>
const WeightKernels<T, W>& weight_kernels_in_use();

}  // namespace truezero
