#ifndef METRONOME_KERNELS_CUDA_PRODUCTS_GEMM_SPLIT_CUH_
#define METRONOME_KERNELS_CUDA_PRODUCTS_GEMM_SPLIT_CUH_

#include "kernels/cuda/primitives/device.cuh"

namespace metronome::kernels::cuda {

// Where the blocks that share the sums of a tile meet, in the workspace: a count of those that came, and their sums.
struct SplitSpace {
  unsigned* arrived = nullptr;  // [tiles].
  float* sums = nullptr;        // [tiles, splits, what a block has].
};

// As many of the wanted splits as there is room for, at least one. A block has `floats` sums.
inline int FitSplits(const DeviceContext& context, int64_t tiles, int64_t floats, int64_t wanted, SplitSpace& space) {
  constexpr int64_t kAlignment = 256;
  const int64_t counts = (tiles * static_cast<int64_t>(sizeof(unsigned)) + kAlignment - 1) / kAlignment * kAlignment,
                of_split = tiles * floats * static_cast<int64_t>(sizeof(float));
  const int64_t most =
      of_split > 0 && context.workspace.bytes > counts ? (context.workspace.bytes - counts) / of_split : 0;
  space.arrived = static_cast<unsigned*>(context.workspace.data);
  space.sums = reinterpret_cast<float*>(static_cast<unsigned char*>(context.workspace.data) + counts);
  const int64_t splits = wanted < most ? wanted : most;
  return static_cast<int>(splits > 1 ? splits : 1);
}

// Adds the sums of `splits` blocks, `floats` of each; at(i) refers to this block's. True in the last of them to come,
// where at(i) holds the totals then: added in the order of the splits, whoever was last. All threads take part; thread
// t reads and writes at(t), at(t + kThreads), ... and nothing else.
template <int kThreads, typename At>
__device__ __forceinline__ bool SumSplits(const SplitSpace& space, int64_t tile, int split, int splits, int floats,
                                          At at) {
  METRONOME_SHARED(unsigned, is_last, 1);
  const int thread = static_cast<int>(threadIdx.x);
  float* const of_tile = space.sums + tile * splits * floats;
  for (int i = thread; i < floats; i += kThreads) of_tile[split * floats + i] = at(i);
  __threadfence();
  __syncthreads();  // All of the block's sums are out before its arrival counts.
  if (thread == 0) is_last[0] = atomicAdd(&space.arrived[tile], 1u) == static_cast<unsigned>(splits) - 1 ? 1u : 0u;
  __syncthreads();
  if (is_last[0] == 0) return false;
  __threadfence();  // No sum is read from before the arrivals.
  for (int i = thread; i < floats; i += kThreads) {
    float total = 0;
    for (int other = 0; other < splits; ++other) {
      total += of_tile[other * floats + i];
      of_tile[other * floats + i] = 0;
    }
    at(i) = total;
  }
  if (thread == 0) space.arrived[tile] = 0;
  return true;
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRODUCTS_GEMM_SPLIT_CUH_
