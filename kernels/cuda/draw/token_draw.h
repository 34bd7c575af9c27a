#ifndef METRONOME_KERNELS_CUDA_DRAW_TOKEN_DRAW_H_
#define METRONOME_KERNELS_CUDA_DRAW_TOKEN_DRAW_H_

#include <cstdint>

#include "kernels/cuda/primitives/device_context.h"
#include "kernels/interface/dtype_enum.h"

namespace metronome::kernels::cuda {

// A TokenDraw, with options that change nothing taken out: 0 or 1 where a field says off.
struct TokenDrawArgs {
  DType dtype;
  const void* logits = nullptr;  // [vocab].
  int64_t vocab = 0;             // At most kMaxWeights.
  float penalty = 1;             // 1 = off.
  bool greedy = false;           // The fields of the next four lines are off then.
  double inverse_temperature = 1;
  int64_t top_k = 0;            // In [0, vocab); 0 = off.
  double top_p = 1;             // 1 = off.
  float min_p = 0;              // 0 = off.
  int32_t* sequence = nullptr;  // [capacity].
  int64_t capacity = 0;
  int64_t* length = nullptr;
  uint64_t* state = nullptr;
  int32_t* token = nullptr;
  int32_t* failure = nullptr;
};

// Needs TokenDrawWorkspaceBytes of the context's workspace and TokenDrawScratchBytes of its scratch.
void LaunchTokenDraw(const DeviceContext& context, const TokenDrawArgs& args);

int64_t TokenDrawWorkspaceBytes(int64_t vocab);
int64_t TokenDrawScratchBytes(int multiprocessors);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_DRAW_TOKEN_DRAW_H_
