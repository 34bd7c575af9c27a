#include <cmath>
#include <string>

#include "compiler/frontend/families.h"

namespace metronome {
namespace {

struct GemmaRopes {
  RopeConfig full;
  RopeConfig sliding;
};

// Newer files hold one object for each kind of layer; older ones scale only the full layers.
GemmaRopes ReadRopes(ConfigReader& reader) {
  const double theta = reader.Number("rope_theta", 1e6, 1), local = reader.Number("rope_local_base_freq", 1e4, 1);
  GemmaRopes ropes = {.full = {.theta = theta}, .sliding = {.theta = local}};
  if (reader.Has("rope_parameters")) {
    const nlohmann::json& parameters = reader.json()["rope_parameters"];
    if (!parameters.is_object()) {
      reader.Fail(absl::InvalidArgumentError("config key rope_parameters is not an object"));
      return ropes;
    }
    // One rope for both kinds of layer is not what this family computes, so it would be read wrongly.
    if (!parameters.contains("full_attention") && !parameters.contains("sliding_attention")) {
      reader.Fail(
          absl::InvalidArgumentError("config key rope_parameters has neither full_attention nor sliding_attention"));
    }
    if (parameters.contains("full_attention")) ropes.full = ReadRope(parameters["full_attention"], theta, reader);
    if (parameters.contains("sliding_attention"))
      ropes.sliding = ReadRope(parameters["sliding_attention"], local, reader);
  } else if (reader.Has("rope_scaling")) {
    ropes.full = ReadRope(reader.json()["rope_scaling"], theta, reader);
  }
  return ropes;
}

ModelConfig DefaultSizes(int64_t vocab) {
  return {.vocab = vocab,
          .hidden = 2304,
          .heads = 8,
          .kv_heads = 4,
          .head_dim = 256,
          .intermediate = 9216,
          .max_position_embeddings = 131072,
          .tied_head = true};
}

}  // namespace

ModelConfig ReadGemma3(ConfigReader& reader) {
  ModelConfig config = {.family = "gemma3_text",
                        .norm_weight = NormWeight::kOffset,
                        .activation = Activation::kGeluTanh,
                        .qk_norm = true,
                        .branch_norms = true};
  ReadSizes(reader, DefaultSizes(262208), 26, config);
  reader.Require("hidden_activation", "gelu_pytorch_tanh");
  reader.Require("attention_bias", false);
  reader.Require("use_bidirectional_attention", false);
  for (const char* key : {"attn_logit_softcapping", "final_logit_softcapping"}) {
    if (reader.Has(key)) reader.Fail(absl::UnimplementedError(std::string("config key ") + key + " is not supported"));
  }
  config.embedding_scale = std::sqrt(static_cast<double>(config.hidden));
  config.attention_scale = 1 / std::sqrt(reader.Number("query_pre_attn_scalar", 256, 1e-6));

  const GemmaRopes ropes = ReadRopes(reader);
  const int64_t window = reader.Int("sliding_window", 4096);
  const int64_t period = reader.Int("sliding_window_pattern", reader.Int("_sliding_window_pattern", 6));
  const std::vector<int64_t> windows = ReadLayerWindows(reader, config.layers.size(), window);
  for (size_t i = 0; i < config.layers.size(); ++i) {
    const bool full = windows.empty() ? (static_cast<int64_t>(i) + 1) % period == 0 : windows[i] == 0;
    config.layers[i].window = full ? 0 : window;
    config.layers[i].rope = full ? ropes.full : ropes.sliding;
  }
  return config;
}

ModelConfig ReadGemma4(ConfigReader& reader) {
  ModelConfig config = {.family = "gemma4_text",
                        .norm_weight = NormWeight::kProduct,
                        .activation = Activation::kGeluTanh,
                        .qk_norm = true,
                        .value_norm = true,
                        .branch_norms = true,
                        .layer_scalar = true,
                        .experts_beside_mlp = true};
  ReadSizes(reader, DefaultSizes(262144), 30, config);
  reader.Require("hidden_activation", "gelu_pytorch_tanh");
  reader.Require("attention_bias", false);
  // Absent means 256, as in the reference implementation.
  if (const int64_t size = reader.Int("hidden_size_per_layer_input", 256, 0); size != 0) {
    reader.Fail(absl::UnimplementedError("config key hidden_size_per_layer_input is " + std::to_string(size) +
                                         "; only 0 is supported"));
  }
  reader.Require("num_kv_shared_layers", 0);
  reader.Require("use_double_wide_mlp", false);
  if (const std::string both_ways = reader.String("use_bidirectional_attention", "vision"); both_ways != "vision") {
    reader.Fail(absl::UnimplementedError("config key use_bidirectional_attention is '" + both_ways +
                                         "'; text is supported where only vision is bidirectional"));
  }
  config.embedding_scale = std::sqrt(static_cast<double>(config.hidden));
  config.attention_scale = 1;
  config.logit_softcap = reader.Number("final_logit_softcapping", 0, 1e-6);
  const bool sparse = reader.Bool("enable_moe_block", false);
  if (sparse) {
    constexpr int64_t kMaxWidth = int64_t{1} << 24;
    config.experts = reader.Int("num_experts", 128, 1, 65536);
    config.experts_per_token = reader.Int("top_k_experts", 8, 1, config.experts);
    config.expert_intermediate = reader.Int("moe_intermediate_size", 704, 1, kMaxWidth);
    config.normalise_expert_weights = true;
    RequireCountableExperts(config, reader);
  }

  const GemmaRopes ropes = ReadRopes(reader);
  const int64_t window = reader.Int("sliding_window", 512);
  const int64_t full_head_dim = reader.Int("global_head_dim", 512, 2, 65536);
  const bool value_is_key = reader.Bool("attention_k_eq_v", false);
  const int64_t full_kv_heads =
      value_is_key ? reader.Int("num_global_key_value_heads", config.kv_heads, 1, 65536) : config.kv_heads;
  if (config.heads % full_kv_heads != 0 || full_head_dim % 2 != 0) {
    reader.Fail(
        absl::InvalidArgumentError("config keys num_global_key_value_heads and global_head_dim fit neither "
                                   "num_attention_heads nor rotary embeddings"));
  }
  const std::vector<int64_t> windows = ReadLayerWindows(reader, config.layers.size(), window);
  for (size_t i = 0; i < config.layers.size(); ++i) {
    const bool last = i + 1 == config.layers.size();  // Sees everything, whatever the config says.
    const bool full = last || (windows.empty() ? (i + 1) % 6 == 0 : windows[i] == 0);
    LayerConfig& layer = config.layers[i];
    layer.sparse = sparse;
    layer.window = full ? 0 : window;
    layer.rope = full ? ropes.full : ropes.sliding;
    if (!full) continue;
    layer.head_dim = full_head_dim;
    layer.kv_heads = full_kv_heads;
    layer.value_is_key = value_is_key;
  }
  return config;
}

}  // namespace metronome
