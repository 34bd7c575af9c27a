#include "compiler/frontend/rope.h"

#include <cmath>

#include "gtest/gtest.h"

namespace metronome::compiler {
namespace {

// Reference values are those of the reference implementation in float32; its powf may differ from ours in the last
// place, hence 1e-6 of relative error (8 units in the last place).
void ExpectFrequency(const RopeConfig& rope, int64_t head_dim, size_t index, double expected) {
  const std::vector<double> frequencies = InverseFrequencies(rope, head_dim);
  ASSERT_EQ(frequencies.size(), static_cast<size_t>(head_dim / 2));
  EXPECT_NEAR(frequencies[index] / expected, 1, 1e-6) << "index " << index;
}

TEST(RopeTest, PlainFrequenciesFallGeometrically) {
  ExpectFrequency({.theta = 5e5}, 128, 0, 1.0);
  ExpectFrequency({.theta = 5e5}, 128, 1, 0.8146172165870667);
  ExpectFrequency({.theta = 5e5}, 128, 63, 2.4551407022954663e-06);
}

TEST(RopeTest, LinearScalingDividesEveryFrequency) {
  const RopeConfig rope = {.theta = 1e6, .scaling = RopeConfig::Scaling::kLinear, .factor = 8};

  ExpectFrequency(rope, 256, 0, 0.125);
  ExpectFrequency(rope, 256, 64, 0.0001250000059371814);
  ExpectFrequency(rope, 256, 127, 1.3924673680776323e-07);
}

// Llama 3.2: short wavelengths stay, long ones are divided by 32, those between are blended.
TEST(RopeTest, Llama3ScalingBlendsBetweenTheBounds) {
  const RopeConfig rope = {.theta = 5e5,
                           .scaling = RopeConfig::Scaling::kLlama3,
                           .factor = 32,
                           .low_freq_factor = 1,
                           .high_freq_factor = 4,
                           .original_max_position_embeddings = 8192};

  ExpectFrequency(rope, 64, 1, 0.663601279258728);
  ExpectFrequency(rope, 64, 16, 0.000429556705057621);
  ExpectFrequency(rope, 64, 31, 9.418306490260875e-08);
}

}  // namespace
}  // namespace metronome::compiler
