#include "compiler/frontend/config_keys.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::compiler {
namespace {

using nlohmann::json;

// Keys that the classes take without a field for them: older spellings, which they convert, and what single layers or
// wrappers may say.
const std::set<std::string>& KeysWithoutField() {
  static const auto* const kKeys = new std::set<std::string>{"rope_scaling",
                                                             "partial_rotary_factor",
                                                             "original_max_position_embeddings",
                                                             "sliding_window_pattern",
                                                             "head_dim",
                                                             "layer_types",
                                                             "num_local_experts",
                                                             "per_layer_config",
                                                             "global_head_dim",
                                                             "num_global_key_value_heads",
                                                             "eos_token_id"};
  return *kKeys;
}

// config_keys.json has what the classes of transformers hold where a config.json says nothing.
TEST(ConfigKeysTest, AbsentKeysMeanWhatTheClassesOfTransformersSay) {
  std::ifstream file(std::string(METRONOME_GOLDEN_DIR) + "/models/config_keys.json");
  const json classes = json::parse(file);
  ASSERT_EQ(ConfigKeyTables().size(), classes.size());
  for (const FamilyKeys& family : ConfigKeyTables()) {
    const json& defaults = classes.at(std::string(family.family));
    size_t compared = 0;
    for (const ConfigKey& key : family.keys) {
      const std::string name(key.name);
      const json absent = json::parse(std::string(key.absent));
      if (const auto found = defaults.find(name); found != defaults.end()) {
        EXPECT_EQ(absent, *found) << family.family << " " << name;
        ++compared;
      } else {
        EXPECT_TRUE(KeysWithoutField().contains(name)) << family.family << " " << name;
      }
      if (absent.is_null()) continue;
      EXPECT_FALSE(absent.is_object() || absent.is_array()) << name;
    }
    EXPECT_GE(compared, family.keys.size() / 2) << family.family;
  }
}

TEST(ConfigKeysTest, UnknownFamiliesHaveNoKeys) {
  EXPECT_TRUE(KeysOf("mamba").empty());
  EXPECT_FALSE(KeysOf("llama").empty());
}

}  // namespace
}  // namespace metronome::compiler
