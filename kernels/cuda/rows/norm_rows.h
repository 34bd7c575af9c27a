#ifndef METRONOME_KERNELS_CUDA_ROWS_NORM_ROWS_H_
#define METRONOME_KERNELS_CUDA_ROWS_NORM_ROWS_H_

#include "kernels/cuda/products/linear.h"

namespace metronome::kernels::cuda {

// LaunchLinear after args.norm, which there is: in the blocks of a GEMV where GemvStages, else first into the scratch,
// as many rows at a time as have room there, so that the weights are read once for so many. False, and nothing is done,
// where not one row has.
bool LaunchNormLinear(const DeviceContext& context, const LinearArgs& args);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_ROWS_NORM_ROWS_H_
