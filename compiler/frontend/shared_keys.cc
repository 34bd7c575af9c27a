#include <cmath>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/families.h"

namespace metronome {
namespace {

// Each size is in its range, yet their product may not be: parameters are later counted, in bytes, by 64 bits.
void RequireCountableSize(const ModelConfig& config, ConfigReader& reader) {
  constexpr double kMaxParameters = 1e15;
  const double hidden = static_cast<double>(config.hidden), layers = static_cast<double>(config.layers.size());
  const double projected = static_cast<double>(config.heads + config.kv_heads) * static_cast<double>(config.head_dim);
  const double per_layer = hidden * (2 * projected + 3 * static_cast<double>(config.intermediate));
  const double parameters = 2 * hidden * static_cast<double>(config.vocab) + layers * per_layer;
  if (parameters <= kMaxParameters) return;
  reader.Fail(absl::InvalidArgumentError(
      absl::StrCat("config keys hidden_size ", config.hidden, ", intermediate_size ", config.intermediate,
                   ", num_attention_heads ", config.heads, ", head_dim ", config.head_dim, " and num_hidden_layers ",
                   config.layers.size(), " make ", parameters, " parameters, more than ", kMaxParameters)));
}

}  // namespace

void ReadSizes(ConfigReader& reader, const ModelConfig& defaults, int64_t default_layers, ModelConfig& config) {
  constexpr int64_t kMaxWidth = int64_t{1} << 24, kMaxLayers = 4096;
  config.vocab = reader.Int("vocab_size", defaults.vocab, 1, kMaxWidth);
  config.hidden = reader.Int("hidden_size", defaults.hidden, 1, kMaxWidth);
  config.intermediate = reader.Int("intermediate_size", defaults.intermediate, 1, kMaxWidth);
  config.heads = reader.Int("num_attention_heads", defaults.heads, 1, 65536);
  config.kv_heads =
      reader.Int("num_key_value_heads", defaults.kv_heads > 0 ? defaults.kv_heads : config.heads, 1, 65536);
  config.head_dim =
      reader.Int("head_dim", defaults.head_dim > 0 ? defaults.head_dim : config.hidden / config.heads, 1, 65536);
  config.max_position_embeddings = reader.Int("max_position_embeddings", defaults.max_position_embeddings);
  config.norm_eps = reader.Number("rms_norm_eps", defaults.norm_eps, 0, 1);
  config.tied_head = reader.Bool("tie_word_embeddings", defaults.tied_head);
  config.eos_token_ids = reader.IntOrInts("eos_token_id");
  if (!reader.Has("head_dim") && defaults.head_dim == 0 && config.hidden % config.heads != 0) {
    reader.Fail(absl::InvalidArgumentError(absl::StrCat("config key hidden_size is ", config.hidden,
                                                        ", no multiple of num_attention_heads ", config.heads,
                                                        ", and there is no head_dim")));
  }
  const LayerConfig layer = {.kv_heads = config.kv_heads, .head_dim = config.head_dim};
  config.layers.resize(static_cast<size_t>(reader.Int("num_hidden_layers", default_layers, 1, kMaxLayers)), layer);
  config.attention_scale = 1 / std::sqrt(static_cast<double>(config.head_dim));
  if (config.heads % config.kv_heads != 0) {
    reader.Fail(absl::InvalidArgumentError(absl::StrCat("config key num_attention_heads is ", config.heads,
                                                        ", no multiple of num_key_value_heads ", config.kv_heads)));
  }
  if (config.head_dim % 2 != 0) {
    reader.Fail(absl::InvalidArgumentError(
        absl::StrCat("head_dim is ", config.head_dim, "; rotary embeddings need an even number")));
  }
  RequireCountableSize(config, reader);
}

void RequireCountableExperts(const ModelConfig& config, ConfigReader& reader) {
  constexpr double kMaxParameters = 1e15;
  const double parameters = 3.0 * static_cast<double>(config.layers.size()) * static_cast<double>(config.experts) *
                            static_cast<double>(config.expert_intermediate) * static_cast<double>(config.hidden);
  if (parameters <= kMaxParameters) return;
  reader.Fail(absl::InvalidArgumentError(
      absl::StrCat("config keys num_experts ", config.experts, ", moe_intermediate_size ", config.expert_intermediate,
                   ", hidden_size ", config.hidden, " and num_hidden_layers ", config.layers.size(), " make ",
                   parameters, " parameters, more than ", kMaxParameters)));
}

RopeConfig ReadRope(const nlohmann::json& object, double default_theta, ConfigReader& errors) {
  RopeConfig rope;
  if (!object.is_object()) {
    errors.Fail(absl::InvalidArgumentError(
        absl::StrCat("config key rope_parameters is ", object.type_name(), ", not an object")));
    return rope;
  }
  ConfigReader reader(object);
  rope.theta = reader.Number("rope_theta", default_theta, 1);
  const std::string type = reader.String("rope_type", reader.String("type", "default"));
  if (type == "proportional") {
    rope.scaling = RopeConfig::Scaling::kProportional;
    rope.factor = reader.Number("factor", 1, 1e-6);
    rope.rotated = reader.Number("partial_rotary_factor", 1, 0, 1);
    errors.Fail(reader.status());
    return rope;
  }
  reader.Require("partial_rotary_factor", 1.0);
  if (type == "linear" || type == "llama3") {
    rope.scaling = type == "linear" ? RopeConfig::Scaling::kLinear : RopeConfig::Scaling::kLlama3;
    rope.factor = reader.Number("factor", 0, 1);
    if (rope.factor == 0) reader.Fail(absl::InvalidArgumentError(absl::StrCat("rope type ", type, " needs factor")));
  } else if (type != "default") {
    reader.Fail(absl::UnimplementedError(
        absl::StrCat("rope type '", type, "' is not supported; default, linear, llama3 and proportional are")));
  }
  if (type == "llama3") {
    for (const char* key : {"low_freq_factor", "high_freq_factor"}) {
      if (!reader.Has(key)) reader.Fail(absl::InvalidArgumentError(absl::StrCat("rope type llama3 needs ", key)));
    }
    rope.low_freq_factor = reader.Number("low_freq_factor", 1, 1e-6);
    rope.high_freq_factor = reader.Number("high_freq_factor", 4, 1e-6);
    rope.original_max_position_embeddings =
        reader.Int("original_max_position_embeddings", errors.Int("max_position_embeddings", 2048));
    if (rope.high_freq_factor <= rope.low_freq_factor) {
      reader.Fail(absl::InvalidArgumentError(absl::StrCat("high_freq_factor ", rope.high_freq_factor,
                                                          " is not above low_freq_factor ", rope.low_freq_factor)));
    }
  }
  errors.Fail(reader.status());
  return rope;
}

RopeConfig ReadSharedRope(ConfigReader& reader) {
  const double theta = reader.Number("rope_theta", 10000, 1);
  reader.Require("partial_rotary_factor", 1.0);
  for (const char* key : {"rope_scaling", "rope_parameters"}) {  // Where both are there, the first counts.
    if (reader.Has(key)) return ReadRope(reader.json()[key], theta, reader);
  }
  return {.theta = theta};
}

std::vector<int64_t> ReadLayerWindows(ConfigReader& reader, size_t layers, int64_t window) {
  std::vector<int64_t> windows;
  for (const std::string& type : reader.Strings("layer_types")) {
    if (type != "full_attention" && type != "sliding_attention") {
      reader.Fail(absl::UnimplementedError(absl::StrCat("layer type '", type, "' is not supported")));
    }
    windows.push_back(type == "sliding_attention" ? window : 0);
  }
  if (!windows.empty() && windows.size() != layers) {
    reader.Fail(absl::InvalidArgumentError(
        absl::StrCat("config key layer_types has ", windows.size(), " entries for num_hidden_layers ", layers)));
    windows.clear();
  }
  return windows;
}

}  // namespace metronome
