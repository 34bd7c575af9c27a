#include "kernels/cuda/attention/attention_kernel.cuh"

namespace metronome::cuda {

void LaunchAttentionFloat16(const DeviceContext& context, const AttentionArgs& args) {
  LaunchAttentionHalf<f16>(context, args);
}

}  // namespace metronome::cuda
