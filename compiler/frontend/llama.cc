#include "compiler/frontend/families.h"

namespace metronome {

ModelConfig ReadLlama(ConfigReader& reader) {
  const ModelConfig defaults = {.vocab = 32000,
                                .hidden = 4096,
                                .heads = 32,
                                .intermediate = 11008,
                                .max_position_embeddings = 2048,
                                .norm_eps = 1e-6};
  ModelConfig config = {.family = "llama"};
  ReadSizes(reader, defaults, 32, config);
  reader.Require("hidden_act", "silu");
  reader.Require("attention_bias", false);
  reader.Require("mlp_bias", false);
  const RopeConfig rope = ReadSharedRope(reader);
  for (LayerConfig& layer : config.layers) layer.rope = rope;
  return config;
}

}  // namespace metronome
