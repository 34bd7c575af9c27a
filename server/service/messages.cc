#include "server/service/messages.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernels/base/status_macros.h"

namespace metronome::server {
namespace {

// Takes a value that was given, which is in [1, most]; 0 keeps what is there.
absl::Status SetPositive(absl::string_view name, int64_t value, int64_t most, int64_t& into) {
  if (value < 0 || value > most)
    return absl::InvalidArgumentError(absl::StrCat(name, " is ", value, ", not in [1, ", most, "]"));
  if (value > 0) into = value;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ModelRequest> ToModelRequest(const v1::CompileRequest& request, absl::string_view backend) {
  ModelRequest result = {.model = request.model(), .seed = request.seed(), .max_cache_len = request.max_cache_len()};
  if (request.model().empty()) return absl::InvalidArgumentError("model is empty");
  if (!request.dtype().empty()) result.dtype = request.dtype();
  const std::optional<kernels::DType> dtype = kernels::ParseDType(result.dtype);
  if (!dtype.has_value() || !kernels::IsFloat(*dtype) || Name(*dtype) != result.dtype) {
    return absl::InvalidArgumentError(absl::StrCat("dtype is '", result.dtype, "', not float32, bfloat16 or float16"));
  }
  if (!request.weights().empty()) result.weights = request.weights();
  if (!request.backend().empty() && request.backend() != backend) {
    return absl::FailedPreconditionError(
        absl::StrCat("backend '", request.backend(), "' is not available here; this daemon runs on ", backend));
  }
  const std::optional<compiler::ExecutionPath> path =
      compiler::ParseExecutionPath(request.path().empty() ? "compiled" : request.path());
  if (!path.has_value())
    return absl::InvalidArgumentError(absl::StrCat("path is '", request.path(), "', not compiled, graph or eager"));
  result.path = *path;
  constexpr int32_t kMaxSearch = 100000;
  if (request.search_iterations() < 0 || request.search_iterations() > kMaxSearch) {
    return absl::InvalidArgumentError(
        absl::StrCat("search_iterations is ", request.search_iterations(), ", not in [0, ", kMaxSearch, "]"));
  }
  result.search_iterations = std::max<int64_t>(1, request.search_iterations());
  RETURN_IF_ERROR(SetPositive("search_trials", request.search_trials(), 1000, result.search_trials));
  RETURN_IF_ERROR(SetPositive("search_keep_best", request.search_keep_best(), 1000, result.search_keep_best));
  if (request.max_cache_len() < 0)
    return absl::InvalidArgumentError(absl::StrCat("max_cache_len is ", request.max_cache_len(), ", not at least 1"));
  if (request.layers() < 0)
    return absl::InvalidArgumentError(absl::StrCat("layers is ", request.layers(), ", not at least 1"));
  result.layers = request.layers();
  return result;
}

absl::StatusOr<runtime::PrefillMode> ToPrefillMode(const std::string& mode) {
  const std::optional<runtime::PrefillMode> parsed = runtime::ParsePrefillMode(mode.empty() ? "chunked" : mode);
  if (!parsed.has_value())
    return absl::InvalidArgumentError(absl::StrCat("prefill mode is '", mode, "', not chunked or sequential"));
  return *parsed;
}

absl::StatusOr<GenerationOptions> ToGenerationOptions(const v1::Sampling& sampling,
                                                      const absl::StatusOr<runtime::SamplingOptions>& own) {
  GenerationOptions options;
  if (sampling.model_defaults()) {
    ASSIGN_OR_RETURN(options.sampling, own);
  }
  runtime::SamplingOptions& chosen = options.sampling;
  if (sampling.has_repetition_penalty()) chosen.repetition_penalty = sampling.repetition_penalty();
  if (sampling.temperature() != 0) chosen.temperature = sampling.temperature();
  if (sampling.top_k() != 0) chosen.top_k = sampling.top_k();
  if (sampling.has_top_p()) chosen.top_p = sampling.top_p();
  if (sampling.min_p() != 0) chosen.min_p = sampling.min_p();
  chosen.seed = sampling.seed();
  RETURN_IF_ERROR(runtime::ValidateSamplingOptions(options.sampling));
  if (!sampling.has_logprobs()) return options;
  options.logprobs = sampling.logprobs();
  if (*options.logprobs < 0 || *options.logprobs > runtime::kMaxTopLogProbs) {
    return absl::InvalidArgumentError(
        absl::StrCat("logprobs is ", *options.logprobs, ", not in [0, ", runtime::kMaxTopLogProbs, "]"));
  }
  return options;
}

v1::Sampling ToSampling(const runtime::SamplingOptions& options) {
  v1::Sampling sampling;
  sampling.set_temperature(options.temperature);
  sampling.set_top_k(options.top_k);
  sampling.set_top_p(options.top_p);
  sampling.set_min_p(options.min_p);
  sampling.set_repetition_penalty(options.repetition_penalty);
  return sampling;
}

v1::Token ToToken(const GeneratedToken& token, int64_t step_ns, const text::Tokenizer* tokenizer) {
  v1::Token message;
  message.set_id(token.id);
  message.set_text(token.text);
  message.set_position(token.position);
  message.set_step_ns(step_ns);
  if (!token.logprobs.has_value()) return message;
  message.set_logprob(token.logprobs->chosen.logprob);
  for (const runtime::TokenLogProb& likely : token.logprobs->top) {
    v1::TokenLogProb& top = *message.add_top_logprobs();
    top.set_id(likely.id);
    top.set_logprob(likely.logprob);
    if (tokenizer != nullptr) top.set_text(tokenizer->Decode({likely.id}, /*skip_special_tokens=*/false));
  }
  return message;
}

v1::DeviceTelemetry ToDeviceTelemetry(const kernels::DeviceTelemetry& telemetry) {
  v1::DeviceTelemetry message;
  const auto set = [&](const std::optional<double>& value, void (v1::DeviceTelemetry::*setter)(double)) {
    if (value.has_value()) (message.*setter)(*value);
  };
  set(telemetry.sm_clock_hertz, &v1::DeviceTelemetry::set_sm_clock_hertz);
  set(telemetry.memory_clock_hertz, &v1::DeviceTelemetry::set_memory_clock_hertz);
  set(telemetry.sm_clock_max_hertz, &v1::DeviceTelemetry::set_sm_clock_max_hertz);
  set(telemetry.memory_clock_max_hertz, &v1::DeviceTelemetry::set_memory_clock_max_hertz);
  set(telemetry.temperature_celsius, &v1::DeviceTelemetry::set_temperature_celsius);
  set(telemetry.power_watts, &v1::DeviceTelemetry::set_power_watts);
  set(telemetry.power_limit_watts, &v1::DeviceTelemetry::set_power_limit_watts);
  set(telemetry.utilisation, &v1::DeviceTelemetry::set_utilisation);
  if (telemetry.throttle_reasons.has_value())
    message.set_throttle_reasons(absl::StrJoin(*telemetry.throttle_reasons, ","));
  return message;
}

v1::ModelInfo ToModelInfo(const LoadedModelSnapshot& model, absl::string_view backend) {
  v1::ModelInfo info;
  const LoadedModel::Facts& facts = model.facts;
  info.set_key(model.request.model);
  info.set_backend(std::string(backend));
  info.set_dtype(model.request.dtype);
  info.set_path(std::string(Name(model.request.path)));
  info.set_plan_hash(facts.plan_hash);
  info.set_weights_provenance(facts.weights_provenance);
  info.set_parameters(facts.parameters);
  info.set_weight_bytes(facts.weight_bytes);
  info.set_kv_bytes_per_token(facts.kv_bytes_per_token);
  info.set_max_cache_len(facts.max_cache_len);
  info.set_compile_ms(facts.compile_ms);
  info.set_load_ms(facts.load_ms);
  info.set_kernel_calls(static_cast<int32_t>(facts.kernel_calls));
  info.set_plan_cached(facts.plan_cached);
  info.set_has_tokenizer(model.has_tokenizer);
  info.set_tokenizer_error(facts.tokenizer_error);
  info.set_error(model.error);
  info.set_vocab_size(facts.vocab_size);
  info.set_layers(static_cast<int32_t>(facts.layers));
  info.set_model_layers(static_cast<int32_t>(facts.model_layers));
  info.set_max_kv_bytes(facts.max_kv_bytes);
  for (const int32_t id : facts.eos_token_ids) info.add_eos_token_ids(id);
  if (facts.sampling_defaults.has_value()) *info.mutable_model_sampling() = ToSampling(*facts.sampling_defaults);
  return info;
}

}  // namespace metronome::server
