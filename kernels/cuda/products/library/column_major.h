#ifndef METRONOME_KERNELS_CUDA_PRODUCTS_LIBRARY_COLUMN_MAJOR_H_
#define METRONOME_KERNELS_CUDA_PRODUCTS_LIBRARY_COLUMN_MAJOR_H_

#include <cstdint>

#include "kernels/cuda/products/library/matmul_library.h"
#include "kernels/interface/dtype_enum.h"

namespace metronome::kernels::cuda {

// Columns that are `pitch` elements apart; matrices of a batch are `stride` elements apart.
struct ColumnMajorMatrix {
  DType dtype = DType::kFloat32;
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t pitch = 0;
  int64_t stride = 0;
};

// output = op(first) * second, as BLAS has it; op transposes or not.
struct ColumnMajorProduct {
  ColumnMajorMatrix first;
  ColumnMajorMatrix second;
  ColumnMajorMatrix output;
  bool first_transposed = false;
  int64_t batch = 1;
};

// Row-major matrices are the transposes of column-major ones, and y^T = b^T * a^T: `first` is b, `second` is a,
// `output` is y (and the residual). The bias runs along the output's rows.
ColumnMajorProduct ColumnMajorOf(const MatmulProblem& problem);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRODUCTS_LIBRARY_COLUMN_MAJOR_H_
