#define TRUEZERO_VECTOR_BYTES 32
#include "kernels_impl.h"

namespace truezero {

const Level level_avx2 = {"avx2", &kernels<float>, &kernels<double>, &weight_kernels<float, Bfloat16>};

}  // namespace truezero
