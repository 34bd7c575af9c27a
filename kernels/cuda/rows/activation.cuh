#ifndef METRONOME_KERNELS_CUDA_ROWS_ACTIVATION_CUH_
#define METRONOME_KERNELS_CUDA_ROWS_ACTIVATION_CUH_

#include "kernels/cuda/primitives/device.cuh"
#include "kernels/cuda/rows/activation.h"

namespace metronome::kernels::cuda {

// The activation in float32, not rounded. What goes to -infinity goes to -0, not to NaN.
__device__ __forceinline__ float Activate(Activation activation, float x) {
  if (activation == Activation::kSilu) return x / (1.0f + expf(-x));
  constexpr float kRootOfTwoOverPi = 0.7978845608028654f;
  // 0.5 * (1 + tanh(z)) is 1 / (1 + exp(-2 z)), which keeps its precision where it is near 0.
  const float z = kRootOfTwoOverPi * (x + 0.044715f * x * x * x);
  return x / (1.0f + expf(-2.0f * z));
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_ROWS_ACTIVATION_CUH_
