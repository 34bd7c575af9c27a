#include "compiler/frontend/families.h"

namespace metronome::compiler {

ModelConfig ReadLlama(ConfigReader& reader) {
  ModelConfig config = {.family = "llama"};
  ReadSizes(reader, config);
  config.activation = ReadActivation(reader, "hidden_act");
  config.qkv_bias = config.output_bias = reader.Bool("attention_bias");
  config.mlp_bias = reader.Bool("mlp_bias");
  const RopeConfig rope = ReadSharedRope(reader);
  for (LayerConfig& layer : config.layers) layer.rope = rope;
  RequireWholeHeads(config, reader);
  return config;
}

}  // namespace metronome::compiler
