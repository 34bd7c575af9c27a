#ifndef METRONOME_KERNELS_CUDA_PRIMITIVES_INDEX_FAULT_CUH_
#define METRONOME_KERNELS_CUDA_PRIMITIVES_INDEX_FAULT_CUH_

#include "kernels/cuda/primitives/device.cuh"

namespace metronome::kernels::cuda {

// Leaves word of an index outside its table; the first one stays.
__device__ __forceinline__ void RaiseFault(IndexFault* fault, int32_t index, int64_t position, int64_t rows) {
  if (atomicCAS(&fault->raised, 0, 1) != 0) return;
  fault->index = index;
  fault->position = position;
  fault->rows = rows;
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRIMITIVES_INDEX_FAULT_CUH_
