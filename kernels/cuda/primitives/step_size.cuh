#ifndef METRONOME_KERNELS_CUDA_PRIMITIVES_STEP_SIZE_CUH_
#define METRONOME_KERNELS_CUDA_PRIMITIVES_STEP_SIZE_CUH_

#include "kernels/cuda/primitives/device.cuh"

namespace metronome::kernels::cuda {

__device__ __forceinline__ int64_t Read(const StepSize& size) {
  return (size.base == nullptr ? 0 : *size.base) + size.offset;
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRIMITIVES_STEP_SIZE_CUH_
