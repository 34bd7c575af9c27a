#include "runtime/sampling/sampler.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Sampler Make(const SamplingOptions& options) {
  absl::StatusOr<Sampler> sampler = Sampler::Create(options);
  EXPECT_TRUE(sampler.ok()) << sampler.status();
  return *std::move(sampler);
}

TEST(SamplerTest, GreedyTakesTheFirstOfEqualLogits) {
  Sampler sampler = Make({});
  EXPECT_EQ(*sampler.Next({1, 5, 5, -3}, {}), 1);
  EXPECT_EQ(*sampler.Next({-kInfinity, -2}, {}), 1);
}

TEST(SamplerTest, GreedyAppliesTheRepetitionPenalty) {
  Sampler sampler = Make({.repetition_penalty = 2});
  EXPECT_EQ(*sampler.Next({4, 3, -1}, {0, 0, 0}), 1);
}

TEST(SamplerTest, BrokenLogitsAreAnError) {
  for (double temperature : {0.0, 1.0}) {
    Sampler sampler = Make({.temperature = temperature});
    EXPECT_EQ(sampler.Next({1, std::nanf(""), 0}, {}).status().code(), absl::StatusCode::kInternal);
    EXPECT_EQ(sampler.Next({-kInfinity, -kInfinity}, {}).status().code(), absl::StatusCode::kInternal);
  }
}

// Infinities have no probability; greedy only compares.
TEST(SamplerTest, AnInfiniteLogitCannotBeSampled) {
  EXPECT_EQ(*Make({}).Next({1, kInfinity, 0}, {}), 1);
  Sampler sampler = Make({.temperature = 1});
  EXPECT_EQ(sampler.Next({1, kInfinity, 0}, {}).status().code(), absl::StatusCode::kInternal);
}

// The smallest temperatures are not representable as float32, and dividing by them overflows it.
TEST(SamplerTest, TinyTemperaturesAreGreedy) {
  for (double temperature : {1e-6, 1e-30, 1e-38, 1e-40, 1e-50, 5e-324}) {
    for (double top_p : {0.5, 1.0}) {
      Sampler sampler = Make({.temperature = temperature, .top_k = 3, .top_p = top_p, .min_p = 0.1});
      for (int i = 0; i < 20; ++i) EXPECT_EQ(*sampler.Next({-5, 31.5f, 0, 31.25f, 30}, {}), 1) << temperature;
    }
  }
}

TEST(SamplerTest, EqualSeedsGiveEqualTokensAndOthersDoNot) {
  std::vector<float> logits(50);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(i % 7);
  const auto draw = [&](uint64_t seed) {
    Sampler sampler = Make({.temperature = 1, .seed = seed});
    std::vector<int32_t> tokens;
    for (int i = 0; i < 40; ++i) tokens.push_back(*sampler.Next(logits, {}));
    return tokens;
  };
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_NE(draw(1), draw(2));
}

// Exact products of small integers make the logits, so the tokens are the same wherever this runs.
TEST(SamplerTest, TokensOfASeedAreTheRecordedOnes) {
  std::vector<float> logits(5000);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(i * 7919 % 5003) * 0x1p-9f;
  const std::vector<int32_t> history = {17, 4000, 17, 99};
  std::vector<int32_t> tokens;
  for (const SamplingOptions& options :
       {SamplingOptions{.temperature = 0.7, .seed = 3}, SamplingOptions{.temperature = 2, .top_p = 0.9, .seed = 4},
        SamplingOptions{.repetition_penalty = 1.1, .temperature = 0.8, .top_k = 50, .top_p = 0.9, .seed = 5},
        SamplingOptions{.temperature = 1, .min_p = 0.05, .seed = 6}}) {
    Sampler sampler = Make(options);
    for (int i = 0; i < 5; ++i) tokens.push_back(*sampler.Next(logits, history));
  }
  EXPECT_THAT(tokens, ElementsAre(549, 3481, 3035, 360, 1062, 2146, 4457, 4294, 2450, 1961, 1901, 3627, 1050, 362, 875,
                                  3675, 2220, 264, 525, 2745));
}

// Chi-square with 3 degrees of freedom exceeds 16.3 once in a thousand; the seed is fixed.
TEST(SamplerTest, FrequenciesFollowTheProbabilities) {
  const std::vector<float> logits = {0, 1, 2, 3};
  const double temperature = 1.5;
  Sampler sampler = Make({.temperature = temperature, .seed = 4});
  std::vector<int> counts(4);
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) ++counts[*sampler.Next(logits, {})];

  double sum = 0, chi_square = 0;
  for (float logit : logits) sum += std::exp(logit / temperature);
  for (size_t i = 0; i < logits.size(); ++i) {
    const double expected = kDraws * std::exp(logits[i] / temperature) / sum;
    chi_square += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  EXPECT_LT(chi_square, 16.3);
}

// As above over a vocabulary of many blocks, in 8 groups of ids: 24.3 once in a thousand with 7 degrees of freedom.
TEST(SamplerTest, FrequenciesFollowTheDistributionOfALargeVocabulary) {
  constexpr size_t kVocab = 50257, kGroups = 8;
  std::vector<float> logits(kVocab);
  for (size_t i = 0; i < kVocab; ++i)
    logits[i] = static_cast<float>(i * 7919 % 1009) * 1e-3f + static_cast<float>(i) * 2e-5f;
  Sampler sampler = Make({.temperature = 0.9, .top_p = 0.8, .seed = 12});
  const std::vector<double> distribution = *sampler.Distribution(logits, {});
  std::vector<double> expected(kGroups), counts(kGroups);
  constexpr int kDraws = 4000;
  for (size_t i = 0; i < kVocab; ++i) expected[i * kGroups / kVocab] += kDraws * distribution[i];

  for (int i = 0; i < kDraws; ++i) {
    const int32_t token = *sampler.Next(logits, {});
    ASSERT_GT(distribution[token], 0);
    ++counts[token * kGroups / kVocab];
  }

  double chi_square = 0;
  for (size_t group = 0; group < kGroups; ++group) {
    chi_square += (counts[group] - expected[group]) * (counts[group] - expected[group]) / expected[group];
  }
  EXPECT_LT(chi_square, 24.3);
}

TEST(SamplerTest, GreedyHasOneTokenInItsDistribution) {
  EXPECT_THAT(*Make({}).Distribution({1, 5, 5}, {}), ElementsAre(0, 1, 0));
}

TEST(SamplerTest, IdsOutsideTheVocabularyAreNotPenalised) {
  Sampler sampler = Make({.repetition_penalty = 2});
  EXPECT_EQ(*sampler.Next({4, 3}, {-1, 2, 1 << 30}), 0);
}

TEST(SamplerTest, TooManyLogitsAreRefused) {
  const std::vector<float> logits((1 << 21) + 1);
  EXPECT_EQ(Make({.temperature = 1}).Next(logits, {}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(SamplerTest, RemovedTokensAreNeverDrawn) {
  Sampler sampler = Make({.temperature = 5, .top_k = 2, .seed = 1});
  for (int i = 0; i < 500; ++i) EXPECT_LT(*sampler.Next({3, 2.9f, 2.8f, 2.7f}, {}), 2);
}

struct BadOption {
  SamplingOptions options;
  const char* field;
};

void PrintTo(const BadOption& bad, std::ostream* out) { *out << bad.field; }

class SamplerOptionTest : public testing::TestWithParam<BadOption> {};

TEST_P(SamplerOptionTest, IsRefusedByName) {
  const absl::Status status = Sampler::Create(GetParam().options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr(GetParam().field));
}

INSTANTIATE_TEST_SUITE_P(All, SamplerOptionTest,
                         testing::Values(BadOption{{.repetition_penalty = 0}, "repetition_penalty is 0"},
                                         BadOption{{.repetition_penalty = kNan}, "repetition_penalty"},
                                         // 0 and infinity as a float32.
                                         BadOption{{.repetition_penalty = 1e-60}, "repetition_penalty is 1e-60"},
                                         BadOption{{.repetition_penalty = 1e60}, "repetition_penalty is 1e+60"},
                                         BadOption{{.temperature = -1}, "temperature is -1"},
                                         BadOption{{.temperature = kNan}, "temperature"},
                                         BadOption{{.temperature = std::numeric_limits<double>::infinity()},
                                                   "temperature"},
                                         BadOption{{.top_k = -1}, "top_k is -1"}, BadOption{{.top_p = 0}, "top_p is 0"},
                                         BadOption{{.top_p = 1.1}, "top_p is 1.1"}, BadOption{{.top_p = kNan}, "top_p"},
                                         BadOption{{.min_p = -0.1}, "min_p"}, BadOption{{.min_p = 2}, "min_p is 2"}));

// A positive, a negative and a 0 logit are penalised. The smallest penalty makes the first the largest by far, the
// largest one leaves the last.
TEST(SamplerTest, NoPenaltyInRangeMakesALogitInfinite) {
  for (const double penalty : {1e-30, 1e30}) {
    for (const float scale : {1.0f, 1e7f}) {
      Sampler sampler = Make({.repetition_penalty = penalty, .temperature = 1e-3});
      const float logits[] = {2 * scale, -3 * scale, 0, scale};
      EXPECT_EQ(sampler.Next(logits, {0, 1, 2}).value(), penalty < 1 ? 0 : 3) << penalty << " " << scale;
    }
  }
}

TEST(SamplerTest, TellsTheMostLikelyTokenWithoutLogitsWhereThatIsSure) {
  const Sampler greedy = Make({});
  EXPECT_EQ(greedy.NextWithoutLogits(3, 10), 3);
  EXPECT_EQ(greedy.NextWithoutLogits(9, 10), 9);
  EXPECT_EQ(greedy.NextWithoutLogits(10, 10), std::nullopt);  // A logit is NaN.
  EXPECT_EQ(greedy.NextWithoutLogits(0, 10), std::nullopt);   // All may be -infinity.
  EXPECT_EQ(Make({.repetition_penalty = 1.1}).NextWithoutLogits(3, 10), std::nullopt);
  EXPECT_EQ(Make({.temperature = 0.1}).NextWithoutLogits(3, 10), std::nullopt);
}

TEST(SamplerTest, SkipsTokensThatWereDrawnElsewhere) {
  const std::vector<float> logits = {1, 1.5f, 0.5f, 1.2f, 0.9f};
  for (const double temperature : {0.0, 1.0}) {
    Sampler whole = Make({.temperature = temperature, .seed = 5}),
            parts = Make({.temperature = temperature, .seed = 5});
    for (int i = 0; i < 7; ++i) ASSERT_TRUE(whole.Next(logits, {}).ok());
    parts.Skip(3);
    parts.Skip(0);
    parts.Skip(4);
    EXPECT_EQ(parts.state(), whole.state());
  }
}

}  // namespace
}  // namespace metronome::runtime
