// A BLAS that the caller brings along, for layers taken whole in large minibatches. It runs on one
// thread per call, on blocks that do not depend on the number of threads, so its bits do not either.
#pragma once

#include "types.h"

namespace truezero {

template <class T>
using Gemm = void (*)(char* trans_a, char* trans_b, int* m, int* n, int* k, T* alpha, T* a, int* lda, T* b, int* ldb,
                      T* beta, T* c, int* ldc);  // column-major, as all of BLAS

template <class T>
Gemm<T>& gemm_in_use() {  // null: there is none
  static Gemm<T> gemm = nullptr;
  return gemm;
}

constexpr Index kBlasRows = 64;  // of a minibatch; from here on what is taken whole is BLAS's

template <class T>
struct Matrix {  // row-major
  const T* data;
  Index stride;
  bool transposed = false;
};

// c[m][n] = alpha * a[m][k] b[k][n] + beta * c
template <class T>
void multiply(Index m, Index n, Index k, T alpha, Matrix<T> a, Matrix<T> b, T beta, T* c, Index c_stride) {
  char trans_a = a.transposed ? 'T' : 'N', trans_b = b.transposed ? 'T' : 'N';
  int rows = static_cast<int>(m), columns = static_cast<int>(n), inner = static_cast<int>(k);
  int lda = static_cast<int>(a.stride), ldb = static_cast<int>(b.stride), ldc = static_cast<int>(c_stride);
  // To column-major eyes every matrix is its transpose, and c' = b' a'.
  gemm_in_use<T>()(&trans_b, &trans_a, &columns, &rows, &inner, &alpha, const_cast<T*>(b.data), &ldb,
                   const_cast<T*>(a.data), &lda, &beta, c, &ldc);
}

}  // namespace truezero
