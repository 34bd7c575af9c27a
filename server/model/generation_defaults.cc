#include "server/model/generation_defaults.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/files/json_depth.h"

namespace metronome::server {
namespace {

using Json = nlohmann::json;

constexpr char kFile[] = "generation_config.json";
constexpr int64_t kDefaultTopK = 50;  // GenerationConfig's, where a model samples and does not say.

std::string Quoted(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 80);
}

absl::Status Wrong(absl::string_view key, const Json& value, absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(kFile, ": ", key, " is ", Quoted(value), ", not ", expected));
}

// nullptr where the key is absent or null, which are the same here.
const Json* Find(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found == json.end() || found->is_null() ? nullptr : &*found;
}

// Keys that change what is generated and that no option of ours stands for, with the value that changes nothing.
struct Foreign {
  const char* key;
  double neutral;      // Of a number.
  bool when_sampling;  // Only then does it do anything.
};
constexpr Foreign kForeign[] = {
    {"num_beams", 1, false},      {"num_beam_groups", 1, false},
    {"penalty_alpha", 0, false},  {"no_repeat_ngram_size", 0, false},
    {"guidance_scale", 1, false}, {"diversity_penalty", 0, false},
    {"min_length", 0, false},     {"min_new_tokens", 0, false},
    {"typical_p", 1, true},       {"epsilon_cutoff", 0, true},
    {"eta_cutoff", 0, true},
};
// The same, whatever their value.
constexpr const char* kForeignObjects[] = {
    "bad_words_ids",   "force_words_ids",       "constraints",         "sequence_bias",
    "suppress_tokens", "forced_bos_token_id",   "forced_eos_token_id", "stop_strings",
    "dola_layers",     "begin_suppress_tokens", "watermarking_config", "exponential_decay_length_penalty",
    "max_time"};

absl::Status RefuseForeign(const Json& json, bool samples) {
  const auto refuse = [](const char* key, const Json& value) {
    return absl::UnimplementedError(absl::StrCat(kFile, ": ", key, " is ", Quoted(value), ", which is not supported"));
  };
  for (const Foreign& foreign : kForeign) {
    const Json* const value = Find(json, foreign.key);
    if (value == nullptr || (foreign.when_sampling && !samples)) continue;
    if (!value->is_number()) return Wrong(foreign.key, *value, "a number");
    if (value->get<double>() != foreign.neutral) return refuse(foreign.key, *value);
  }
  for (const char* key : kForeignObjects) {
    const Json* const value = Find(json, key);
    if (value != nullptr && !(value->is_array() && value->empty())) return refuse(key, *value);
  }
  if (const Json* const value = Find(json, "top_h"); value != nullptr && samples) return refuse("top_h", *value);
  if (const Json* const value = Find(json, "token_healing"); value != nullptr && *value != Json(false))
    return refuse("token_healing", *value);
  return absl::OkStatus();
}

absl::Status ReadNumber(const Json& json, const char* key, double& into) {
  const Json* const value = Find(json, key);
  if (value == nullptr) return absl::OkStatus();
  if (!value->is_number()) return Wrong(key, *value, "a number");
  into = value->get<double>();
  return absl::OkStatus();
}

absl::StatusOr<bool> Samples(const Json& json) {
  const Json* const value = Find(json, "do_sample");
  if (value == nullptr) return false;
  if (!value->is_boolean()) return Wrong("do_sample", *value, "true or false");
  return value->get<bool>();
}

absl::StatusOr<int64_t> TopK(const Json& json) {
  const Json* const value = Find(json, "top_k");
  if (value == nullptr) return kDefaultTopK;
  if (!value->is_number_integer() || value->get<double>() < 0 || value->get<double>() > INT32_MAX)
    return Wrong("top_k", *value, absl::StrCat("an integer in [0, ", INT32_MAX, "]"));
  return value->get<int64_t>();
}

absl::StatusOr<runtime::SamplingOptions> SamplingOf(const Json& json) {
  runtime::SamplingOptions options;
  ASSIGN_OR_RETURN(const bool samples, Samples(json));
  RETURN_IF_ERROR(RefuseForeign(json, samples));
  RETURN_IF_ERROR(ReadNumber(json, "repetition_penalty", options.repetition_penalty));
  if (samples) {
    options.temperature = 1;
    RETURN_IF_ERROR(ReadNumber(json, "temperature", options.temperature));
    if (options.temperature <= 0) return Wrong("temperature", json["temperature"], "above 0, but do_sample is true");
    ASSIGN_OR_RETURN(options.top_k, TopK(json));
    RETURN_IF_ERROR(ReadNumber(json, "top_p", options.top_p));
    if (options.top_p > 1) options.top_p = 1;  // Off, as generate() has it.
    RETURN_IF_ERROR(ReadNumber(json, "min_p", options.min_p));
  }
  if (const absl::Status status = runtime::ValidateSamplingOptions(options); !status.ok())
    return absl::Status(status.code(), absl::StrCat(kFile, ": ", status.message()));
  return options;
}

absl::StatusOr<std::optional<std::vector<int32_t>>> EosOf(const Json& json) {
  const Json* const value = Find(json, "eos_token_id");
  if (value == nullptr) return std::nullopt;
  std::vector<int32_t> ids;
  for (const Json& id : value->is_array() ? *value : Json::array({*value})) {
    if (!id.is_number_integer() || id.get<double>() < INT32_MIN || id.get<double>() > INT32_MAX)
      return Wrong("eos_token_id", *value, "an integer or a list of integers");
    ids.push_back(id.get<int32_t>());
  }
  return ids;
}

}  // namespace

absl::StatusOr<GenerationDefaults> ParseGenerationDefaults(absl::string_view text) {
  RETURN_IF_ERROR(CheckJsonDepth(text, kFile));
  GenerationDefaults defaults;
  const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    defaults.sampling = absl::FailedPreconditionError(absl::StrCat(kFile, " is no JSON object"));
    return defaults;
  }
  ASSIGN_OR_RETURN(defaults.eos_token_ids, EosOf(json));
  defaults.sampling = SamplingOf(json);
  return defaults;
}

}  // namespace metronome::server
