#include "compiler/frontend/hf_config.h"

#include "absl/strings/str_cat.h"
#include "compiler/frontend/families.h"
#include "runtime/base/json_depth.h"
#include "runtime/base/regular_file.h"
#include "runtime/base/status_macros.h"

namespace metronome {
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

}  // namespace

absl::StatusOr<ModelConfig> ParseHfConfig(absl::string_view text) {
  RETURN_IF_ERROR(CheckJsonDepth(text, "config.json"));
  const nlohmann::json json = nlohmann::json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return absl::InvalidArgumentError("config.json is not a JSON object");
  ConfigReader top(json);
  const std::string model_type = top.String("model_type", "");
  RETURN_IF_ERROR(top.status());
  if (model_type.empty()) return absl::InvalidArgumentError("config.json has no model_type");

  const bool wrapper = model_type == "gemma3" || model_type == "gemma4";
  if (wrapper && (!json.contains("text_config") || !json["text_config"].is_object())) {
    return absl::InvalidArgumentError("config key text_config is not an object");
  }
  const Reader read = FindFamily(wrapper ? absl::StrCat(model_type, "_text") : model_type);
  if (read == nullptr) return Unsupported(model_type);
  ConfigReader reader(wrapper ? json["text_config"] : json);
  ModelConfig config = read(reader);
  RETURN_IF_ERROR(reader.status());
  config.wrapped = wrapper;
  if (wrapper) {
    config.tied_head = top.Bool("tie_word_embeddings", config.tied_head);
    if (top.Has("eos_token_id")) config.eos_token_ids = top.IntOrInts("eos_token_id");
    RETURN_IF_ERROR(top.status());
  }
  return config;
}

absl::StatusOr<ModelConfig> ReadHfConfig(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadRegularFile(path, kMaxConfigBytes));
  absl::StatusOr<ModelConfig> config = ParseHfConfig(text);
  if (!config.ok()) return absl::Status(config.status().code(), absl::StrCat(path, ": ", config.status().message()));
  return config;
}

}  // namespace metronome
