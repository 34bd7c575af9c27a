#include <algorithm>

#include "compiler/frontend/families.h"

namespace metronome {
namespace {

ModelConfig ReadQwen(ConfigReader& reader, const ModelConfig& defaults, int64_t default_layers = 32) {
  ModelConfig config = {.family = defaults.family, .qkv_bias = defaults.qkv_bias, .qk_norm = defaults.qk_norm};
  ReadSizes(reader, defaults, default_layers, config);
  reader.Require("hidden_act", "silu");
  reader.Require("attention_bias", false);
  const RopeConfig rope = ReadSharedRope(reader);
  // The window counts only where use_sliding_window says so, and by default only from layer max_window_layers on.
  const int64_t window = reader.Bool("use_sliding_window", false) ? reader.Int("sliding_window", 4096) : 0;
  const int64_t first_windowed = reader.Int("max_window_layers", 28, 0);
  const std::vector<int64_t> windows = ReadLayerWindows(reader, config.layers.size(), window);
  for (size_t i = 0; i < config.layers.size(); ++i) {
    const int64_t by_index = static_cast<int64_t>(i) >= first_windowed ? window : 0;
    config.layers[i].window = windows.empty() ? by_index : windows[i];
    config.layers[i].rope = rope;
  }
  return config;
}

}  // namespace

ModelConfig ReadQwen2(ConfigReader& reader) {
  return ReadQwen(reader, {.family = "qwen2",
                           .vocab = 151936,
                           .hidden = 4096,
                           .heads = 32,
                           .kv_heads = 32,
                           .intermediate = 22016,
                           .max_position_embeddings = 32768,
                           .qkv_bias = true});
}

ModelConfig ReadQwen3(ConfigReader& reader) {
  return ReadQwen(reader, {.family = "qwen3",
                           .vocab = 151936,
                           .hidden = 4096,
                           .heads = 32,
                           .kv_heads = 32,
                           .head_dim = 128,
                           .intermediate = 22016,
                           .max_position_embeddings = 32768,
                           .qk_norm = true});
}

ModelConfig ReadQwen3Moe(ConfigReader& reader) {
  ModelConfig config = ReadQwen(reader,
                                {.family = "qwen3_moe",
                                 .vocab = 151936,
                                 .hidden = 2048,
                                 .heads = 32,
                                 .kv_heads = 4,
                                 .intermediate = 6144,
                                 .max_position_embeddings = 32768,
                                 .qk_norm = true},
                                24);
  constexpr int64_t kMaxWidth = int64_t{1} << 24;
  config.experts = reader.Int("num_experts", reader.Int("num_local_experts", 128), 1, 65536);
  config.experts_per_token = reader.Int("num_experts_per_tok", 8, 1, config.experts);
  config.expert_intermediate = reader.Int("moe_intermediate_size", 768, 1, kMaxWidth);
  config.normalise_expert_weights = reader.Bool("norm_topk_prob", false);
  const int64_t step = reader.Int("decoder_sparse_step", 1);
  const std::vector<int32_t> dense = reader.IntOrInts("mlp_only_layers");
  for (size_t i = 0; i < config.layers.size(); ++i) {
    config.layers[i].sparse = (static_cast<int64_t>(i) + 1) % step == 0 &&
                              std::find(dense.begin(), dense.end(), static_cast<int32_t>(i)) == dense.end();
  }
  RequireCountableExperts(config, reader);
  return config;
}

}  // namespace metronome
