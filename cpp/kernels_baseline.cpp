#define TRUEZERO_VECTOR_BYTES 16
#include "kernels_impl.h"

namespace truezero {

const Level level_baseline = {"baseline", &kernels<float>, &kernels<double>, &weight_kernels<float, Bfloat16>};

}  // namespace truezero
