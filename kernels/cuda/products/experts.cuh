#ifndef METRONOME_KERNELS_CUDA_PRODUCTS_EXPERTS_CUH_
#define METRONOME_KERNELS_CUDA_PRODUCTS_EXPERTS_CUH_

#include "kernels/cuda/primitives/device.cuh"
#include "kernels/cuda/primitives/index_fault.cuh"
#include "kernels/cuda/products/experts.h"

namespace metronome::kernels::cuda {

// The slots of `slot`'s expert from there on, up to M: so many share one reading of the weights. 0 where another slot
// of the expert stands for this one. Every lane of the warp gets the same.
template <int M>
__device__ __forceinline__ int FindSharers(const ExpertRows& rows, int32_t slot, int32_t expert,
                                           int32_t (&sharers)[M]) {
  if constexpr (M == 1) {
    sharers[0] = slot;
    return 1;
  }
  const int lane = static_cast<int>(threadIdx.x) % kWarpLanes;
  int before = 0, found = 0;
  for (int base = 0; base < rows.slots && found < M; base += kWarpLanes) {
    const int at = base + lane;
    uint32_t same = __ballot_sync(kAllLanes, at < rows.slots && rows.index[at] == expert);
    for (; same != 0; same &= same - 1) {
      const int32_t other = base + __ffs(static_cast<int>(same)) - 1;
      if (other < slot) {
        ++before;
        continue;
      }
      METRONOME_UNROLL
      for (int i = 0; i < M; ++i) {
        if (i == found) sharers[i] = other;
      }
      ++found;
    }
  }
  if (before % M != 0) return 0;
  return found < M ? found : M;
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRODUCTS_EXPERTS_CUH_
