#include "compiler/frontend/families.h"

namespace metronome {
namespace {

ModelConfig ReadQwen(ConfigReader& reader, const ModelConfig& defaults) {
  ModelConfig config = {.family = defaults.family, .qkv_bias = defaults.qkv_bias, .qk_norm = defaults.qk_norm};
  ReadSizes(reader, defaults, 32, config);
  reader.Require("hidden_act", "silu");
  reader.Require("attention_bias", false);
  const RopeConfig rope = ReadSharedRope(reader);
  // The window counts only where use_sliding_window says so, and by default only from layer max_window_layers on.
  const int64_t window = reader.Bool("use_sliding_window", false) ? reader.Int("sliding_window", 4096) : 0;
  const int64_t first_windowed = reader.Int("max_window_layers", 28, 0);
  const std::vector<int64_t> windows = ReadLayerWindows(reader, config.layers.size(), window);
  for (size_t i = 0; i < config.layers.size(); ++i) {
    const int64_t by_index = static_cast<int64_t>(i) >= first_windowed ? window : 0;
    config.layers[i] = {.window = windows.empty() ? by_index : windows[i], .rope = rope};
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

}  // namespace metronome
