#ifndef METRONOME_KERNELS_CUDA_ATTENTION_ATTENTION_RANGE_CUH_
#define METRONOME_KERNELS_CUDA_ATTENTION_ATTENTION_RANGE_CUH_

#include "kernels/cuda/attention/attention_fragments.cuh"
#include "kernels/cuda/primitives/step_size.cuh"

namespace metronome::kernels::cuda {

__device__ __forceinline__ int Smaller(int a, int b) { return a < b ? a : b; }
__device__ __forceinline__ int Larger(int a, int b) { return a > b ? a : b; }

// What a block has to do.
struct BlockRange {
  int unit, split, active_splits;  // Splits that have positions.
  int kv_head, slice;
  int first_row, rows;  // Packed.
  int columns;          // Of the values' slice.
  // Positions that some row sees, and those that every row sees.
  int begin, end, all_begin, all_end;
  // This split's tiles of keys; tile 0 begins at `begin`.
  int first_tile, end_tile;
};

// The first position that query row `row` sees. It stands at past + row and sees that too.
__device__ __forceinline__ int FirstVisible(const AttentionArgs& args, int past, int row) {
  if (args.window == 0 || args.window > past + row) return 0;
  return past + row + 1 - static_cast<int>(args.window);
}

template <typename Tiles>
__device__ __forceinline__ BlockRange RangeOf(const AttentionWork& work, int past) {
  BlockRange range;
  // The last rows see most positions: they begin first.
  const int row_tile = work.row_tiles - 1 - static_cast<int>(blockIdx.x) / work.splits;
  range.split = static_cast<int>(blockIdx.x) % work.splits;
  range.kv_head = static_cast<int>(blockIdx.y);
  range.slice = static_cast<int>(blockIdx.z);
  range.unit = (range.slice * static_cast<int>(work.args.kv_heads) + range.kv_head) * work.row_tiles + row_tile;
  range.first_row = row_tile * Tiles::kRows;
  range.rows = Smaller(Tiles::kRows, work.packed_rows - range.first_row);
  range.columns = Smaller(Tiles::kValues, static_cast<int>(work.args.value_size) - range.slice * Tiles::kValues);

  const int first = range.first_row / work.group, last = (range.first_row + range.rows - 1) / work.group;
  range.begin = FirstVisible(work.args, past, first);
  range.end = past + last + 1;
  range.all_begin = FirstVisible(work.args, past, last);
  range.all_end = past + first + 1;

  const int tiles = (range.end - range.begin + Tiles::kKeys - 1) / Tiles::kKeys;
  const int tiles_per_split = (tiles + work.splits - 1) / work.splits;
  range.active_splits = (tiles + tiles_per_split - 1) / tiles_per_split;
  range.first_tile = range.split * tiles_per_split;
  range.end_tile = Smaller(tiles, range.first_tile + tiles_per_split);
  return range;
}

// The positions that this lane's two rows of a warp see. Rows past the end see what the last one does: nobody uses
// their results.
template <typename Tiles>
__device__ __forceinline__ Visible VisibleOf(const AttentionWork& work, const BlockRange& range, int past,
                                             int row_warp) {
  Visible visible;
  METRONOME_UNROLL
  for (int half = 0; half < 2; ++half) {
    const int packed = range.first_row + row_warp * Tiles::kWarpRows + half * 8 + QuadLane().group;
    const int row = Smaller(packed, work.packed_rows - 1) / work.group;
    visible.low[half] = FirstVisible(work.args, past, row);
    visible.high[half] = past + row + 1;
  }
  return visible;
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_ATTENTION_ATTENTION_RANGE_CUH_
