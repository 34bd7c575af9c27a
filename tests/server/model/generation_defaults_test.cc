#include "server/model/generation_defaults.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::server {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

GenerationDefaults Parse(const char* json) {
  const absl::StatusOr<GenerationDefaults> defaults = ParseGenerationDefaults(json);
  EXPECT_TRUE(defaults.ok()) << defaults.status();
  return defaults.ok() ? *defaults : GenerationDefaults();
}

TEST(GenerationDefaultsTest, EosIsOneIdOrSeveralWhereItIsThere) {
  EXPECT_THAT(*Parse(R"({"eos_token_id": 7})").eos_token_ids, ElementsAre(7));
  EXPECT_THAT(*Parse(R"({"eos_token_id": [1, 106]})").eos_token_ids, ElementsAre(1, 106));
  EXPECT_TRUE(Parse(R"({"eos_token_id": []})").eos_token_ids->empty());
  EXPECT_FALSE(Parse("{}").eos_token_ids.has_value());
  EXPECT_FALSE(Parse(R"({"eos_token_id": null})").eos_token_ids.has_value());
}

TEST(GenerationDefaultsTest, HostileEosIsRefusedByNameAndValue) {
  for (const char* json :
       {R"({"eos_token_id": "</s>"})", R"({"eos_token_id": 1e30})", R"({"eos_token_id": [1, "a"]})",
        R"({"eos_token_id": 99999999999})", R"({"eos_token_id": [[1]]})", R"({"eos_token_id": {}})"}) {
    const absl::Status status = ParseGenerationDefaults(json).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << json;
    EXPECT_THAT(std::string(status.message()), HasSubstr("generation_config.json: eos_token_id is ")) << json;
  }
}

// As published with Llama 3, Qwen 3 and Gemma 3: generate() draws with these, top_k 50 where none is given.
TEST(GenerationDefaultsTest, SamplingIsWhatGenerateWouldDo) {
  const auto llama = Parse(R"({"do_sample": true, "temperature": 0.6, "top_p": 0.9, "max_length": 4096})").sampling;
  ASSERT_TRUE(llama.ok()) << llama.status();
  EXPECT_EQ(llama->temperature, 0.6);
  EXPECT_EQ(llama->top_p, 0.9);
  EXPECT_EQ(llama->top_k, 50);
  EXPECT_EQ(llama->repetition_penalty, 1);
  const auto gemma =
      Parse(R"({"do_sample": true, "top_k": 64, "top_p": 0.95, "cache_implementation": "hybrid"})").sampling;
  ASSERT_TRUE(gemma.ok()) << gemma.status();
  EXPECT_EQ(gemma->temperature, 1);
  EXPECT_EQ(gemma->top_k, 64);
  const auto off =
      Parse(R"({"do_sample": true, "top_k": 0, "top_p": 1.5, "min_p": 0.1, "temperature": null})").sampling;
  ASSERT_TRUE(off.ok()) << off.status();
  EXPECT_EQ(off->top_k, 0);
  EXPECT_EQ(off->top_p, 1);
  EXPECT_EQ(off->min_p, 0.1);
}

TEST(GenerationDefaultsTest, WithoutDoSampleOnlyThePenaltyCounts) {
  for (const char* json : {R"({"temperature": 0.6, "top_k": 20, "repetition_penalty": 1.1})",
                           R"({"do_sample": false, "temperature": -3, "repetition_penalty": 1.1, "typical_p": 0.5})"}) {
    const auto sampling = Parse(json).sampling;
    ASSERT_TRUE(sampling.ok()) << sampling.status();
    EXPECT_EQ(sampling->temperature, 0);
    EXPECT_EQ(sampling->top_k, 0);
    EXPECT_EQ(sampling->repetition_penalty, 1.1);
  }
}

TEST(GenerationDefaultsTest, HostileSamplingDoesNotKeepTheModelFromLoading) {
  const struct {
    const char* json;
    const char* message;
  } kCases[] = {
      {R"({"do_sample": true, "temperature": 0})", "temperature is 0, not above 0"},
      {R"({"do_sample": true, "temperature": "hot"})", "temperature is \"hot\", not a number"},
      {R"({"do_sample": true, "top_k": -1})", "top_k is -1"},
      {R"({"do_sample": true, "top_k": 1e12})", "top_k is 1000000000000.0"},
      {R"({"do_sample": true, "top_p": -0.5})", "top_p is -0.5"},
      {R"({"do_sample": true, "min_p": 2})", "min_p is 2"},
      {R"({"do_sample": "yes"})", "do_sample is \"yes\""},
      {R"({"repetition_penalty": 0})", "repetition_penalty is 0"},
      {R"({"num_beams": "many"})", "num_beams is \"many\""},
  };
  for (const auto& [json, message] : kCases) {
    const absl::Status status = Parse(json).sampling.status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << json;
    EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("generation_config.json: "), HasSubstr(message)));
  }
}

TEST(GenerationDefaultsTest, KeysThatChangeTokensAndAreNotSupportedAreNamed) {
  for (const char* json :
       {R"({"num_beams": 4})", R"({"no_repeat_ngram_size": 3})", R"({"suppress_tokens": [1]})",
        R"({"do_sample": true, "typical_p": 0.5})", R"({"forced_eos_token_id": 2})", R"({"min_new_tokens": 3})",
        R"({"watermarking_config": {}})", R"({"do_sample": true, "top_h": 0.4})", R"({"stop_strings": ["x"]})"}) {
    EXPECT_EQ(Parse(json).sampling.status().code(), absl::StatusCode::kUnimplemented) << json;
  }
  EXPECT_TRUE(
      Parse(R"({"num_beams": 1, "suppress_tokens": null, "bad_words_ids": [], "guidance_scale": 1})").sampling.ok());
}

// transformers passes over a file that it cannot parse, and takes what config.json says.
TEST(GenerationDefaultsTest, WhatIsNoJsonObjectSaysNothing) {
  for (const char* json : {"", "{", "[]", "3"}) {
    const GenerationDefaults defaults = Parse(json);
    EXPECT_FALSE(defaults.eos_token_ids.has_value());
    EXPECT_EQ(defaults.sampling.status().code(), absl::StatusCode::kFailedPrecondition);
  }
}

// Quoting such a value, as an error would, recurses.
TEST(GenerationDefaultsTest, DeepNestingIsRefused) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  for (const char* key : {"eos_token_id", "top_k", "token_healing"}) {
    const absl::Status status = ParseGenerationDefaults("{\"" + std::string(key) + "\": " + deep + "}").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << key;
    EXPECT_THAT(std::string(status.message()), HasSubstr("generation_config.json nests deeper than 64 levels"));
  }
}

}  // namespace
}  // namespace metronome::server
