#ifndef METRONOME_SERVER_ENGINE_EXPLAIN_H_
#define METRONOME_SERVER_ENGINE_EXPLAIN_H_

#include "absl/status/status.h"
#include "kernels/base/cancel_token.h"
#include "metronome/v1/inference.pb.h"
#include "server/model/loaded_model.h"

namespace metronome::server {

// Runs a few steps of the shape asked for and fills everything of the response but `model`. InvalidArgument,
// OutOfRange, ResourceExhausted; errors of the token.
absl::Status Explain(LoadedModel& model, const v1::ExplainRequest& request, const CancelToken& token,
                     v1::ExplainResponse& response);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_ENGINE_EXPLAIN_H_
