// config.json and generation_config.json of a checkpoint, and the graph of the model that the first describes.
#include <nlohmann/json.hpp>

#include "compiler/frontend/catalogue.h"
#include "compiler/frontend/decoder.h"
#include "compiler/frontend/hf_config.h"
#include "server/model/generation_defaults.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/mutate/json.h"

namespace metronome::fuzz {
namespace {

const std::vector<std::string>& Words() {
  static const auto& words = *new std::vector<std::string>{"llama",
                                                           "qwen2",
                                                           "qwen3",
                                                           "qwen3_moe",
                                                           "gemma3_text",
                                                           "gemma3",
                                                           "gemma4_text",
                                                           "gemma4",
                                                           "yarn",
                                                           "llama3",
                                                           "linear",
                                                           "default",
                                                           "dynamic",
                                                           "proportional",
                                                           "sliding_attention",
                                                           "full_attention",
                                                           "silu",
                                                           "gelu_pytorch_tanh",
                                                           "bfloat16",
                                                           "rope_parameters",
                                                           "rope_scaling",
                                                           "rope_theta",
                                                           "text_config",
                                                           "layer_types",
                                                           "num_experts",
                                                           "eos_token_id",
                                                           "partial_rotary_factor",
                                                           "head_dim",
                                                           "sliding_window_pattern",
                                                           "max_window_layers",
                                                           "temperature",
                                                           "top_k"};
  return words;
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds;
  for (const compiler::CatalogueEntry& entry : compiler::ModelCatalogue()) seeds.emplace_back(entry.config);
  for (const char* model : {"gemma3-long-window", "gemma4-moe", "qwen3-moe-fused", "qwen2-window", "llama-untied"})
    seeds.push_back(ReadGolden(std::string("models/") + model + "/config.json"));
  const auto defaults = nlohmann::json::parse(ReadGolden("models/config_keys.json"));
  for (const auto& [family, config] : defaults.items()) {
    seeds.push_back(config.dump());
    seeds.back().insert(1, "\"model_type\":\"" + family + "\",");
  }
  seeds.emplace_back(
      R"({"do_sample":true,"temperature":0.7,"top_k":20,"top_p":0.8,"repetition_penalty":1.05,"eos_token_id":[1,2]})");
  return seeds;
}

}  // namespace metronome::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace metronome;
  const absl::string_view json(reinterpret_cast<const char*>(data), size);
  (void)server::ParseGenerationDefaults(json);
  const absl::StatusOr<compiler::ModelConfig> config = compiler::ParseHfConfig(json);
  if (!config.ok()) return 0;
  fuzz::Require(!config->layers.empty(), "a config without layers was taken");
  // A graph takes time in proportion to its layers, which is not what is looked for here.
  if (config->layers.size() > 8) return 0;
  const absl::StatusOr<compiler::Graph> graph = compiler::BuildDecoder(*config, kernels::DType::kBFloat16);
  fuzz::Require(graph.ok() || graph.status().code() != absl::StatusCode::kInternal, graph.status().ToString());
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  using namespace metronome::fuzz;
  Random random(seed);
  return Give(MutateJson({reinterpret_cast<const char*>(data), size}, Words(), random), data, max_size);
}
