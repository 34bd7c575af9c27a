#include "kernels/cuda/products/library/column_major.h"

namespace metronome::kernels::cuda {
namespace {

// A row-major [rows, columns].
ColumnMajorMatrix Transposed(DType dtype, int64_t rows, int64_t columns, int64_t stride) {
  return {.dtype = dtype, .rows = columns, .columns = rows, .pitch = columns, .stride = stride};
}

}  // namespace

ColumnMajorProduct ColumnMajorOf(const MatmulProblem& p) {
  return {.first = p.transposed ? Transposed(p.dtype, p.n, p.k, p.b_stride) : Transposed(p.dtype, p.k, p.n, p.b_stride),
          .second = Transposed(p.dtype, p.m, p.k, p.a_stride),
          .output = Transposed(p.wide ? DType::kFloat32 : p.dtype, p.m, p.n, p.batch > 1 ? p.m * p.n : 0),
          .first_transposed = p.transposed,
          .batch = p.batch};
}

}  // namespace metronome::kernels::cuda
