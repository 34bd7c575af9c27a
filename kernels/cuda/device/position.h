#ifndef METRONOME_KERNELS_CUDA_DEVICE_POSITION_H_
#define METRONOME_KERNELS_CUDA_DEVICE_POSITION_H_

#include <cstdint>

#include "kernels/cuda/primitives/device_context.h"

namespace metronome::kernels::cuda {

// *position = value, in the order of the stream. The value travels with the launch: no host memory has to outlive it.
void LaunchSetPosition(const DeviceContext& context, int64_t* position, int64_t value);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_DEVICE_POSITION_H_
