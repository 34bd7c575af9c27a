#ifndef METRONOME_KERNELS_CUDA_PRODUCTS_GEMV_H_
#define METRONOME_KERNELS_CUDA_PRODUCTS_GEMV_H_

#include "kernels/cuda/products/experts.h"
#include "kernels/cuda/products/linear.h"

namespace metronome::kernels::cuda {

// LaunchLinear or LaunchExperts for few rows: reads the weights once for `sharing` of them (1, 2, 4 or 8). x has fewer
// than 2^31 elements: larger offsets would not fit the registers of 8 rows.
void LaunchGemv(const DeviceContext& context, const LinearArgs& args, const ExpertRows& rows, int64_t sharing);

// Whether a block of a GEMV can take all rows of x into shared memory, where it normalises them for itself: up to
// kMaxGemvRows rows of aligned vectors, 40 KiB.
bool GemvStages(const LinearArgs& args);

// LaunchGemv with args.norm, where GemvStages. Each block reads x, which is small and in the second-level cache, while
// its first weights are on their way.
void LaunchNormGemv(const DeviceContext& context, const LinearArgs& args);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRODUCTS_GEMV_H_
