#ifndef METRONOME_KERNELS_CUDA_DEVICE_READ_PROBE_H_
#define METRONOME_KERNELS_CUDA_DEVICE_READ_PROBE_H_

#include <cstdint>

#include "kernels/cuda/primitives/device_context.h"

namespace metronome::kernels::cuda {

// Fills `data` (as below) with uniform bfloat16 numbers in [-1, 1), two of which are a float32 of about that range:
// what weights are like. A device may read zeros faster.
void LaunchFillRandom(const DeviceContext& context, void* data, int64_t bytes);

// Reads every byte of `data` (16-byte aligned, a multiple of 16 bytes) once and leaves in `result` the exclusive or of
// its 32-bit words, so that no read can be left out. `result` must be 0 before.
void LaunchReadProbe(const DeviceContext& context, const void* data, int64_t bytes, uint32_t* result);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_DEVICE_READ_PROBE_H_
