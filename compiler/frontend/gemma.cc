#include <cmath>

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

}  // namespace

ModelConfig ReadGemma3(ConfigReader& reader) {
  const ModelConfig defaults = {.vocab = 262208,
                                .hidden = 2304,
                                .heads = 8,
                                .kv_heads = 4,
                                .head_dim = 256,
                                .intermediate = 9216,
                                .max_position_embeddings = 131072,
                                .tied_head = true};
  ModelConfig config = {.family = "gemma3_text",
                        .norm_weight = NormWeight::kOffset,
                        .activation = Activation::kGeluTanh,
                        .qk_norm = true,
                        .branch_norms = true};
  ReadSizes(reader, defaults, 26, config);
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
    config.layers[i] = {.window = full ? 0 : window, .rope = full ? ropes.full : ropes.sliding};
  }
  return config;
}

}  // namespace metronome
