#include "runtime/sampling/passes.h"

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "kernels/interface/token_arithmetic.h"
#include "runtime/sampling/selection.h"

namespace metronome::runtime {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> RandomLogits(int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 5);
  std::vector<float> logits(count);
  for (float& logit : logits) logit = normal(random);
  return logits;
}

float Largest(const std::vector<float>& logits) { return *std::max_element(logits.begin(), logits.end()); }

// Two units in the last place of a float are at most 2^-22 of it.
TEST(ExpTest, IsWithinTwoUnitsInTheLastPlace) {
  double worst = 0;
  for (uint32_t bits = std::bit_cast<uint32_t>(-1e-10f); std::bit_cast<float>(bits) >= -87; bits += 101) {
    const float x = std::bit_cast<float>(bits);
    const double exact = std::exp(static_cast<double>(x));
    worst = std::max(worst, std::abs(kernels::ExpOfNonPositive(x) - exact) / exact);
  }
  EXPECT_LT(worst, 0x1p-22);
}

TEST(ExpTest, EndsAreExactAndNormal) {
  EXPECT_EQ(kernels::ExpOfNonPositive(0), 1);
  EXPECT_EQ(kernels::ExpOfNonPositive(-0.0f), 1);
  EXPECT_EQ(kernels::ExpOfNonPositive(-kInfinity), kernels::ExpOfNonPositive(-87));
  EXPECT_TRUE(std::isnormal(kernels::ExpOfNonPositive(-kInfinity)));
}

TEST(ExpTest, FixedPointRoundsToNearest) {
  EXPECT_EQ(kernels::FixedPoint(1), uint64_t{1} << 42);
  EXPECT_EQ(kernels::FixedPoint(0), 0u);
  EXPECT_EQ(kernels::FixedPoint(0x1p-42f), 1u);
  EXPECT_EQ(kernels::FixedPoint(0x1.8p-43f), 1u);
  EXPECT_EQ(kernels::FixedPoint(0x1p-44f), 0u);
}

// The widest vectors of this machine, their remainders included, beside one element at a time.
TEST(PassesTest, VectorsGiveTheBitsOfSingleElements) {
  for (const int64_t count : {1, 2, 7, 15, 16, 17, 127, 128, 129, 1000, 50257}) {
    const std::vector<float> logits = RandomLogits(count, 3);
    const float largest = Largest(logits);
    const double inverse = 1 / 0.7;
    std::vector<float> weights(count);

    ExpWeights(logits, largest, inverse, absl::MakeSpan(weights));

    uint64_t sum = 0, exp_sum = 0;
    for (int64_t i = 0; i < count; ++i) {
      const double scaled = (static_cast<double>(logits[i]) - largest) * inverse;
      ASSERT_EQ(std::bit_cast<uint32_t>(weights[i]),
                std::bit_cast<uint32_t>(kernels::ExpOfNonPositive(static_cast<float>(scaled))))
          << count << " " << i;
      sum += kernels::FixedPoint(weights[i]);
      exp_sum += kernels::FixedPoint(kernels::ExpOfNonPositive(logits[i] - largest));
    }
    EXPECT_EQ(SumWeights(weights), sum) << count;
    EXPECT_EQ(ExpSum(logits, largest), exp_sum) << count;
  }
}

TEST(PassesTest, BlockLargestAreThoseOfTheirBlocks) {
  for (const int64_t count : {1, 127, 128, 129, 300}) {
    std::vector<float> logits = RandomLogits(count, 4);
    logits[0] = -kInfinity;
    std::vector<float> largest(LogitBlocks(count));

    ASSERT_TRUE(FindBlockLargest(logits, absl::MakeSpan(largest)));

    for (size_t block = 0; block < largest.size(); ++block) {
      const auto begin = logits.begin() + static_cast<int64_t>(block) * kLogitBlock;
      const auto end = std::min(begin + kLogitBlock, logits.end());
      EXPECT_EQ(largest[block], *std::max_element(begin, end)) << count;
    }
  }
}

TEST(PassesTest, EveryNanIsFound) {
  std::vector<float> logits = RandomLogits(150, 5), largest(LogitBlocks(150));
  logits[9] = kInfinity;
  for (const float nan : {std::nanf(""), -std::nanf("")}) {
    for (size_t at = 0; at < logits.size(); ++at) {
      const float logit = std::exchange(logits[at], nan);
      EXPECT_FALSE(FindBlockLargest(logits, absl::MakeSpan(largest))) << at;
      logits[at] = logit;
    }
  }
  EXPECT_TRUE(FindBlockLargest(logits, absl::MakeSpan(largest)));
}

// Few and many logits of each rank, so that every way of finding it is taken: rounded ones are mostly ties.
TEST(SelectionTest, KthLargestIsThatOfTheSortedLogits) {
  Selection selection;
  for (const int64_t count : {1, 2, 17, 2000, 40000}) {
    for (const bool tied : {false, true}) {
      std::vector<float> logits = RandomLogits(count, 6);
      if (tied) std::for_each(logits.begin(), logits.end(), [](float& logit) { logit = std::round(logit / 4); });
      std::vector<float> block_largest(LogitBlocks(count)), sorted = logits;
      ASSERT_TRUE(FindBlockLargest(logits, absl::MakeSpan(block_largest)));
      std::sort(sorted.begin(), sorted.end(), std::greater<float>());
      for (const int64_t k : {1, 2, 3, 5, 17, 39, 40, 500, 2000, 20000, 40000}) {
        if (k > count) continue;
        EXPECT_EQ(selection.KthLargest(logits, block_largest, k), sorted[k - 1]) << count << " " << k << " " << tied;
      }
    }
  }
}

TEST(SelectionTest, CrossingIsTheFirstInRankOrderToReachTheTarget) {
  Selection selection;
  for (const int64_t count : {1, 5, 3000, 30000}) {
    for (const float step : {1e-6f, 1.0f}) {
      std::vector<float> logits = RandomLogits(count, 7), weights(count);
      for (float& logit : logits) logit = std::round(logit / step) * step;
      ExpWeights(logits, Largest(logits), 1, absl::MakeSpan(weights));
      std::vector<int64_t> ranked(count);
      for (int64_t i = 0; i < count; ++i) ranked[i] = i;
      std::stable_sort(ranked.begin(), ranked.end(), [&](int64_t a, int64_t b) { return logits[a] > logits[b]; });
      uint64_t reached = 0;
      for (int64_t rank = 0; rank < count; rank += 1 + rank / 2) {
        reached = 0;
        for (int64_t i = 0; i <= rank; ++i) reached += kernels::FixedPoint(weights[ranked[i]]);
        EXPECT_EQ(selection.Crossing(logits, weights, reached), ranked[rank]) << count << " " << rank;
        if (reached < SumWeights(weights) && kernels::FixedPoint(weights[ranked[rank + 1]]) > 0) {
          EXPECT_EQ(selection.Crossing(logits, weights, reached + 1), ranked[rank + 1]) << count << " " << rank;
        }
      }
    }
  }
}

}  // namespace
}  // namespace metronome::runtime
