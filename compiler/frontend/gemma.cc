#include <cmath>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "compiler/frontend/families.h"

namespace metronome::compiler {
namespace {

using nlohmann::json;

// Gives every layer the rope of its kind; a kind that no layer has is not read.
using ReadRopeOfKind = RopeConfig (*)(const std::string& kind, ConfigReader& reader);

void ReadRopes(ConfigReader& reader, ReadRopeOfKind read, ModelConfig& config) {
  std::optional<RopeConfig> full, sliding;
  for (LayerConfig& layer : config.layers) {
    std::optional<RopeConfig>& rope = layer.window == 0 ? full : sliding;
    if (!rope.has_value()) rope = read(layer.window == 0 ? "full_attention" : "sliding_attention", reader);
    layer.rope = *rope;
  }
  RequireWholeHeads(config, reader);
}

// Newer files hold one object for each kind of layer, without which it has the default type; keys beside them mean
// nothing. Older ones have rope_scaling, which scales only the full layers.
RopeConfig ReadGemma3Rope(const std::string& kind, ConfigReader& reader) {
  const bool full = kind == "full_attention";
  const json* parameters = reader.OptionalObject("rope_parameters");
  RopeSource source = {.where = absl::StrCat("config key rope_parameters.", kind, "."),
                       .theta_key = full ? "rope_theta" : "rope_local_base_freq",
                       .for_all_layers = false};
  json object = json{{"rope_type", "default"}};
  if (parameters != nullptr) {
    source.truncate = parameters->value("truncate", json(true)) == true;
    if (const auto found = parameters->find(kind); found != parameters->end() && !found->is_null()) object = *found;
  }
  if (!object.is_object()) {
    reader.Reject("rope_parameters", absl::StrCat("whose ", kind, " is not an object"));
    return {};
  }
  if (const json* scaling = reader.OptionalObject("rope_scaling"); scaling != nullptr) {
    if (parameters != nullptr && parameters->value("full_attention", json()).is_null()) {
      reader.Reject("rope_scaling", "yet rope_parameters has no full_attention; leave out one of the two");
    }
    if (full) {
      object.update(*scaling);
      source.where = "config key rope_scaling.";
    }
  }
  return ReadRope(object, source, reader);
}

// One object for each kind of layer. A rope_scaling is rope_parameters under its old name, and the stronger one.
RopeConfig ReadGemma4Rope(const std::string& kind, ConfigReader& reader) {
  static const json kDefault = {
      {"full_attention", {{"rope_type", "proportional"}, {"partial_rotary_factor", 0.25}, {"rope_theta", 1e6}}},
      {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 1e4}}}};
  const char* const key = reader.Present("rope_scaling") ? "rope_scaling" : "rope_parameters";
  const json* parameters = reader.OptionalObject(key);
  if (parameters == nullptr) parameters = &kDefault;
  const auto found = parameters->find(kind);
  if (found == parameters->end() || !found->is_object()) {
    reader.Reject(key, absl::StrCat("without an object ", kind, " for the layers of that kind"));
    return {};
  }
  return ReadRope(*found,
                  {.where = absl::StrCat("config key ", key, ".", kind, "."),
                   .complete = true,
                   .for_all_layers = false,
                   .truncate = parameters->value("truncate", json(true)) == true},
                  reader);
}

// Every `period`-th layer is full where layer_types says nothing.
std::vector<bool> SlidingLayers(ConfigReader& reader, size_t layers, int64_t period) {
  if (std::optional<std::vector<bool>> sliding = ReadSlidingLayers(reader, layers)) return *std::move(sliding);
  std::vector<bool> sliding;
  for (size_t i = 0; i < layers; ++i) sliding.push_back((static_cast<int64_t>(i) + 1) % period != 0);
  return sliding;
}

void ReadSoftcap(ConfigReader& reader, ModelConfig& config) {
  config.logit_softcap = reader.OptionalNumber("final_logit_softcapping", 1e-6).value_or(0);
}

// What sets one layer apart: its head_dim and num_key_value_heads.
void ReadLayerOverrides(const std::string& index, const json& overrides, ConfigReader& reader, ModelConfig& config) {
  static constexpr ConfigKey kOverrides[] = {{"head_dim", "null"}, {"num_key_value_heads", "null"}};
  int64_t layer = -1;
  if (!absl::SimpleAtoi(index, &layer) || layer < 0 || layer >= static_cast<int64_t>(config.layers.size())) {
    reader.Reject("per_layer_config",
                  absl::StrCat("whose key '", index, "' is no index of the ", config.layers.size(), " layers"));
    return;
  }
  if (!overrides.is_object()) {
    reader.Reject("per_layer_config", absl::StrCat("whose entry for layer ", layer, " is not an object"));
    return;
  }
  ConfigReader own(overrides, kOverrides, absl::StrCat("config key per_layer_config.", index, "."));
  LayerConfig& target = config.layers[static_cast<size_t>(layer)];
  for (const auto& [key, value] : overrides.items()) {
    if (key == "head_dim") {
      target.head_dim = own.Int(key, 2, 65536);
    } else if (key == "num_key_value_heads") {
      target.kv_heads = own.Int(key, 1, 65536);
    } else if (const bool skips_nothing = key == "skip" && value.is_array() && value.empty();
               !skips_nothing && reader.json().value(key, json()) != value) {
      own.Unsupported(key, "a layer can differ in head_dim and num_key_value_heads alone");
    }
  }
  reader.Fail(own.status());
}

// Heads that group and turn, the same in all layers of a kind: the reference makes one rope for each kind.
void RequireUsableLayers(const std::vector<bool>& sliding, ConfigReader& reader, const ModelConfig& config) {
  const LayerConfig* first[2] = {nullptr, nullptr};
  for (size_t i = 0; i < config.layers.size(); ++i) {
    const LayerConfig& layer = config.layers[i];
    const LayerConfig*& same = first[sliding[i] ? 1 : 0];
    if (same == nullptr) same = &layer;
    if (layer.head_dim != same->head_dim || layer.kv_heads != same->kv_heads) {
      reader.Reject("per_layer_config", absl::StrCat("which sets layer ", i, " apart from others of its layer type"));
    }
    if (config.heads % layer.kv_heads == 0 && layer.head_dim % 2 == 0) continue;
    reader.Fail(absl::InvalidArgumentError(absl::StrCat(
        "layer ", i, " has ", layer.kv_heads, " key-value heads of ", layer.head_dim, " elements; num_attention_heads ",
        config.heads, " must be a multiple, and rotary embeddings need an even size")));
  }
}

// Full layers differ by keys of their own, or, in newer files, any layer by per_layer_config.
void ReadLayerSizes(ConfigReader& reader, const std::vector<bool>& sliding, ModelConfig& config) {
  if (reader.Present("per_layer_config")) {
    if (const json* layers = reader.OptionalObject("per_layer_config"); layers != nullptr) {
      for (const auto& [index, overrides] : layers->items()) ReadLayerOverrides(index, overrides, reader, config);
    }
  } else {
    const int64_t head_dim = reader.Int("global_head_dim", 2, 65536);
    const std::optional<int64_t> kv_heads =
        reader.Bool("attention_k_eq_v") ? reader.OptionalInt("num_global_key_value_heads", 1, 65536) : std::nullopt;
    for (size_t i = 0; i < config.layers.size(); ++i) {
      if (sliding[i]) continue;
      config.layers[i].head_dim = head_dim;
      config.layers[i].kv_heads = kv_heads.value_or(config.kv_heads);
    }
  }
  RequireUsableLayers(sliding, reader, config);
}

void ReadGemma4Experts(ConfigReader& reader, ModelConfig& config) {
  if (!reader.Bool("enable_moe_block")) return;
  constexpr int64_t kMaxWidth = int64_t{1} << 24;
  config.experts = reader.Int("num_experts", 1, 65536);
  config.experts_per_token = reader.Int("top_k_experts", 1, config.experts);
  config.expert_intermediate = reader.Int("moe_intermediate_size", 1, kMaxWidth);
  config.normalise_expert_weights = true;
  for (LayerConfig& layer : config.layers) layer.sparse = true;
  RequireCountableExperts(config, reader);
}

}  // namespace

ModelConfig ReadGemma3(ConfigReader& reader) {
  ModelConfig config = {
      .family = "gemma3_text", .norm_weight = NormWeight::kOffset, .qk_norm = true, .branch_norms = true};
  ReadSizes(reader, config);
  config.activation = ReadActivation(reader, "hidden_activation");
  config.qkv_bias = config.output_bias = reader.Bool("attention_bias");
  if (reader.OptionalBool("use_bidirectional_attention").value_or(false)) {
    reader.Unsupported("use_bidirectional_attention", "only causal models are supported, with false");
  }
  ReadSoftcap(reader, config);
  config.embedding_scale = std::sqrt(static_cast<double>(config.hidden));
  config.attention_scale = 1 / std::sqrt(reader.Number("query_pre_attn_scalar", 1e-6));

  const int64_t period = reader.Has("layer_types") ? 1 : reader.Int("sliding_window_pattern");
  const std::vector<bool> sliding = SlidingLayers(reader, config.layers.size(), period);
  for (size_t i = 0; i < config.layers.size(); ++i) {
    if (sliding[i]) config.layers[i].window = reader.Int("sliding_window");
  }
  ReadRopes(reader, ReadGemma3Rope, config);
  return config;
}

ModelConfig ReadGemma4(ConfigReader& reader) {
  ModelConfig config = {.family = "gemma4_text",
                        .norm_weight = NormWeight::kProduct,
                        .qk_norm = true,
                        .value_norm = true,
                        .branch_norms = true,
                        .layer_scalar = true,
                        .experts_beside_mlp = true};
  ReadSizes(reader, config);
  config.activation = ReadActivation(reader, "hidden_activation");
  config.qkv_bias = config.output_bias = reader.Bool("attention_bias");
  if (reader.Int("hidden_size_per_layer_input", 0) != 0) {
    reader.Unsupported("hidden_size_per_layer_input",
                       "which means 256 where it is absent; embeddings for each layer "
                       "are not supported, only models whose config says 0");
  }
  // use_double_wide_mlp counts in layers that share keys and values alone.
  if (reader.Int("num_kv_shared_layers", 0) != 0) {
    reader.Unsupported("num_kv_shared_layers", "layers that share keys and values are not supported, only 0");
  }
  if (reader.OptionalString("use_bidirectional_attention").value_or("vision") != "vision") {
    reader.Unsupported("use_bidirectional_attention", "text is supported where only vision is bidirectional");
  }
  config.embedding_scale = std::sqrt(static_cast<double>(config.hidden));
  config.attention_scale = 1;
  ReadSoftcap(reader, config);
  ReadGemma4Experts(reader, config);

  const bool value_is_key = reader.Bool("attention_k_eq_v");
  std::vector<bool> sliding = SlidingLayers(reader, config.layers.size(), 6);
  sliding.back() = false;  // The last layer sees everything, whatever the config says.
  for (size_t i = 0; i < config.layers.size(); ++i) {
    LayerConfig& layer = config.layers[i];
    layer.window = sliding[i] ? reader.Int("sliding_window") : 0;
    layer.value_is_key = value_is_key && !sliding[i];
  }
  ReadLayerSizes(reader, sliding, config);
  ReadRopes(reader, ReadGemma4Rope, config);
  return config;
}

}  // namespace metronome::compiler
