#include <algorithm>

#include "compiler/frontend/families.h"

namespace metronome::compiler {
namespace {

ModelConfig ReadQwen(ConfigReader& reader, ModelConfig config) {
  ReadSizes(reader, config);
  config.activation = ReadActivation(reader, "hidden_act");
  const RopeConfig rope = ReadSharedRope(reader);
  for (LayerConfig& layer : config.layers) layer.rope = rope;
  RequireWholeHeads(config, reader);
  return config;
}

std::optional<int64_t> ReadWindow(ConfigReader& reader) {
  return reader.Bool("use_sliding_window") ? reader.OptionalInt("sliding_window") : std::nullopt;
}

// By layer_types, or from layer max_window_layers on.
void ReadWindows(ConfigReader& reader, ModelConfig& config) {
  const std::optional<int64_t> window = ReadWindow(reader);
  const int64_t first_windowed = reader.Int("max_window_layers", 0);
  const std::optional<std::vector<bool>> sliding = ReadSlidingLayers(reader, config.layers.size());
  for (size_t i = 0; i < config.layers.size(); ++i) {
    const bool by_index = window.has_value() && static_cast<int64_t>(i) >= first_windowed;
    if (!(sliding.has_value() ? (*sliding)[i] : by_index)) continue;
    if (!window.has_value()) {
      reader.Reject("layer_types", "with sliding_attention layers, which need use_sliding_window and sliding_window");
    }
    config.layers[i].window = window.value_or(0);
  }
}

}  // namespace

ModelConfig ReadQwen2(ConfigReader& reader) {
  ModelConfig config = ReadQwen(reader, {.family = "qwen2", .qkv_bias = true});
  ReadWindows(reader, config);
  return config;
}

ModelConfig ReadQwen3(ConfigReader& reader) {
  ModelConfig config = ReadQwen(reader, {.family = "qwen3", .qk_norm = true});
  config.qkv_bias = config.output_bias = reader.Bool("attention_bias");
  ReadWindows(reader, config);
  return config;
}

ModelConfig ReadQwen3Moe(ConfigReader& reader) {
  ModelConfig config = ReadQwen(reader, {.family = "qwen3_moe", .qk_norm = true});
  config.qkv_bias = config.output_bias = reader.Bool("attention_bias");
  constexpr int64_t kMaxWidth = int64_t{1} << 24;
  config.experts = reader.Int(reader.Present("num_local_experts") ? "num_local_experts" : "num_experts", 0, 65536);
  if (config.experts > 0) {
    config.experts_per_token = reader.Int("num_experts_per_tok", 1, config.experts);
    config.expert_intermediate = reader.Int("moe_intermediate_size", 1, kMaxWidth);
    config.normalise_expert_weights = reader.Bool("norm_topk_prob");
  }
  const int64_t step = reader.Int("decoder_sparse_step");
  const std::vector<int32_t> dense = reader.IntOrInts("mlp_only_layers");
  // The reference masks all layers alike, whatever max_window_layers and layer_types say.
  const int64_t window = ReadWindow(reader).value_or(0);
  if (const std::optional<std::vector<bool>> sliding = ReadSlidingLayers(reader, config.layers.size())) {
    const auto count = static_cast<size_t>(std::count(sliding->begin(), sliding->end(), true));
    if (count != 0 && (window == 0 || count != sliding->size())) {
      reader.Unsupported("layer_types", "this family has one window for all layers, if use_sliding_window is true");
    }
  }
  for (size_t i = 0; i < config.layers.size(); ++i) {
    config.layers[i].window = window;
    config.layers[i].sparse = config.experts > 0 && (static_cast<int64_t>(i) + 1) % step == 0 &&
                              std::find(dense.begin(), dense.end(), static_cast<int32_t>(i)) == dense.end();
  }
  RequireCountableExperts(config, reader);
  return config;
}

}  // namespace metronome::compiler
