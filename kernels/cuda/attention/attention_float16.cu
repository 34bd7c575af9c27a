#include "kernels/cuda/attention/attention_kernel.cuh"

namespace metronome::kernels::cuda {

void LaunchAttentionFloat16(const DeviceContext& context, const AttentionArgs& args) {
  LaunchAttentionHalf<f16>(context, args);
}

}  // namespace metronome::kernels::cuda
