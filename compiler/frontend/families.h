#ifndef METRONOME_COMPILER_FRONTEND_FAMILIES_H_
#define METRONOME_COMPILER_FRONTEND_FAMILIES_H_

#include "compiler/frontend/config_reader.h"
#include "compiler/frontend/model_config.h"

namespace metronome {

// What each family's config.json means, its class's defaults included. Errors stay in the reader.
ModelConfig ReadLlama(ConfigReader& reader);
ModelConfig ReadQwen2(ConfigReader& reader);
ModelConfig ReadQwen3(ConfigReader& reader);
ModelConfig ReadQwen3Moe(ConfigReader& reader);
ModelConfig ReadGemma3(ConfigReader& reader);  // `reader` is on the text model's keys.

ModelConfig ReadGemma4(ConfigReader& reader);  // Likewise.

// Keys that mean the same in every family. Defaults differ, so `defaults` holds the family's.
void ReadSizes(ConfigReader& reader, const ModelConfig& defaults, int64_t default_layers, ModelConfig& config);

// One rope object: {rope_type or type, rope_theta, factor, ...}. Unimplemented for other types than default, linear,
// llama3 and proportional.
RopeConfig ReadRope(const nlohmann::json& object, double default_theta, ConfigReader& errors);

// Experts, whose sizes the fields of `config` already hold: their parameters can be counted.
void RequireCountableExperts(const ModelConfig& config, ConfigReader& reader);

// rope_parameters, or rope_theta with rope_scaling: the two spellings of one rope for all layers.
RopeConfig ReadSharedRope(ConfigReader& reader);

// layer_types as windows: "full_attention" 0, "sliding_attention" `window`. Empty when absent.
std::vector<int64_t> ReadLayerWindows(ConfigReader& reader, size_t layers, int64_t window);

}  // namespace metronome

#endif  // METRONOME_COMPILER_FRONTEND_FAMILIES_H_
