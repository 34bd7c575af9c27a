#include "kernels/cuda/attention/attention_work.h"

namespace metronome::kernels::cuda {

void LaunchAttention(const DeviceContext& context, const AttentionArgs& args) {
  if (args.rows * args.heads * args.value_size == 0) return;
  if (args.dtype == DType::kBFloat16) return LaunchAttentionBFloat16(context, args);
  if (args.dtype == DType::kFloat16) return LaunchAttentionFloat16(context, args);
  LaunchAttentionFloat(context, args);
}

// Launches that are split have at most so many blocks, and a counter and a partial result for no more.
int64_t AttentionWorkspaceBytes(int multiprocessors) {
  return int64_t{multiprocessors} * kAttentionBlocksPerMultiprocessor * static_cast<int64_t>(sizeof(unsigned));
}

int64_t AttentionScratchBytes(int multiprocessors) {
  return int64_t{multiprocessors} * kAttentionBlocksPerMultiprocessor * kMaxAttentionPartialFloats *
         static_cast<int64_t>(sizeof(float));
}

}  // namespace metronome::kernels::cuda
