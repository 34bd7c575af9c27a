#include "runtime/plan/plan_codec.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "compiler/driver/compile.h"
#include "compiler/frontend/catalogue.h"
#include "compiler/frontend/decoder.h"
#include "compiler/frontend/hf_config.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::runtime {
namespace {

using ::testing::HasSubstr;

// One value of every storage, one call with every kind of attribute: softmax checks none of them.
Plan EveryField() {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  Plan plan;
  plan.values = {
      {.storage = Storage::kTokens, .dtype = kernels::DType::kInt32, .shape = {Dim::Seq()}},
      {.storage = Storage::kInput, .dtype = kernels::DType::kBFloat16, .shape = {Dim::Seq(), 8}, .name = "0"},
      {.storage = Storage::kWeight,
       .dtype = kernels::DType::kFloat16,
       .shape = {4, 8},
       .name = "a \"weight\" \n",
       .init = WeightInit::kBias},
      {.storage = Storage::kConstant,
       .shape = {5},
       .contents = {0.1, -0.0, kInf, -kInf, std::bit_cast<double>(0x7ff8dead0000beef)}},
      {.storage = Storage::kState, .shape = {Dim::Past() + Dim::Seq(), 8}, .name = "layers.0.k"},
      {.storage = Storage::kTemporary, .shape = {Dim::Seq() * 3, 8}},
      {.storage = Storage::kAlias, .shape = {Dim::Seq(), 8}, .alias_of = 5, .first_row = Dim::Seq()},
  };
  plan.values.push_back({.storage = Storage::kTemporary, .shape = {Dim::Seq() * 3, 8}});
  KernelCall fill = {.kernel = "softmax", .inputs = {7}, .outputs = {5}};
  KernelCall start = {.kernel = "iota", .outputs = {8}};
  plan.values.push_back({.storage = Storage::kTemporary, .dtype = kernels::DType::kInt32, .shape = {Dim::Past() + 2}});
  start.step_attributes = {{"start", Dim::Past()}, {"other", Dim(1, -2, 3)}};
  KernelCall cast = {.kernel = "neg", .inputs = {9}, .outputs = {7}};
  plan.values.push_back({.storage = Storage::kInput, .shape = {Dim::Seq() * 3, 8}, .name = "1"});
  fill.attributes = {{"least", std::numeric_limits<int64_t>::min()},
                     {"most", std::numeric_limits<int64_t>::max()},
                     {"real", 0.1},
                     {"nan", std::bit_cast<double>(0xfff8000000000123)},
                     {"text", std::string("gelu \xc3\xa9")},
                     {"whole", std::vector<int64_t>{1, -2, 3}},
                     {"reals", std::vector<double>{0.5, -kInf}},
                     {"none", std::vector<int64_t>{}}};
  plan.calls = {start, cast, fill};
  plan.results = {6, 8};
  return plan;
}

// Field by field; doubles by their bits.
void ExpectSame(const Plan& got, const Plan& want) {
  EXPECT_EQ(got.ToString(), want.ToString());
  EXPECT_EQ(got.results, want.results);
  ASSERT_EQ(got.values.size(), want.values.size());
  for (size_t i = 0; i < want.values.size(); ++i) {
    const PlanValue &a = got.values[i], &b = want.values[i];
    EXPECT_EQ(a.storage, b.storage);
    EXPECT_EQ(a.dtype, b.dtype);
    EXPECT_EQ(a.shape, b.shape);
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.init, b.init);
    EXPECT_EQ(a.alias_of, b.alias_of);
    EXPECT_EQ(a.first_row, b.first_row);
    EXPECT_TRUE(
        std::equal(a.contents.begin(), a.contents.end(), b.contents.begin(), b.contents.end(),
                   [](double x, double y) { return std::bit_cast<uint64_t>(x) == std::bit_cast<uint64_t>(y); }));
  }
  ASSERT_EQ(got.calls.size(), want.calls.size());
  for (size_t i = 0; i < want.calls.size(); ++i) {
    EXPECT_EQ(got.calls[i].kernel, want.calls[i].kernel);
    EXPECT_EQ(got.calls[i].inputs, want.calls[i].inputs);
    EXPECT_EQ(got.calls[i].outputs, want.calls[i].outputs);
    EXPECT_EQ(got.calls[i].step_attributes, want.calls[i].step_attributes);
  }
}

TEST(PlanCodecTest, EveryFieldSurvives) {
  const Plan plan = EveryField();
  ASSERT_TRUE(ValidatePlan(plan).ok()) << ValidatePlan(plan);
  const absl::StatusOr<Plan> decoded = DecodePlan(EncodePlan(plan));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  ExpectSame(*decoded, plan);
  const kernels::Attributes &got = decoded->calls[2].attributes, &want = plan.calls[2].attributes;
  ASSERT_EQ(got.values().size(), want.values().size());
  EXPECT_EQ(std::bit_cast<uint64_t>(got.Float("nan")), std::bit_cast<uint64_t>(want.Float("nan")));
  for (const auto& [name, value] : want.values()) {
    ASSERT_NE(got.Find(name), nullptr) << name;
    EXPECT_EQ(got.Find(name)->index(), value.index()) << name;
    if (name != "nan") {
      EXPECT_EQ(*got.Find(name), value) << name;
    }
  }
}

TEST(PlanCodecTest, EncodingIsDeterministic) { EXPECT_EQ(EncodePlan(EveryField()), EncodePlan(EveryField())); }

TEST(PlanCodecTest, PlansOfEveryTinyModelSurvive) {
  for (const char* name : {"tiny-llama", "tiny-qwen2", "tiny-qwen3", "tiny-qwen3-moe", "tiny-gemma3", "tiny-gemma4"}) {
    const compiler::Graph graph =
        compiler::BuildDecoder(compiler::ParseHfConfig(compiler::FindModel(name)->config).value(),
                               kernels::DType::kBFloat16)
            .value();
    for (const compiler::ExecutionPath path : {compiler::ExecutionPath::kEager, compiler::ExecutionPath::kCompiled}) {
      const Plan plan = compiler::Compile(graph, path)->plans[0].plan;
      const absl::StatusOr<Plan> decoded = DecodePlan(EncodePlan(plan));
      ASSERT_TRUE(decoded.ok()) << name << ": " << decoded.status();
      ExpectSame(*decoded, plan);
      EXPECT_EQ(decoded->Hash(), plan.Hash());
    }
  }
}

// The version is the one field of that name, a small number right behind it.
TEST(PlanCodecTest, AnotherVersionIsRefused) {
  const std::string bytes = EncodePlan(EveryField());
  const size_t at = bytes.find("version") + std::strlen("version");
  ASSERT_LT(at, bytes.size());
  for (const char version : {char{0}, char{2}, char{23}}) {
    std::string other = bytes;
    ASSERT_NE(other[at], version);
    other[at] = version;
    const absl::Status status = DecodePlan(other).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("version"));
  }
}

// A list of one list of one list, text of pieces that are text of pieces, and so on: readers that recurse run out of
// stack.
TEST(PlanCodecTest, EndlessNestingIsRefused) {
  for (const char first : {'\x81', '\x9f', '\x7f', '\x5f', '\xc1'})
    EXPECT_EQ(DecodePlan(std::string(1 << 20, first)).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(PlanCodecTest, WhatIsCutOffIsRefused) {
  const std::string bytes = EncodePlan(EveryField());
  for (size_t length = 0; length < bytes.size(); ++length)
    EXPECT_FALSE(DecodePlan(absl::string_view(bytes).substr(0, length)).ok()) << length;
  EXPECT_FALSE(DecodePlan(bytes + "x").ok());
}

TEST(PlanCodecTest, DamageGivesAnErrorOrAValidPlan) {
  const std::string bytes = EncodePlan(EveryField());
  std::mt19937 random(5);
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = bytes;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    const absl::StatusOr<Plan> plan = DecodePlan(damaged);
    if (plan.ok()) {
      EXPECT_TRUE(ValidatePlan(*plan).ok());
    }
  }
}

TEST(PlanCodecTest, RandomBytesAreRefused) {
  std::mt19937 random(6);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random() % 64, 0);
    for (char& byte : bytes) byte = static_cast<char>(random());
    EXPECT_FALSE(DecodePlan(bytes).ok());
  }
}

}  // namespace
}  // namespace metronome::runtime
