#ifndef METRONOME_KERNELS_CUDA_ROWS_REDUCTION_H_
#define METRONOME_KERNELS_CUDA_ROWS_REDUCTION_H_

#include <cstdint>

#include "kernels/cuda/primitives/device_context.h"
#include "kernels/interface/dtype_enum.h"

namespace metronome::kernels::cuda {

enum class ReduceOp : uint8_t { kSum, kMax };

// y[o][i] = fold over a of x[o][a][i], in float32. The sum of nothing is 0, the maximum of nothing -infinity; NaN wins.
struct ReduceArgs {
  ReduceOp op;
  DType dtype;
  const void* x = nullptr;  // [outer, size, inner].
  void* y = nullptr;        // [outer, inner].
  int64_t outer = 0;
  int64_t size = 0;
  int64_t inner = 0;
};
void LaunchReduce(const DeviceContext& context, const ReduceArgs& args);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_ROWS_REDUCTION_H_
