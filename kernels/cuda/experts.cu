#include "kernels/cuda/experts.cuh"
#include "kernels/cuda/gemm.h"
#include "kernels/cuda/gemv.cuh"
#include "kernels/cuda/gemv.h"
#include "kernels/cuda/group.cuh"

namespace metronome::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarpLanes;

// Where the slots are sorted, in the workspace.
struct Grouping {
  int32_t* order = nullptr;  // [slots], by expert and then as they came; those of no expert are at the end, unused.
  RowTile* tiles = nullptr;  // [max_tiles].
  int64_t max_tiles = 0;
};

// One block for each expert. Warps go through equal stretches of the slots, so that the order among an expert's slots
// is theirs, whichever warp is first.
__global__ void METRONOME_BLOCK_THREADS(kThreads)
    GroupKernel(const __grid_constant__ ExpertRows rows, const __grid_constant__ Grouping grouping, int rows_of_tile,
                IndexFault* fault) {
  METRONOME_SHARED(int, before_of_warp, kWarps);  // Slots of the experts before this one.
  METRONOME_SHARED(int, own_of_warp, kWarps);
  const int thread = static_cast<int>(threadIdx.x), warp = thread / kWarpLanes, lane = thread % kWarpLanes,
            expert = static_cast<int>(blockIdx.x), slots = static_cast<int>(rows.slots);
  const int stretch = (slots + kThreads - 1) / kThreads * kWarpLanes, begin = warp * stretch,
            end = begin + stretch < slots ? begin + stretch : slots;
  int before = 0, own = 0;
  for (int at = begin + lane; at < end; at += kWarpLanes) {
    const int32_t index = rows.index[at];
    if (index == expert) ++own;
    if (index >= 0 && index < expert) ++before;
    if (expert == 0 && (index < 0 || index >= rows.experts)) RaiseFault(fault, index, at, rows.experts);
  }
  before = WarpReduce(before, Sum());
  own = WarpReduce(own, Sum());
  if (lane == 0) {
    before_of_warp[warp] = before;
    own_of_warp[warp] = own;
  }
  __syncthreads();
  int first = 0, count = 0, place = 0;
  for (int i = 0; i < kWarps; ++i) {
    if (i == warp) place = count;
    first += before_of_warp[i];
    count += own_of_warp[i];
  }
  place += first;
  for (int base = begin; base < end; base += kWarpLanes) {
    const int at = base + lane;
    const bool mine = at < end && rows.index[at] == expert;
    const uint32_t all_mine = __ballot_sync(kAllLanes, mine);
    if (mine) grouping.order[place + __popc(all_mine & ((1u << lane) - 1))] = at;
    place += __popc(all_mine);
  }
  // Tiles from first / rows_of_tile + expert on: no earlier expert's reach that far, for each begins at its own and has
  // at most count / rows_of_tile + 1. What is left between them stays zero, which is no tile.
  const int tiles = (count + rows_of_tile - 1) / rows_of_tile;
  for (int i = thread; i < tiles; i += kThreads) {
    const int done = i * rows_of_tile, left = count - done;
    grouping.tiles[first / rows_of_tile + expert + i] = {
        .expert = expert, .first = first + done, .rows = left < rows_of_tile ? left : rows_of_tile};
  }
}

// Leaves the workspace as it was.
__global__ void METRONOME_BLOCK_THREADS(kThreads) ClearKernel(uint4* words, int64_t count) {
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < count;
       i += static_cast<int64_t>(gridDim.x) * kThreads)
    words[i] = uint4{0, 0, 0, 0};
}
