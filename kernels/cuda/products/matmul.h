#ifndef METRONOME_KERNELS_CUDA_PRODUCTS_MATMUL_H_
#define METRONOME_KERNELS_CUDA_PRODUCTS_MATMUL_H_

#include <cstdint>

#include "kernels/cuda/primitives/device_context.h"
#include "kernels/cuda/primitives/strided.h"
#include "kernels/interface/dtype_enum.h"

namespace metronome::kernels::cuda {

// y = a * b for each matrix of y.
struct MatmulArgs {
  DType dtype = DType::kFloat32;
  const void* a = nullptr;  // [..., m, k].
  const void* b = nullptr;  // [..., k, n], or [..., n, k] if transposed.
  void* y = nullptr;        // [..., m, n].
  bool transposed = false;
  bool wide = false;  // y is float32.
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  StridedWalk<2> batch;  // Over the matrices of y; strides of a and b in matrices.
};
void LaunchMatmul(const DeviceContext& context, const MatmulArgs& args);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRODUCTS_MATMUL_H_
