#define TRUEZERO_VECTOR_BYTES 64
#include "kernels_impl.h"

namespace truezero {

const Level level_avx512 = {"avx512", &kernels<float>, &kernels<double>, &weight_kernels<float, Bfloat16>};

}  // namespace truezero
