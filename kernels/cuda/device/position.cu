#include "kernels/cuda/device/position.h"
#include "kernels/cuda/primitives/device.cuh"

namespace metronome::kernels::cuda {
namespace {

__global__ void SetPositionKernel(int64_t* position, int64_t value) { *position = value; }

}  // namespace

void LaunchSetPosition(const DeviceContext& context, int64_t* position, int64_t value) {
  Launch(context, SetPositionKernel, {.grid = dim3(1), .block = dim3(1)}, position, value);
}

}  // namespace metronome::kernels::cuda
