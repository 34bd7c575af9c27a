#ifndef METRONOME_KERNELS_CUDA_ATTENTION_ATTENTION_WORK_H_
#define METRONOME_KERNELS_CUDA_ATTENTION_ATTENTION_WORK_H_

#include "kernels/cuda/attention/attention.h"

namespace metronome::kernels::cuda {

// A unit is what one block would do without splits: a tile of rows, a kv head, a slice of the value columns.
//
// All query heads of a kv head read the same keys, so they are rows of one matrix: packed row p is query row p / group
// of head p % group within the kv head, group = heads / kv_heads.
struct AttentionWork {
  AttentionArgs args;
  int group = 1;        // Query heads of a kv head.
  int packed_rows = 0;  // rows * group.
  int row_tiles = 1;
  int splits = 1;             // Blocks that a unit's positions are split over, at most.
  int padded_size = 0;        // args.size rounded up, not 0; the rest is zero in shared memory.
  bool query_chunks = false;  // Whether rows of q, of k and of v are whole aligned chunks of 16 bytes.
  bool key_chunks = false;
  bool value_chunks = false;
  unsigned* arrived = nullptr;  // [units], zero: blocks that have left their partial result.
  float* partials = nullptr;    // [units, splits, kPartialFloats].
};

// By splits of a unit: what one block of a merge keeps in shared memory for each row.
inline constexpr int kMaxAttentionSplits = 128;
// Blocks of a launch that is split, for each multiprocessor: as many as run on it together.
inline constexpr int kAttentionBlocksPerMultiprocessor = 2;

// The largest partial result of a block: 64 rows of 256 sums, and two numbers more for each.
inline constexpr int kMaxAttentionPartialFloats = 64 * (256 + 2);

// One for each type, in files of their own: nvcc takes its time with each.
void LaunchAttentionFloat(const DeviceContext& context, const AttentionArgs& args);
void LaunchAttentionBFloat16(const DeviceContext& context, const AttentionArgs& args);
void LaunchAttentionFloat16(const DeviceContext& context, const AttentionArgs& args);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_ATTENTION_ATTENTION_WORK_H_
