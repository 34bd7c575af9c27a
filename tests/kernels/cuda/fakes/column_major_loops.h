#ifndef METRONOME_TESTS_KERNELS_CUDA_FAKES_COLUMN_MAJOR_LOOPS_H_
#define METRONOME_TESTS_KERNELS_CUDA_FAKES_COLUMN_MAJOR_LOOPS_H_

#include <cstdint>

#include "kernels/cuda/products/library/column_major.h"

namespace metronome::testing {

struct ColumnMajorOperand {
  kernels::cuda::ColumnMajorMatrix layout;
  const void* data = nullptr;
  bool transposed = false;
};

// output = op(first) * op(second) + addend + bias as the documentation of cublasLtMatmul has it, by plain loops that
// know nothing of rows: in float32, from the last term to the first, with one rounding. `bias` ([rows of the output],
// of its dtype) and `addend` (of its layout, may be it) may be nullptr. False for sizes that do not match or a pitch
// that makes columns overlap.
bool MultiplyColumnMajor(const ColumnMajorOperand& first, const ColumnMajorOperand& second, const void* bias,
                         const void* addend, const kernels::cuda::ColumnMajorMatrix& layout, int64_t batch,
                         void* output);

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_KERNELS_CUDA_FAKES_COLUMN_MAJOR_LOOPS_H_
