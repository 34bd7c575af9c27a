#include "kernels/cuda/attention/attention_kernel.cuh"

namespace metronome::kernels::cuda {

void LaunchAttentionBFloat16(const DeviceContext& context, const AttentionArgs& args) {
  LaunchAttentionHalf<bf16>(context, args);
}

}  // namespace metronome::kernels::cuda
