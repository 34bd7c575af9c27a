#include "kernels/cuda/draw/draw_token.h"

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "kernels/cuda/draw/token_draw.h"
#include "kernels/interface/token_arithmetic.h"

namespace metronome::kernels::cuda {
namespace {

absl::Status Check(const DeviceContext& context, const TensorView& logits) {
  const int rank = logits.shape.rank();
  if (!IsFloat(logits.dtype) || rank < 1 || rank > 2 || logits.rows() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("logits are ", rank, " axes of ", Name(logits.dtype), ", not one row of floats"));
  }
  const int64_t vocab = logits.elements();
  if (vocab > kMaxWeights)
    return absl::InvalidArgumentError(absl::StrCat(vocab, " logits are more than ", kMaxWeights));
  const int64_t workspace = TokenDrawWorkspaceBytes(vocab), scratch = TokenDrawScratchBytes(context.multiprocessors);
  if (context.workspace.bytes < workspace || context.scratch.bytes < scratch) {
    return absl::ResourceExhaustedError(absl::StrCat("drawing from ", vocab, " logits needs ", workspace,
                                                     " bytes of workspace and ", scratch, " of scratch, there are ",
                                                     context.workspace.bytes, " and ", context.scratch.bytes));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status DrawToken(const DeviceContext& context, const TokenDraw& draw) {
  RETURN_IF_ERROR(Check(context, draw.logits));
  TokenDrawArgs args = {.dtype = draw.logits.dtype,
                        .logits = draw.logits.data,
                        .vocab = draw.logits.elements(),
                        .penalty = static_cast<float>(draw.repetition_penalty),
                        .greedy = draw.temperature == 0,
                        .sequence = draw.sequence,
                        .capacity = draw.capacity,
                        .length = draw.length,
                        .state = draw.state,
                        .token = draw.token,
                        .failure = draw.failure};
  if (!args.greedy) {
    args.inverse_temperature = InverseTemperature(draw.temperature);
    args.top_k = draw.top_k < args.vocab ? draw.top_k : 0;
    args.top_p = draw.top_p;
    args.min_p = static_cast<float>(draw.min_p);
  }
  LaunchTokenDraw(context, args);
  return absl::OkStatus();
}

}  // namespace metronome::kernels::cuda
