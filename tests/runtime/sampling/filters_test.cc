// Sampler::Distribution beside HuggingFace's processors and beside the definition of each transform, in double and by
// sorting.
#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>

#include "gtest/gtest.h"
#include "runtime/sampling/sampler.h"

namespace metronome::runtime {
namespace {

constexpr float kRemoved = -std::numeric_limits<float>::infinity();

std::vector<double> DistributionOf(const SamplingOptions& options, absl::Span<const float> logits,
                                   absl::Span<const int32_t> history) {
  absl::StatusOr<Sampler> sampler = Sampler::Create(options);
  EXPECT_TRUE(sampler.ok()) << sampler.status();
  absl::StatusOr<std::vector<double>> distribution = sampler->Distribution(logits, history);
  EXPECT_TRUE(distribution.ok()) << distribution.status();
  return *std::move(distribution);
}

std::vector<float> LogitsOf(const nlohmann::json& values) {
  std::vector<float> logits;
  for (const nlohmann::json& value : values) logits.push_back(value.is_null() ? kRemoved : value.get<float>());
  return logits;
}

// 1e-5 of a probability: logits are recorded to 6 decimals and HuggingFace computes in float32. 1e-12 of the whole: a
// weight's resolution is 2^-42 of the largest.
double Tolerance(double probability) { return 1e-5 * probability + 1e-12; }

TEST(SamplerFilterTest, TransformsAloneAndInOrderEqualHuggingFaceProcessors) {
  std::ifstream file(std::string(METRONOME_GOLDEN_DIR) + "/sampling/processors.json");
  const nlohmann::json cases = nlohmann::json::parse(file);
  ASSERT_GT(cases.size(), 150u);
  for (const nlohmann::json& test : cases) {
    SCOPED_TRACE(test["options"].dump());
    const nlohmann::json& options = test["options"];
    const std::vector<float> logits = LogitsOf(test["logits"]), expected = LogitsOf(test["expected"]);
    const std::vector<int32_t> history = test["history"];

    const std::vector<double> actual = DistributionOf({.repetition_penalty = options.value("repetition_penalty", 1.0),
                                                       .temperature = options.value("temperature", 1.0),
                                                       .top_k = options.value("top_k", 0),
                                                       .top_p = options.value("top_p", 1.0),
                                                       .min_p = options.value("min_p", 0.0)},
                                                      logits, history);

    const double largest = *std::max_element(expected.begin(), expected.end());
    double sum = 0;
    for (const float logit : expected) sum += std::exp(logit - largest);
    ASSERT_EQ(actual.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      const double probability = std::exp(expected[i] - largest) / sum;
      EXPECT_NEAR(actual[i], probability, Tolerance(probability)) << i;
      if (expected[i] == kRemoved || probability > 1e-11) {
        EXPECT_EQ(actual[i] == 0, expected[i] == kRemoved) << i;
      }
    }
  }
}

struct Naive {
  std::vector<double> weights;   // Relative to the largest; 0 = removed.
  std::vector<bool> borderline;  // Within rounding of being removed or not.
};

// The definitions, one after another. Rounding: weights are right to about 2e-6, that of the float exponent above all.
Naive NaiveWeights(const SamplingOptions& options, std::vector<float> logits, absl::Span<const int32_t> history) {
  constexpr double kRounding = 4e-6;
  const std::vector<float> raw = logits;
  const float penalty = static_cast<float>(options.repetition_penalty);
  for (int32_t id : history) logits[id] = raw[id] < 0 ? raw[id] * penalty : raw[id] / penalty;

  const size_t vocab = logits.size();
  std::vector<size_t> ranked(vocab);
  std::iota(ranked.begin(), ranked.end(), 0);
  std::stable_sort(ranked.begin(), ranked.end(), [&](size_t a, size_t b) { return logits[a] > logits[b]; });
  const double largest = logits[ranked[0]];
  Naive naive = {.weights = std::vector<double>(vocab), .borderline = std::vector<bool>(vocab)};
  const bool filtered = options.top_k > 0 && options.top_k < static_cast<int64_t>(vocab);
  double total = 0;
  for (size_t i = 0; i < vocab; ++i) {
    if (filtered && logits[i] < logits[ranked[options.top_k - 1]]) continue;
    naive.weights[i] = std::exp((logits[i] - largest) / options.temperature);
    total += naive.weights[i];
  }
  double before = 0;
  for (size_t id : ranked) {
    double& weight = naive.weights[id];
    const double reached = before / total;
    before += weight;
    if (options.top_p < 1 && std::abs(reached - options.top_p) < kRounding) naive.borderline[id] = true;
    // Except that the largest weigh exactly 1.
    if (weight != 1 && std::abs(weight - options.min_p) < kRounding * options.min_p) naive.borderline[id] = true;
    if ((options.top_p < 1 && reached >= options.top_p) || weight < options.min_p) weight = 0;
  }
  return naive;
}

// `kind` of logits by its number: random, nearly flat, flat beside large ones, peaked, tied, all equal, zeros of both
// signs, half removed, all but one removed, rising.
constexpr int kKinds = 10;
std::vector<float> LogitsOfKind(int kind, int64_t vocab, std::mt19937& random) {
  std::normal_distribution<float> normal;
  std::vector<float> logits(vocab);
  for (int64_t i = 0; i < vocab; ++i) {
    const float value = normal(random);
    switch (kind) {
      case 1:
        logits[i] = 0.01f * value;
        break;
      case 2:
        logits[i] = 20 + 0.001f * value;
        break;
      case 3:
        logits[i] = 30 * value;
        break;
      case 4:
        logits[i] = std::round(value);
        break;
      case 5:
        logits[i] = -2.5f;
        break;
      case 6:
        logits[i] = value < 0 ? -0.0f : value < 1 ? 0.0f : -1.0f;
        break;
      case 7:
        logits[i] = value < 0 && i > 0 ? kRemoved : 3 * value;
        break;
      case 8:
        logits[i] = i == vocab / 2 ? -7 : kRemoved;
        break;
      case 9:
        logits[i] = static_cast<float>(i) * 1e-3f;
        break;
      default:
        logits[i] = 3 * value;
    }
  }
  return logits;
}

template <typename T, size_t n>
T Any(const T (&values)[n], std::mt19937& random) {
  return values[random() % n];
}

TEST(SamplerFilterTest, DistributionsEqualTheDefinitions) {
  constexpr uint32_t kSeed = 5;
  std::mt19937 random(kSeed);
  int64_t tokens = 0, borderline = 0;
  for (const int64_t vocab : {1, 2, 17, 129, 3000, 50257}) {
    for (int kind = 0; kind < kKinds; ++kind) {
      const std::vector<float> logits = LogitsOfKind(kind, vocab, random);
      for (int repeat = 0; repeat < 16; ++repeat) {
        const SamplingOptions options = {.repetition_penalty = Any({1.0, 1.0, 1.2, 0.8}, random),
                                         .temperature = Any({0.1, 0.8, 1.0, 3.0}, random),
                                         .top_k = Any({0, 0, 1, 2, 50, 700, 40000}, random),
                                         .top_p = Any({1.0, 0.999, 0.9, 0.5, 0.05}, random),
                                         .min_p = Any({0.0, 0.0, 0.05, 0.9, 1.0}, random)};
        std::vector<int32_t> history(random() % 40);
        for (int32_t& id : history) id = static_cast<int32_t>(random() % vocab);
        SCOPED_TRACE(testing::Message() << "seed " << kSeed << " vocab " << vocab << " kind " << kind << " penalty "
                                        << options.repetition_penalty << " temperature " << options.temperature
                                        << " top_k " << options.top_k << " top_p " << options.top_p << " min_p "
                                        << options.min_p);

        const std::vector<double> actual = DistributionOf(options, logits, history);
        const Naive naive = NaiveWeights(options, logits, history);

        double sum = 0;  // Of what is kept, borderline tokens by the sampler's choice.
        std::vector<double> kept = naive.weights;
        for (int64_t i = 0; i < vocab; ++i) {
          ++tokens;
          borderline += naive.borderline[i] ? 1 : 0;
          if (naive.borderline[i] && actual[i] == 0) kept[i] = 0;
          sum += kept[i];
        }
        int64_t wrong = 0;
        for (int64_t i = 0; i < vocab; ++i) {
          const double probability = kept[i] / sum;
          const bool same = std::abs(actual[i] - probability) <= Tolerance(probability);
          const bool chosen = naive.borderline[i] && kept[i] == 0;
          if (!same && !chosen) ++wrong;
          if ((actual[i] > 0) != (kept[i] > 0) && kept[i] > 1e-12 && !chosen) ++wrong;
        }
        EXPECT_EQ(wrong, 0);
      }
    }
  }
  EXPECT_LT(borderline, tokens / 1000);  // What is excused stays rare.
}

}  // namespace
}  // namespace metronome::runtime
