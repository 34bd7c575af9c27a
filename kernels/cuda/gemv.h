#ifndef METRONOME_KERNELS_CUDA_GEMV_H_
#define METRONOME_KERNELS_CUDA_GEMV_H_

#include "kernels/cuda/experts.h"
#include "kernels/cuda/linear.h"

namespace metronome::cuda {

// LaunchLinear or LaunchExperts for few rows: reads the weights once for `sharing` of them (1, 2, 4 or 8). x has fewer
// than 2^31 accesses: of 16 bytes where its rows are aligned to them, otherwise of an element.
void LaunchGemv(const DeviceContext& context, const LinearArgs& args, const ExpertRows& rows, int64_t sharing);

}  // namespace metronome::cuda

#endif  // METRONOME_KERNELS_CUDA_GEMV_H_
