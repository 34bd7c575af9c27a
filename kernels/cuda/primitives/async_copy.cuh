#ifndef METRONOME_KERNELS_CUDA_PRIMITIVES_ASYNC_COPY_CUH_
#define METRONOME_KERNELS_CUDA_PRIMITIVES_ASYNC_COPY_CUH_

#include "kernels/cuda/primitives/device.cuh"

namespace metronome::kernels::cuda {

// Copies from global to shared memory that bypass registers (cp.async, sm_80). Both ends are aligned to 16 bytes. The
// data is there after AsyncCopyWait, for this thread; for others after a barrier behind it.

// The first `valid_bytes` (0 to 16) of 16; the rest becomes zero, and nothing of it is read.
__device__ __forceinline__ void AsyncCopy16(void* shared, const void* global, int valid_bytes = 16) {
#if defined(__CUDACC__)
  asm volatile(
      "cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(static_cast<uint32_t>(__cvta_generic_to_shared(shared))),
      "l"(global), "r"(valid_bytes)
      : "memory");
#else
  emulation::Multiprocessor::OfThisThread().CopyAsync(shared, global, 16, valid_bytes);
#endif
}

// Closes the group of copies since the last call.
__device__ __forceinline__ void AsyncCopyCommit() {
#if defined(__CUDACC__)
  asm volatile("cp.async.commit_group;" ::: "memory");
#else
  emulation::Multiprocessor::OfThisThread().CommitCopies();
#endif
}

// Waits for all groups but the last kInFlight.
template <int kInFlight = 0>
__device__ __forceinline__ void AsyncCopyWait() {
#if defined(__CUDACC__)
  asm volatile("cp.async.wait_group %0;" ::"n"(kInFlight) : "memory");
#else
  emulation::Multiprocessor::OfThisThread().WaitCopies(kInFlight);
#endif
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRIMITIVES_ASYNC_COPY_CUH_
