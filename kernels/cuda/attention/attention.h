#ifndef METRONOME_KERNELS_CUDA_ATTENTION_ATTENTION_H_
#define METRONOME_KERNELS_CUDA_ATTENTION_ATTENTION_H_

#include <cstdint>

#include "kernels/cuda/primitives/device_context.h"
#include "kernels/interface/dtype_enum.h"

namespace metronome::kernels::cuda {

// The largest `size` and `value_size` of a head: a tile of keys that long fits in shared memory.
inline constexpr int64_t kMaxHeadSize = 512;

// y[i, h] = softmax over the visible positions j of scale * q[i, h] . k[j, h'], times v[j, h'], with h' = h * kv_heads
// / heads. Query row i stands at position past + i and sees the positions up to its own, with a window only the last
// `window` of them. Positions that no row of the launch sees are not read. y is none of the others.
struct AttentionArgs {
  DType dtype;
  const void* q = nullptr;  // [rows, heads, size].
  const void* k = nullptr;  // [past + rows, kv_heads, size].
  const void* v = nullptr;  // [past + rows, kv_heads, value_size].
  void* y = nullptr;        // [rows, heads, value_size].
  int64_t rows = 0;
  int64_t heads = 0;     // A multiple of kv_heads.
  int64_t kv_heads = 0;  // At most 65535.
  int64_t size = 0;      // At most kMaxHeadSize, like value_size.
  int64_t value_size = 0;
  StepSize past;       // Positions before the first row; past + rows is below 2^31.
  int64_t window = 0;  // 0 is unbounded.
  float scale = 1;
};

// Splits positions over blocks where the query rows alone are too few for the device. That takes
// AttentionWorkspaceBytes of the context's workspace and AttentionScratchBytes of its scratch; with less there are
// fewer splits. The number of splits does not depend on `past`.
void LaunchAttention(const DeviceContext& context, const AttentionArgs& args);

// The most that any launch makes use of.
int64_t AttentionWorkspaceBytes(int multiprocessors);
int64_t AttentionScratchBytes(int multiprocessors);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_ATTENTION_ATTENTION_H_
