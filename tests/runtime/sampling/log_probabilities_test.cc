#include "runtime/sampling/log_probabilities.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::runtime {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

LogProbs Get(absl::Span<const float> logits, int32_t chosen, int top) {
  absl::StatusOr<LogProbs> result = LogProbabilities(logits, chosen, top);
  EXPECT_TRUE(result.ok()) << result.status();
  return *std::move(result);
}

std::vector<int32_t> TopIds(absl::Span<const float> logits, int top) {
  std::vector<int32_t> ids;
  for (const TokenLogProb& token : Get(logits, 0, top).top) ids.push_back(token.id);
  return ids;
}

// The documented 1e-5, or one rounding to float of what is beyond -128.
double Tolerance(double exact) { return std::max(1e-5, std::abs(exact) * 0x1p-24); }

TEST(LogProbabilitiesTest, EqualTorchLogSoftmax) {
  std::ifstream file(std::string(METRONOME_GOLDEN_DIR) + "/sampling/log_probabilities.json");
  const nlohmann::json cases = nlohmann::json::parse(file);
  ASSERT_GE(cases.size(), 6u);
  for (const nlohmann::json& test : cases) {
    std::vector<float> logits;
    for (const nlohmann::json& value : test["logits"])
      logits.push_back(value.is_null() ? -kInfinity : value.get<float>());
    for (size_t i = 0; i < logits.size(); ++i) {
      const float logprob = Get(logits, static_cast<int32_t>(i), 0).chosen.logprob;
      if (test["float64"][i].is_null()) {
        EXPECT_EQ(logprob, -kInfinity);
        continue;
      }
      const double exact = test["float64"][i];
      EXPECT_NEAR(logprob, exact, Tolerance(exact)) << i;
      // torch's own float32 differs from exact ones by a few roundings of the logits, here up to 140.
      EXPECT_NEAR(logprob, test["float32"][i].get<float>(), 4 * Tolerance(exact)) << i;
    }
    const std::vector<int32_t> top = test["top"];
    EXPECT_EQ(TopIds(logits, static_cast<int>(top.size())), top);
  }
}

TEST(LogProbabilitiesTest, AreThoseOfDoubleArithmeticAtTheSizeOfAVocabulary) {
  std::mt19937 random(9);
  for (const float sigma : {0.01f, 3.0f, 8.0f}) {
    std::normal_distribution<float> normal(-1, sigma);
    std::vector<float> logits(262144);
    for (float& logit : logits) logit = normal(random);
    double sum = 0;
    for (float logit : logits) sum += std::exp(static_cast<double>(logit));

    const LogProbs result = Get(logits, 12345, kMaxTopLogProbs);

    EXPECT_EQ(result.chosen.id, 12345);
    EXPECT_NEAR(result.chosen.logprob, logits[12345] - std::log(sum), 1e-5);
    ASSERT_EQ(result.top.size(), 20u);
    std::vector<float> sorted = logits;
    std::sort(sorted.begin(), sorted.end(), std::greater<float>());
    for (size_t i = 0; i < result.top.size(); ++i) {
      EXPECT_EQ(logits[result.top[i].id], sorted[i]);
      EXPECT_NEAR(result.top[i].logprob, sorted[i] - std::log(sum), 1e-5);
    }
  }
}

TEST(LogProbabilitiesTest, TiesRankByRisingId) {
  EXPECT_THAT(TopIds({1, 4, 3, 4, 3, 3}, 4), ElementsAre(1, 3, 2, 4));
  EXPECT_THAT(TopIds({-0.0f, 0.0f, -0.0f}, 2), ElementsAre(0, 1));
  EXPECT_THAT(TopIds(std::vector<float>(5000, 2.5f), 3), ElementsAre(0, 1, 2));
}

TEST(LogProbabilitiesTest, ImpossibleTokensAreNotAmongTheTop) {
  const std::vector<float> logits = {-kInfinity, 2, -kInfinity, 3};
  const LogProbs result = Get(logits, 2, 20);
  EXPECT_EQ(result.chosen.logprob, -kInfinity);
  EXPECT_THAT(TopIds(logits, 20), ElementsAre(3, 1));
}

TEST(LogProbabilitiesTest, NoneAreAskedForOrTheVocabularyIsSmaller) {
  EXPECT_THAT(Get({1, 2}, 1, 0).top, IsEmpty());
  EXPECT_THAT(TopIds({1, 2}, 20), ElementsAre(1, 0));
  EXPECT_EQ(Get({7}, 0, 1).chosen.logprob, 0);
}

TEST(LogProbabilitiesTest, BadArgumentsAreRefusedByName) {
  const std::vector<float> logits = {1, 2, 3};
  for (const int top : {-1, 21}) {
    const absl::Status status = LogProbabilities(logits, 0, top).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("top is"));
  }
  for (const int32_t chosen : {-1, 3}) {
    const absl::Status status = LogProbabilities(logits, chosen, 0).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("chosen is"));
  }
  EXPECT_EQ(LogProbabilities({}, 0, 0).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(LogProbabilities(std::vector<float>((1 << 21) + 1), 0, 0).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(LogProbabilitiesTest, BrokenLogitsAreAnError) {
  for (const std::vector<float>& logits : {std::vector<float>{1, std::nanf(""), 0}, std::vector<float>{1, kInfinity},
                                           std::vector<float>{-kInfinity, -kInfinity}}) {
    EXPECT_EQ(LogProbabilities(logits, 0, 1).status().code(), absl::StatusCode::kInternal);
  }
}

}  // namespace
}  // namespace metronome::runtime
