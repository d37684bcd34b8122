// The kernels, for vectors of TRUEZERO_VECTOR_BYTES; included once per instruction level. All of it
// is in an unnamed namespace and no function template of the standard library's is used, so that no
// function compiled with one level's flags can be linked into another's.

#include <cstring>
#include <type_traits>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "kernels.h"

namespace truezero {
namespace {

// In this order: each uses what stands before it.
#include "vectors.h"

#include "activation.h"

#include "kernels_forward.h"

#include "kernels_units.h"

#include "kernels_backward.h"

#include "kernels_matrix.h"

#include "kernels_reconstruction.h"

#include "kernels_draws.h"

#include "kernels_memory.h"

template <class T, class W>
constexpr WeightKernels<T, W> weight_kernels = {forward<T, W>, forward_one<T, W>, widen<T, W>};

template <class T>
constexpr Kernels<T> kernels = {
    weight_kernels<T, T>, forward_block<T>, forward_dense<T>, forward_entries<T>, collect<T>, collect_units<T>,
    activate<T>, count_zeros<T>, backward_forward<T>, backward<T>, multiply<T>, multiply_back<T>, move_weights<T>,
    dots<T>, backward_outputs<T>, reconstruct<T>, draw, list_hits, read_all<T>, rewrite_all<T>};

}  // namespace
}  // namespace truezero
