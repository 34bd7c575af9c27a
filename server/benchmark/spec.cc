#include "server/benchmark/spec.h"

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "server/benchmark/text_limits.h"
#include "server/service/messages.h"

namespace metronome::server {
namespace {

constexpr int64_t kDefaultPromptTokens = 21;  // What the default prompt has with these models' tokenizers.
constexpr int64_t kScalingMaxCacheLen = 32768;
constexpr int64_t kMaxTokens = int64_t{1} << 20;
constexpr int64_t kMaxSamples = 1000000;  // Of decode steps; 60 MB in the database.

absl::Status CheckRange(absl::string_view field, int64_t value, int64_t least, int64_t greatest) {
  if (value >= least && value <= greatest) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(field, " is ", value, ", not in [", least, ", ", greatest, "]"));
}

// Where a scenario has no use for a field, saying something about it is a mistake.
absl::Status CheckUnused(absl::string_view field, bool given) {
  if (!given) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(field, " has no meaning in scenario '", kScaling, "'"));
}

absl::Status NormaliseLatency(v1::BenchmarkSpec& spec) {
  if (spec.decode_tokens() == 0) spec.set_decode_tokens(5);
  RETURN_IF_ERROR(CheckRange("decode_tokens", spec.decode_tokens(), 1, kMaxTokens));
  RETURN_IF_ERROR(CheckRange("iters * decode_tokens", spec.iters() * spec.decode_tokens(), 1, kMaxSamples));
  RETURN_IF_ERROR(ToGenerationOptions(spec.sampling(), runtime::SamplingOptions{}).status());
  // The text's length is not known before its tokenizer is loaded, so a prompt of text gets the model's default length.
  if (spec.max_cache_len() == 0 && spec.prompt().empty())
    spec.set_max_cache_len(spec.prompt_tokens() + spec.decode_tokens());
  return absl::OkStatus();
}

absl::Status CheckScaling(const v1::BenchmarkSpec& spec) {
  RETURN_IF_ERROR(CheckUnused("decode_tokens", spec.decode_tokens() != 0));
  RETURN_IF_ERROR(CheckUnused("warmups", spec.warmups() != 0));
  RETURN_IF_ERROR(CheckUnused("sampling", spec.has_sampling()));
  RETURN_IF_ERROR(CheckUnused("streamed", spec.streamed()));
  if (spec.max_cache_len() == 0) return absl::OkStatus();
  return CheckRange("prompt_tokens", spec.prompt_tokens(), 1, spec.max_cache_len() - 1);
}

}  // namespace

absl::Status NormaliseSpec(v1::BenchmarkSpec& spec) {
  if (spec.model().empty()) return absl::InvalidArgumentError("model is empty");
  RETURN_IF_ERROR(CheckTextSizes(spec));
  if (spec.sampling().model_defaults()) {
    return absl::InvalidArgumentError(
        "sampling.model_defaults is not for benchmarks, which say what they measure: give temperature, top_k, top_p, "
        "min_p and repetition_penalty");
  }
  if (spec.scenario().empty()) spec.set_scenario(kLatency);
  const bool scaling = spec.scenario() == kScaling;
  if (!scaling && spec.scenario() != kLatency) {
    return absl::UnimplementedError(
        absl::StrCat("scenario '", spec.scenario(), "' is not supported; latency and scaling are"));
  }
  if (spec.path().empty()) spec.set_path("compiled");
  if (spec.dtype().empty()) spec.set_dtype("bfloat16");
  if (spec.prefill_mode().empty()) spec.set_prefill_mode("chunked");
  if (spec.prompt_tokens() == 0) spec.set_prompt_tokens(scaling ? 1 : kDefaultPromptTokens);
  if (spec.iters() == 0) spec.set_iters(scaling ? 3 : 1);
  RETURN_IF_ERROR(CheckRange("prompt_tokens", spec.prompt_tokens(), 1, kMaxTokens));
  RETURN_IF_ERROR(CheckRange("iters", spec.iters(), 1, 100000));
  RETURN_IF_ERROR(CheckRange("warmups", spec.warmups(), 0, 100000));
  RETURN_IF_ERROR(CheckRange("max_cache_len", spec.max_cache_len(), 0, int64_t{1} << 24));
  RETURN_IF_ERROR(scaling ? CheckScaling(spec) : NormaliseLatency(spec));
  RETURN_IF_ERROR(ToPrefillMode(spec.prefill_mode()).status());
  return ModelRequestOf(spec, "").status();  // Names no backend, so that any fits.
}

absl::StatusOr<ModelRequest> ModelRequestOf(const v1::BenchmarkSpec& spec, absl::string_view backend) {
  v1::CompileRequest request;
  request.set_model(spec.model());
  request.set_dtype(spec.dtype());
  request.set_path(spec.path());
  request.set_search_iterations(spec.search_iterations());
  request.set_seed(spec.seed());
  request.set_max_cache_len(spec.max_cache_len());
  request.set_weights(spec.weights());
  request.set_layers(spec.layers());
  ASSIGN_OR_RETURN(ModelRequest model, ToModelRequest(request, backend));
  if (spec.scenario() == kScaling) model.default_max_cache_len = kScalingMaxCacheLen;
  return model;
}

}  // namespace metronome::server
