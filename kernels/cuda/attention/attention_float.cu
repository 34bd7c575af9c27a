#include "kernels/cuda/attention/attention_kernel.cuh"

namespace metronome::kernels::cuda {

// Wider values are slices of 128 columns: twice the registers of a 16-bit type's would not fit.
void LaunchAttentionFloat(const DeviceContext& context, const AttentionArgs& args) {
  const bool few = HasFewRows(args);
  if (args.size <= 128) {
    if (few && args.value_size <= 64) return LaunchAttentionTiles<AttentionTiles<float, 1, 4, 8, 64>>(context, args);
    if (few) return LaunchAttentionTiles<AttentionTiles<float, 1, 4, 8, 128>>(context, args);
    if (args.value_size <= 64) return LaunchAttentionTiles<AttentionTiles<float, 4, 1, 16, 64>>(context, args);
  }
  // 64 queries of more than 256 floats leave no room for keys.
  if (few || args.size > 256) return LaunchAttentionTiles<AttentionTiles<float, 1, 2, 8, 128>>(context, args);
  LaunchAttentionTiles<AttentionTiles<float, 4, 1, 16, 128>>(context, args);
}

}  // namespace metronome::kernels::cuda
