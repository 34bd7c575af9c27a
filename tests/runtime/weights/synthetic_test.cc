#include "runtime/weights/synthetic.h"

#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::runtime {
namespace {

std::vector<float> Generate(uint64_t key, const SyntheticRange& range, int64_t begin, int64_t end) {
  std::vector<float> values(static_cast<size_t>(end - begin));
  FillSynthetic(key, range, kernels::DType::kFloat32, begin, end, values.data());
  return values;
}

TEST(SyntheticTest, AnySplitGivesTheSameValues) {
  const uint64_t key = SyntheticKey(42, "layers.3.mlp.up_proj.weight");
  const std::vector<float> whole = Generate(key, {}, 0, 1000);

  for (int64_t split : {1, 2, 3, 5, 499, 998}) {
    std::vector<float> parts = Generate(key, {}, 0, split);
    const std::vector<float> rest = Generate(key, {}, split, 1000);
    parts.insert(parts.end(), rest.begin(), rest.end());
    EXPECT_EQ(parts, whole) << "split at " << split;
  }
}

TEST(SyntheticTest, SeedAndNameDecideTheValues) {
  const std::vector<float> values = Generate(SyntheticKey(1, "w"), {}, 0, 4);

  EXPECT_EQ(values, Generate(SyntheticKey(1, "w"), {}, 0, 4));
  EXPECT_NE(values, Generate(SyntheticKey(2, "w"), {}, 0, 4));
  EXPECT_NE(values, Generate(SyntheticKey(1, "v"), {}, 0, 4));
}

// 1e6 uniform samples: mean within 5 standard errors (w / sqrt(3) / 1000), variance w^2 / 3 within 1%.
TEST(SyntheticTest, ValuesAreUniformInTheirRange) {
  const std::vector<float> values = Generate(SyntheticKey(3, "x"), {.mean = 2, .half_width = 0.5f}, 0, 1000000);
  double sum = 0, squares = 0;
  for (float value : values) {
    ASSERT_GE(value, 1.5f);
    ASSERT_LE(value, 2.5f);
    sum += value - 2.0;
    squares += (value - 2.0) * (value - 2.0);
  }
  EXPECT_NEAR(sum / 1e6, 0, 5 * 0.5 / std::sqrt(3.0) / 1000);
  EXPECT_NEAR(squares / 1e6 / (0.25 / 3), 1, 0.01);
}

TEST(SyntheticTest, NarrowTypesHoldTheRoundedValues) {
  const uint64_t key = SyntheticKey(5, "y");
  const std::vector<float> exact = Generate(key, {}, 3, 30);
  std::vector<kernels::BFloat16> bf16(27);
  std::vector<kernels::Float16> f16(27);
  FillSynthetic(key, {}, kernels::DType::kBFloat16, 3, 30, bf16.data());
  FillSynthetic(key, {}, kernels::DType::kFloat16, 3, 30, f16.data());
  for (size_t i = 0; i < exact.size(); ++i) {
    EXPECT_EQ(bf16[i].bits, kernels::BFloat16(exact[i]).bits);
    EXPECT_EQ(f16[i].bits, kernels::Float16(exact[i]).bits);
  }
}

TEST(SyntheticTest, RangesKeepActivationsBounded) {
  EXPECT_NEAR(SyntheticRangeFor(WeightInit::kMatrix, {64, 300}).half_width, std::sqrt(3.0 / 300), 1e-6);
  EXPECT_EQ(SyntheticRangeFor(WeightInit::kOnes, {64}).mean, 1);
  EXPECT_EQ(SyntheticRangeFor(WeightInit::kZeros, {64}).mean, 0);
}

}  // namespace
}  // namespace metronome::runtime
