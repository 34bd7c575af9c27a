#ifndef METRONOME_KERNELS_CUDA_ROWS_ROTARY_H_
#define METRONOME_KERNELS_CUDA_ROWS_ROTARY_H_

#include <cstdint>

#include "kernels/cuda/primitives/device_context.h"
#include "kernels/interface/dtype_enum.h"

namespace metronome::kernels::cuda {

// y = x * cos + rotate_half(x) * sin with rotate_half(x) = [-x[size/2:], x[:size/2]] of each head (Su et al. 2021,
// arXiv:2104.09864). y may be x.
struct RopeArgs {
  DType dtype;
  const void* x = nullptr;    // [rows, heads, size].
  const void* cos = nullptr;  // [rows, size].
  const void* sin = nullptr;  // [rows, size].
  void* y = nullptr;
  int64_t rows = 0;
  int64_t heads = 0;
  int64_t size = 0;  // Even.
};
void LaunchRope(const DeviceContext& context, const RopeArgs& args);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_ROWS_ROTARY_H_
