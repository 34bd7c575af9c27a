#include "compiler/frontend/hf_config.h"

#include <nlohmann/json.hpp>

#include "compiler/frontend/catalogue.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::compiler {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

json Base(const std::string& model_type) {
  return {{"model_type", model_type}, {"vocab_size", 131},      {"hidden_size", 64},
          {"intermediate_size", 96},  {"num_hidden_layers", 7}, {"num_attention_heads", 4},
          {"num_key_value_heads", 2}, {"head_dim", 24},         {"max_position_embeddings", 512}};
}

ModelConfig Parse(const json& config) {
  absl::StatusOr<ModelConfig> parsed = ParseHfConfig(config.dump());
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed.ok() ? *std::move(parsed) : ModelConfig();
}

std::vector<int64_t> Windows(const ModelConfig& config) {
  std::vector<int64_t> windows;
  for (const LayerConfig& layer : config.layers) windows.push_back(layer.window);
  return windows;
}

TEST(HfConfigTest, FamiliesDifferInNormsBiasesAndActivation) {
  EXPECT_FALSE(Parse(Base("llama")).qk_norm);
  EXPECT_TRUE(Parse(Base("qwen2")).qkv_bias);
  EXPECT_TRUE(Parse(Base("qwen3")).qk_norm);
  const ModelConfig gemma = Parse(Base("gemma3_text"));
  EXPECT_TRUE(gemma.branch_norms && gemma.tied_head);
  EXPECT_EQ(gemma.norm_weight, NormWeight::kOffset);
  EXPECT_EQ(gemma.activation, Activation::kGeluTanh);
  EXPECT_DOUBLE_EQ(gemma.embedding_scale, 8);
  EXPECT_DOUBLE_EQ(gemma.attention_scale, 1.0 / 16);  // query_pre_attn_scalar 256 by default, whatever head_dim.
}

// Quoting such a value, as an error would, recurses.
TEST(HfConfigTest, DeepNestingIsRefused) {
  const std::string nested = std::string(100'000, '[') + std::string(100'000, ']');

  const absl::Status status = ParseHfConfig(R"({"model_type": "llama", "hidden_size": )" + nested + "}").status();

  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("nests deeper than 64 levels"));
}

TEST(HfConfigTest, HeadDimDefaultsToHiddenOverHeads) {
  json config = Base("llama");
  config.erase("head_dim");

  EXPECT_EQ(Parse(config).head_dim, 16);
}

TEST(HfConfigTest, BothSpellingsOfRopeMeanTheSame) {
  json old_spelling = Base("llama"), new_spelling = Base("llama");
  old_spelling["rope_theta"] = 5e5;
  old_spelling["rope_scaling"] = {{"type", "linear"}, {"factor", 4.0}};
  new_spelling["rope_parameters"] = {{"rope_type", "linear"}, {"rope_theta", 5e5}, {"factor", 4.0}};

  const ModelConfig config = Parse(old_spelling);

  EXPECT_EQ(config.layers, Parse(new_spelling).layers);
  EXPECT_EQ(config.layers[0].rope, (RopeConfig{.theta = 5e5, .scaling = RopeConfig::Scaling::kLinear, .factor = 4}));
}

TEST(HfConfigTest, BothSpellingsOfGemmaMeanTheSame) {
  json old_spelling = Base("gemma3_text"), new_spelling = Base("gemma3_text");
  old_spelling.update(json{{"sliding_window", 5},
                           {"sliding_window_pattern", 3},
                           {"rope_theta", 1e6},
                           {"rope_local_base_freq", 1e4},
                           {"rope_scaling", {{"rope_type", "linear"}, {"factor", 8.0}}}});
  new_spelling["sliding_window"] = 5;
  for (int i = 0; i < 7; ++i)
    new_spelling["layer_types"].push_back((i + 1) % 3 == 0 ? "full_attention" : "sliding_attention");
  new_spelling["rope_parameters"] = {
      {"full_attention", {{"rope_type", "linear"}, {"rope_theta", 1e6}, {"factor", 8.0}}},
      {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 1e4}}}};

  const ModelConfig config = Parse(old_spelling);

  EXPECT_THAT(Windows(config), ElementsAre(5, 5, 0, 5, 5, 0, 5));
  EXPECT_EQ(config.layers[0].rope, (RopeConfig{.theta = 1e4}));
  EXPECT_EQ(config.layers[2].rope, (RopeConfig{.theta = 1e6, .scaling = RopeConfig::Scaling::kLinear, .factor = 8}));
  EXPECT_EQ(config.layers, Parse(new_spelling).layers);
}

TEST(HfConfigTest, SparseGemmaWrapperTakesClassDefaults) {
  const ModelConfig config = Parse(json{
      {"model_type", "gemma3"},
      {"eos_token_id", {1, 106}},
      {"vision_config", {{"hidden_size", 1152}}},
      {"text_config",
       {{"hidden_size", 2560}, {"intermediate_size", 10240}, {"num_hidden_layers", 34}, {"sliding_window", 1024}}}});

  EXPECT_EQ(config.vocab, 262208);
  EXPECT_EQ(config.heads, 8);
  EXPECT_EQ(config.kv_heads, 4);
  EXPECT_EQ(config.head_dim, 256);
  EXPECT_TRUE(config.tied_head);
  EXPECT_THAT(config.eos_token_ids, ElementsAre(1, 106));
  EXPECT_EQ(config.layers[5].window, 0);
  EXPECT_EQ(config.layers[33].window, 1024);
}

TEST(HfConfigTest, QwenWindowCountsOnlyWhenSwitchedOn) {
  json config = Base("qwen2");
  config.update(json{{"sliding_window", 9}, {"max_window_layers", 5}});
  EXPECT_THAT(Windows(Parse(config)), ElementsAre(0, 0, 0, 0, 0, 0, 0));

  config["use_sliding_window"] = true;
  EXPECT_THAT(Windows(Parse(config)), ElementsAre(0, 0, 0, 0, 0, 9, 9));
}

struct BadKey {
  const char* key;
  json value;
  absl::StatusCode code;
  const char* message;
};

void PrintTo(const BadKey& bad, std::ostream* out) { *out << bad.key << " = " << bad.value; }

class HfConfigErrorTest : public testing::TestWithParam<BadKey> {};

TEST_P(HfConfigErrorTest, NamesTheKeyAndItsValue) {
  json config = Base("llama");
  config[GetParam().key] = GetParam().value;

  const absl::StatusOr<ModelConfig> parsed = ParseHfConfig(config.dump());

  EXPECT_EQ(parsed.status().code(), GetParam().code);
  EXPECT_THAT(parsed.status().message(), AllOf(HasSubstr(GetParam().key), HasSubstr(GetParam().message)));
}

constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kUnimplemented = absl::StatusCode::kUnimplemented;

INSTANTIATE_TEST_SUITE_P(
    All, HfConfigErrorTest,
    testing::Values(
        BadKey{"hidden_size", 0, kInvalid, "is 0, not an integer in [1,"},
        BadKey{"hidden_size", "64", kInvalid, "\"64\""}, BadKey{"hidden_size", 1e30, kInvalid, "not an integer"},
        BadKey{"num_hidden_layers", -3, kInvalid, "is -3"}, BadKey{"num_hidden_layers", 100000, kInvalid, "100000"},
        BadKey{"num_attention_heads", 3, kInvalid, "no multiple"}, BadKey{"head_dim", 7, kInvalid, "even"},
        BadKey{"rms_norm_eps", -1, kInvalid, "is -1"}, BadKey{"tie_word_embeddings", 1, kInvalid, "true or false"},
        BadKey{"eos_token_id", "x", kInvalid, "integer"}, BadKey{"attention_bias", 1, kInvalid, "true or false"},
        BadKey{"mlp_bias", nullptr, kInvalid, "null"}, BadKey{"hidden_size", nullptr, kInvalid, "null"},
        BadKey{"hidden_act", "xielu", kUnimplemented, "\"xielu\""},
        BadKey{"rope_parameters", 3, kInvalid, "not an object"}));

TEST(HfConfigErrorsTest, HeadDimCannotBeDerivedFromIndivisibleSizes) {
  json config = Base("llama");
  config.erase("head_dim");
  for (int hidden : {2, 66}) {  // 2 / 4 would give a head of 0 elements.
    config["hidden_size"] = hidden;

    const absl::StatusOr<ModelConfig> parsed = ParseHfConfig(config.dump());

    EXPECT_EQ(parsed.status().code(), kInvalid);
    EXPECT_THAT(parsed.status().message(),
                AllOf(HasSubstr("hidden_size is " + std::to_string(hidden)), HasSubstr("num_attention_heads 4")));
  }
}

// Every size is in its own range; the bytes of all weights together pass 2^63.
TEST(HfConfigErrorsTest, ProductOfSizesIsBounded) {
  json config = Base("llama");
  config.update(json{{"hidden_size", 1 << 24},
                     {"num_attention_heads", 65536},
                     {"num_key_value_heads", 65536},
                     {"head_dim", 65536},
                     {"num_hidden_layers", 4096}});

  const absl::StatusOr<ModelConfig> parsed = ParseHfConfig(config.dump());

  EXPECT_EQ(parsed.status().code(), kInvalid);
  EXPECT_THAT(parsed.status().message(),
              AllOf(HasSubstr("hidden_size 16777216"), HasSubstr("head_dim 65536"), HasSubstr("more than 1e+15")));
}

TEST(HfConfigErrorsTest, RopeThatWouldBeReadWronglyIsRefused) {
  json llama3 = Base("llama"), partial = Base("llama"), longrope = Base("llama");
  llama3["rope_scaling"] = {{"rope_type", "llama3"}, {"factor", 8.0}, {"low_freq_factor", 1.0}};
  partial["rope_parameters"] = {{"rope_type", "linear"}, {"factor", 2.0}, {"partial_rotary_factor", 0.5}};
  longrope["rope_scaling"] = {{"rope_type", "longrope"}, {"factor", 2.0}};

  const absl::Status missing = ParseHfConfig(llama3.dump()).status();
  const absl::Status rotary = ParseHfConfig(partial.dump()).status();
  const absl::Status longer = ParseHfConfig(longrope.dump()).status();

  EXPECT_EQ(missing.code(), kInvalid);
  EXPECT_THAT(missing.message(), HasSubstr("high_freq_factor"));
  EXPECT_EQ(rotary.code(), kInvalid);
  EXPECT_THAT(rotary.message(), AllOf(HasSubstr("partial_rotary_factor 0.5"), HasSubstr("12 of the 24")));
  EXPECT_EQ(longer.code(), kUnimplemented);
  EXPECT_THAT(longer.message(), HasSubstr("longrope"));
}

// As transformers: the default type of these classes turns whole heads, and Gemma 3 reads the objects of its two kinds
// of layer alone.
TEST(HfConfigTest, RopeKeysThatMeanNothingChangeNothing) {
  json partial = Base("llama"), flat = Base("gemma3_text");
  partial["rope_parameters"] = {{"rope_type", "default"}, {"partial_rotary_factor", 0.5}};
  flat["rope_parameters"] = {{"rope_type", "linear"}, {"factor", 8.0}};

  EXPECT_EQ(Parse(partial).layers, Parse(Base("llama")).layers);
  EXPECT_EQ(Parse(flat).layers, Parse(Base("gemma3_text")).layers);
}

TEST(HfConfigTest, YarnScalesAttentionByTheLogarithmOfItsFactor) {
  json config = Base("llama");
  config["rope_scaling"] = {{"rope_type", "yarn"}, {"factor", 2.0}};
  const RopeConfig rope = Parse(config).layers[0].rope;
  EXPECT_EQ(rope.scaling, RopeConfig::Scaling::kYarn);
  EXPECT_NEAR(rope.attention_scaling, 1.0693147180559945, 1e-12);  // 0.1 ln 2 + 1.
  EXPECT_EQ(rope.original_max_position_embeddings, 512);
}

TEST(HfConfigTest, BiasesAndActivationsOfLlama) {
  json config = Base("llama");
  config.update({{"attention_bias", true}, {"mlp_bias", true}, {"hidden_act", "gelu"}});
  const ModelConfig parsed = Parse(config);
  EXPECT_TRUE(parsed.qkv_bias && parsed.output_bias && parsed.mlp_bias);
  EXPECT_EQ(parsed.activation, Activation::kGelu);
  config["hidden_act"] = "swish";
  EXPECT_EQ(Parse(config).activation, Activation::kSilu);
}

TEST(HfConfigTest, QwenMoeLayersAreSparseWhereTheStepAndTheListSay) {
  json config = Base("qwen3_moe");
  config.update({{"num_experts", 6}, {"num_experts_per_tok", 2}, {"moe_intermediate_size", 20}});
  const auto sparse = [&](const json& keys) {
    json changed = config;
    changed.update(keys);
    std::string layers;
    for (const LayerConfig& layer : Parse(changed).layers) layers += layer.sparse ? 's' : '.';
    return layers;
  };
  EXPECT_EQ(sparse(json::object()), "sssssss");
  EXPECT_EQ(sparse({{"mlp_only_layers", {0, 3}}}), ".ss.sss");
  EXPECT_EQ(sparse({{"decoder_sparse_step", 3}}), "..s..s.");
  config["num_experts_per_tok"] = 7;
  EXPECT_EQ(ParseHfConfig(config.dump()).status().code(), kInvalid);
}

json Gemma4() {
  json config = Base("gemma4_text");
  config.update({{"hidden_size_per_layer_input", 0},
                 {"global_head_dim", 32},
                 {"attention_k_eq_v", true},
                 {"num_global_key_value_heads", 1},
                 {"sliding_window", 9}});
  return config;
}

TEST(HfConfigTest, Gemma4LayersHaveHeadsOfTheirOwn) {
  const ModelConfig config = Parse(Gemma4());
  EXPECT_THAT(Windows(config), ElementsAre(9, 9, 9, 9, 9, 0, 0));  // The last layer is global in any case.
  EXPECT_EQ(config.layers[6].head_dim, 32);
  EXPECT_EQ(config.layers[0].head_dim, 24);
  EXPECT_EQ(config.layers[0].kv_heads, 2);
  EXPECT_FALSE(config.layers[0].value_is_key);
  EXPECT_EQ(config.layers[5].head_dim, 32);
  EXPECT_EQ(config.layers[5].kv_heads, 1);
  EXPECT_TRUE(config.layers[5].value_is_key);
  EXPECT_EQ(config.attention_scale, 1);
  EXPECT_FALSE(config.layers[5].sparse);

  json sliding = Gemma4();
  sliding["layer_types"] = std::vector<std::string>(7, "sliding_attention");
  EXPECT_THAT(Windows(Parse(sliding)), ElementsAre(9, 9, 9, 9, 9, 9, 0));

  json separate = Gemma4();
  separate["attention_k_eq_v"] = false;
  EXPECT_EQ(Parse(separate).layers[5].kv_heads, 2);
}

TEST(HfConfigTest, Gemma4WithoutRopeParametersHasItsClassDefaults) {
  json config = Gemma4();
  config.erase("rope_parameters");
  const ModelConfig parsed = Parse(config);
  const RopeConfig &full = parsed.layers[5].rope, &sliding = parsed.layers[0].rope;
  EXPECT_EQ(full.scaling, RopeConfig::Scaling::kProportional);
  EXPECT_DOUBLE_EQ(full.rotated, 0.25);
  EXPECT_DOUBLE_EQ(full.theta, 1e6);
  EXPECT_DOUBLE_EQ(sliding.rotated, 1);
  EXPECT_DOUBLE_EQ(sliding.theta, 1e4);
}

// How transformers 5.15 and later save what older files call global_head_dim and num_global_key_value_heads.
TEST(HfConfigTest, Gemma4LayersMaySayTheirHeadsThemselves) {
  json config = Gemma4();
  config.erase("global_head_dim");
  config.erase("num_global_key_value_heads");
  const json heads = {{"head_dim", 512}, {"num_key_value_heads", 1}};
  config["per_layer_config"] = {{"5", heads}, {"6", heads}};
  const ModelConfig parsed = Parse(config);
  EXPECT_EQ(parsed.layers[5].head_dim, 512);
  EXPECT_EQ(parsed.layers[5].kv_heads, 1);
  EXPECT_EQ(parsed.layers[0].head_dim, Parse(Gemma4()).layers[0].head_dim);

  config["per_layer_config"].erase("6");
  EXPECT_THAT(ParseHfConfig(config.dump()).status().message(), HasSubstr("sets layer 6 apart"));

  config["per_layer_config"] = {{"5", {{"hidden_size", 8}}}};
  const absl::Status unknown = ParseHfConfig(config.dump()).status();
  EXPECT_EQ(unknown.code(), kUnimplemented);
  EXPECT_THAT(unknown.message(), HasSubstr("hidden_size"));
}

TEST(HfConfigTest, NullIsNoWindowWhereTheClassSaysSo) {
  json config = Base("qwen2");
  config.update({{"use_sliding_window", true}, {"sliding_window", nullptr}, {"max_window_layers", 0}});
  EXPECT_THAT(Windows(Parse(config)), ElementsAre(0, 0, 0, 0, 0, 0, 0));
}

TEST(HfConfigErrorsTest, Gemma4FeaturesThatAreMissingAreNamed) {
  const std::pair<const char*, json> features[] = {
      {"num_kv_shared_layers", 2}, {"hidden_size_per_layer_input", 256}, {"use_bidirectional_attention", "all"}};
  for (const auto& [key, value] : features) {
    json config = Gemma4();
    config[key] = value;
    const absl::Status status = ParseHfConfig(config.dump()).status();
    EXPECT_EQ(status.code(), kUnimplemented) << key;
    EXPECT_THAT(status.message(), HasSubstr(key));
  }
  json config = Gemma4();
  config.erase("hidden_size_per_layer_input");
  EXPECT_EQ(ParseHfConfig(config.dump()).status().code(), kUnimplemented);
}

TEST(HfConfigTest, OriginalLengthOfLlama3DefaultsToTheContextLength) {
  json config = Base("llama");
  config["rope_scaling"] = {
      {"rope_type", "llama3"}, {"factor", 8.0}, {"low_freq_factor", 1.0}, {"high_freq_factor", 4.0}};

  EXPECT_EQ(Parse(config).layers[0].rope.original_max_position_embeddings, 512);
}

TEST(HfConfigErrorsTest, WholeFileErrors) {
  EXPECT_THAT(ParseHfConfig("{\"model_type\": 5}").status().message(), HasSubstr("model_type is 5, not a string"));
  EXPECT_EQ(ParseHfConfig("").status().code(), kInvalid);
  EXPECT_EQ(ParseHfConfig("[1, 2]").status().code(), kInvalid);
  EXPECT_EQ(ParseHfConfig("{\"hidden_size\": 5}").status().code(), kInvalid);
  EXPECT_EQ(ParseHfConfig("{\"model_type\": \"gemma3\", \"text_config\": 3}").status().code(), kInvalid);
  EXPECT_EQ(ReadHfConfig("/nonexistent/config.json").status().code(), absl::StatusCode::kNotFound);
  const absl::StatusOr<ModelConfig> other = ParseHfConfig("{\"model_type\": \"mamba\"}");
  EXPECT_EQ(other.status().code(), kUnimplemented);
  EXPECT_THAT(other.status().message(), HasSubstr("mamba"));
}

}  // namespace
}  // namespace metronome::compiler
