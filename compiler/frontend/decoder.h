#ifndef METRONOME_COMPILER_FRONTEND_DECODER_H_
#define METRONOME_COMPILER_FRONTEND_DECODER_H_

#include "absl/status/statusor.h"
#include "compiler/frontend/model_config.h"
#include "compiler/ir/graph.h"
#include "kernels/base/cancel_token.h"

namespace metronome::compiler {

// The model as a graph of primitives over one step's tokens and the KV states "layers.<i>.k" and ".v". Norms, softmax
// and activations compute in float32 and round where HuggingFace transformers does; matrix products take and give
// `dtype`. Logits are those after the step's last token, [1, vocab] in `dtype`. InvalidArgument for a dtype that is no
// float; Internal for a config whose sizes contradict each other; errors of the token.
absl::StatusOr<Graph> BuildDecoder(const ModelConfig& config, kernels::DType dtype, const CancelToken& token = {});

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_FRONTEND_DECODER_H_
