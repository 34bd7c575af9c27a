#ifndef METRONOME_KERNELS_CUDA_DRAW_DRAW_TOKEN_H_
#define METRONOME_KERNELS_CUDA_DRAW_DRAW_TOKEN_H_

#include "absl/status/status.h"
#include "kernels/cuda/primitives/device_context.h"
#include "kernels/interface/token_draw.h"

namespace metronome::kernels::cuda {

// Checks a draw and enqueues it. Errors as Backend::Draw.
absl::Status DrawToken(const DeviceContext& context, const TokenDraw& draw);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_DRAW_DRAW_TOKEN_H_
