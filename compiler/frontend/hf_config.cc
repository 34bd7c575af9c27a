#include "compiler/frontend/hf_config.h"

#include "absl/strings/str_cat.h"
#include "compiler/frontend/families.h"
#include "kernels/base/status_macros.h"
#include "runtime/files/json_depth.h"
#include "runtime/files/regular_file.h"

namespace metronome::compiler {
namespace {

// The largest published ones have some 10 kB.
constexpr int64_t kMaxConfigBytes = int64_t{4} << 20;

using Reader = ModelConfig (*)(ConfigReader&);

Reader FindFamily(absl::string_view model_type) {
  if (model_type == "llama") return ReadLlama;
  if (model_type == "qwen2") return ReadQwen2;
  if (model_type == "qwen3") return ReadQwen3;
  if (model_type == "qwen3_moe") return ReadQwen3Moe;
  if (model_type == "gemma3_text") return ReadGemma3;
  if (model_type == "gemma4_text") return ReadGemma4;
  return nullptr;
}

absl::Status Unsupported(const std::string& model_type) {
  return absl::UnimplementedError(absl::StrCat(
      "model_type '", model_type,
      "' is not supported; llama, qwen2, qwen3, qwen3_moe, gemma3, gemma3_text, gemma4 and gemma4_text are"));
}

// Quantised weights are other tensors than the ones that the model computes with.
absl::Status RequireWholeWeights(const nlohmann::json& json) {
  const nlohmann::json quantization = json.value("quantization_config", nlohmann::json());
  if (quantization.is_null()) return absl::OkStatus();
  const nlohmann::json method =
      quantization.is_object() ? quantization.value("quant_method", nlohmann::json()) : quantization;
  return absl::UnimplementedError(
      absl::StrCat("config key quantization_config has quant_method ",
                   method.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                   "; quantised checkpoints are not supported, only float32, bfloat16 and float16 weights"));
}

absl::StatusOr<ModelConfig> ParseText(const nlohmann::json& json, const std::string& family) {
  const Reader read = FindFamily(family);
  if (read == nullptr) return Unsupported(family);
  RETURN_IF_ERROR(RequireWholeWeights(json));
  ConfigReader reader(json, KeysOf(family));
  ModelConfig config = read(reader);
  RETURN_IF_ERROR(reader.status());
  return config;
}

// A multimodal model around a text model. Whether the head is tied is for the wrapper to say.
absl::StatusOr<ModelConfig> ParseWrapper(const nlohmann::json& json, const std::string& model_type) {
  static const nlohmann::json kNothing = nlohmann::json::object();
  RETURN_IF_ERROR(RequireWholeWeights(json));
  ConfigReader reader(json, KeysOf(model_type));
  const nlohmann::json* const text = reader.OptionalObject("text_config");
  const bool tied = reader.OptionalBool("tie_word_embeddings").value_or(false);
  RETURN_IF_ERROR(reader.status());
  absl::StatusOr<ModelConfig> config = ParseText(text == nullptr ? kNothing : *text, absl::StrCat(model_type, "_text"));
  if (!config.ok()) return config;
  config->tied_head = tied;
  if (reader.Has("eos_token_id")) config->eos_token_ids = reader.IntOrInts("eos_token_id");
  if (model_type == "gemma3") config->logit_softcap = 0;  // The reference's wrapper does not apply the text model's.
  RETURN_IF_ERROR(reader.status());
  return config;
}

}  // namespace

absl::StatusOr<ModelConfig> ParseHfConfig(absl::string_view text) {
  RETURN_IF_ERROR(CheckJsonDepth(text, "config.json"));
  const nlohmann::json json = nlohmann::json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::InvalidArgumentError("config.json is not a JSON object");
  static constexpr ConfigKey kModelType[] = {{"model_type", "\"\""}};
  ConfigReader top(json, kModelType);
  const std::string model_type = top.String("model_type");
  RETURN_IF_ERROR(top.status());
  if (model_type.empty()) return absl::InvalidArgumentError("config.json has no model_type");

  const bool wrapper = model_type == "gemma3" || model_type == "gemma4";
  absl::StatusOr<ModelConfig> config = wrapper ? ParseWrapper(json, model_type) : ParseText(json, model_type);
  if (config.ok()) config->wrapped = wrapper;
  return config;
}

absl::StatusOr<ModelConfig> ReadHfConfig(const std::string& path, const PathRoots* roots) {
  ASSIGN_OR_RETURN(const std::string text, ReadRegularFile(path, kMaxConfigBytes, roots));
  absl::StatusOr<ModelConfig> config = ParseHfConfig(text);
  if (!config.ok()) return absl::Status(config.status().code(), absl::StrCat(path, ": ", config.status().message()));
  return config;
}

}  // namespace metronome::compiler
