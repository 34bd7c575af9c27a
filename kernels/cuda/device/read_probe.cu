#include "kernels/cuda/device/read_probe.h"
#include "kernels/cuda/primitives/group.cuh"
#include "kernels/cuda/primitives/pack.cuh"

namespace metronome::kernels::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kInFlight = 8;  // Loads of a thread: 132 multiprocessors x 8 blocks x 256 threads x 128 B = 35 MB.

__global__ void METRONOME_BLOCK_THREADS(kThreads)
    ReadProbeKernel(const uint32_t* data, int64_t packs, uint32_t* result) {
  uint32_t all = 0;
  const int64_t tile = int64_t{kThreads} * kInFlight;
  for (int64_t base = static_cast<int64_t>(blockIdx.x) * tile; base < packs;
       base += static_cast<int64_t>(gridDim.x) * tile) {
    Vector<uint32_t> held[kInFlight];
    METRONOME_UNROLL
    for (int i = 0; i < kInFlight; ++i) {
      const int64_t at = base + i * kThreads + threadIdx.x;
      held[i] = at < packs ? Load<uint32_t, 4>(data + at * 4) : Vector<uint32_t>{};
    }
    METRONOME_UNROLL
    for (int i = 0; i < kInFlight; ++i) all ^= held[i][0] ^ held[i][1] ^ held[i][2] ^ held[i][3];
  }
  METRONOME_UNROLL
  for (int lanes = kWarpLanes / 2; lanes > 0; lanes /= 2) all ^= __shfl_xor_sync(kAllLanes, all, lanes);
  if (threadIdx.x % kWarpLanes == 0) atomicXor(result, all);
}

// A different word for each number.
__device__ __forceinline__ uint32_t Scramble(uint32_t value) {
  value = (value ^ (value >> 16)) * 0x7feb352du;
  value = (value ^ (value >> 15)) * 0x846ca68bu;
  return value ^ (value >> 16);
}

__global__ void METRONOME_BLOCK_THREADS(kThreads) FillRandomKernel(bf16* data, int64_t packs) {
  constexpr int kPack = kVectorWidth<bf16>;
  for (int64_t at = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; at < packs;
       at += static_cast<int64_t>(gridDim.x) * kThreads) {
    Pack<bf16, kPack> values;
    METRONOME_UNROLL
    for (int i = 0; i < kPack; ++i) {
      const uint32_t bits = Scramble(static_cast<uint32_t>(at * kPack + i));
      values[i] = FromFloat<bf16>(static_cast<float>(bits >> 8) * 0x1p-23f - 1.0f);
    }
    Store<bf16, kPack>(data + at * kPack, values);
  }
}

}  // namespace

void LaunchFillRandom(const DeviceContext& context, void* data, int64_t bytes) {
  const int64_t packs = bytes / kVectorBytes;
  Launch(context, FillRandomKernel, {.grid = dim3(BlocksFor(context, packs, kThreads)), .block = dim3(kThreads)},
         static_cast<bf16*>(data), packs);
}

void LaunchReadProbe(const DeviceContext& context, const void* data, int64_t bytes, uint32_t* result) {
  const int64_t packs = bytes / kVectorBytes;
  Launch(context, ReadProbeKernel,
         {.grid = dim3(BlocksFor(context, packs, int64_t{kThreads} * kInFlight)), .block = dim3(kThreads)},
         static_cast<const uint32_t*>(data), packs, result);
}

}  // namespace metronome::kernels::cuda
