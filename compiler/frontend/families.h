#ifndef METRONOME_COMPILER_FRONTEND_FAMILIES_H_
#define METRONOME_COMPILER_FRONTEND_FAMILIES_H_

#include <optional>
#include <string>
#include <vector>

#include "compiler/frontend/config_reader.h"
#include "compiler/frontend/model_config.h"

namespace metronome::compiler {

// What each family's config.json means. `reader` is on the text model's keys with the family's table. Errors stay in
// the reader.
ModelConfig ReadLlama(ConfigReader& reader);
ModelConfig ReadQwen2(ConfigReader& reader);
ModelConfig ReadQwen3(ConfigReader& reader);
ModelConfig ReadQwen3Moe(ConfigReader& reader);
ModelConfig ReadGemma3(ConfigReader& reader);
ModelConfig ReadGemma4(ConfigReader& reader);

// Keys that mean the same in every family.
void ReadSizes(ConfigReader& reader, ModelConfig& config);

// Experts, whose sizes the fields of `config` already hold: their parameters can be counted.
void RequireCountableExperts(const ModelConfig& config, ConfigReader& reader);

// hidden_act or hidden_activation. Unimplemented, with the names that are known, for others.
Activation ReadActivation(ConfigReader& reader, absl::string_view key);

// layer_types: for each layer whether it is "sliding_attention" rather than "full_attention". nullopt for null.
std::optional<std::vector<bool>> ReadSlidingLayers(ConfigReader& reader, size_t layers);

// Where one rope object stands and what completes it.
struct RopeSource {
  std::string where;            // "config key rope_scaling.", before the names of its keys in messages.
  absl::string_view theta_key;  // The family's key in place of an absent rope_theta.
  bool complete = false;        // Nothing stands in for absent keys.
  bool for_all_layers = true;   // The family's original_max_position_embeddings, if any, is then the stronger one.
  bool truncate = true;         // What holds for YaRN where !for_all_layers.
};

// One rope object: {rope_type or type, rope_theta, factor, ...}. Unimplemented for other types than default, linear,
// dynamic, llama3, yarn and proportional. Dynamic NTK scaling changes nothing up to max_position_embeddings, and no
// cache is longer, so it is read as the default.
RopeConfig ReadRope(const nlohmann::json& object, const RopeSource& source, ConfigReader& family);

// rope_scaling or rope_parameters: the two spellings of one rope for all layers.
RopeConfig ReadSharedRope(ConfigReader& reader);

// InvalidArgument where a layer's rope does not turn its whole head.
void RequireWholeHeads(const ModelConfig& config, ConfigReader& reader);

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_FRONTEND_FAMILIES_H_
