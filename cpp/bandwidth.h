// What the memory of this machine gives: the yardstick of the benchmarks.
#pragma once

#include "types.h"

namespace truezero {

// Bytes per second of all threads together, each passing over its own part of `bytes`: read only, or read
// and written (which counts twice). The best of several passes.
double measure_bandwidth(Index bytes, bool rewrite, int n_threads);

}  // namespace truezero
