#ifndef METRONOME_TESTS_KERNELS_CUDA_FAKES_MATMUL_LIBRARY_CASES_H_
#define METRONOME_TESTS_KERNELS_CUDA_FAKES_MATMUL_LIBRARY_CASES_H_

#include "kernels/cuda/products/library/matmul_library.h"

namespace metronome::testing {

// Products of awkward sizes, by every algorithm of the library, against row-major sums in float64: all dtypes, both
// layouts of b, batches with and without strides, bias, residual (apart and in place) and float32 results.
void ExpectProductsOf(kernels::cuda::MatmulLibrary& library);

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_KERNELS_CUDA_FAKES_MATMUL_LIBRARY_CASES_H_
