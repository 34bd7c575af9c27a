#ifndef METRONOME_SERVER_SERVICE_MESSAGES_H_
#define METRONOME_SERVER_SERVICE_MESSAGES_H_

#include "absl/status/statusor.h"
#include "metronome/v1/inference.pb.h"
#include "server/engine/engine.h"

namespace metronome::server {

// Between protocol messages and the engine's types. InvalidArgument names the field and its value.
absl::StatusOr<ModelRequest> ToModelRequest(const v1::CompileRequest& request, absl::string_view backend);
absl::StatusOr<runtime::PrefillMode> ToPrefillMode(const std::string& mode);
// InvalidArgument naming the field, its value and its range. Where model_defaults asks for them, the fields that are
// not set are the model's: `own`, or its error.
absl::StatusOr<GenerationOptions> ToGenerationOptions(const v1::Sampling& sampling,
                                                      const absl::StatusOr<runtime::SamplingOptions>& own);
v1::Sampling ToSampling(const runtime::SamplingOptions& options);
// `tokenizer` nullptr: without texts of the alternatives.
v1::Token ToToken(const GeneratedToken& token, int64_t step_ns, const text::Tokenizer* tokenizer);
v1::DeviceTelemetry ToDeviceTelemetry(const kernels::DeviceTelemetry& telemetry);
v1::ModelInfo ToModelInfo(const LoadedModelSnapshot& model, absl::string_view backend);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_SERVICE_MESSAGES_H_
