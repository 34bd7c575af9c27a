#include <cmath>
#include <limits>

#include "tests/kernels/support/kernel_test.h"

namespace metronome::testing {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kFloatUnit = 0x1p-24;

class AttentionTest : public KernelTest {};
METRONOME_TEST_ALL_VARIANTS(AttentionTest);

struct Problem {
  int64_t n, kv, heads, kv_heads, d, dv, window = 0;
};

std::string Describe(kernels::DType dtype, const Problem& p) {
  return std::string(kernels::Name(dtype)) + " n " + std::to_string(p.n) + " kv " + std::to_string(p.kv) + " heads " +
         std::to_string(p.heads) + "/" + std::to_string(p.kv_heads) + " d " + std::to_string(p.d) + " dv " +
         std::to_string(p.dv) + " window " + std::to_string(p.window);
}

std::vector<HostTensor> Make(kernels::DType dtype, const Problem& p) {
  return {HostTensor::Random(dtype, {p.n, p.heads, p.d}, 71, -2, 2),
          HostTensor::Random(dtype, {p.kv, p.kv_heads, p.d}, 72, -2, 2),
          HostTensor::Random(dtype, {p.kv, p.kv_heads, p.dv}, 73)};
}

kernels::Attributes AttributesOf(const Problem& p) {
  return {{"scale", 1 / std::sqrt(static_cast<double>(p.d))}, {"window", p.window}};
}

// Straight from the definition, in float64. Float32 errors: a score is a sum of d products, so it is off by a few
// sqrt(d) units of their magnitudes; that shifts each weight's exponent, and the mix and the sum of weights add a few
// sqrt(kv) units of the largest value mixed.
void ExpectAttention(const Problem& p, const std::vector<HostTensor>& inputs, const HostTensor& y) {
  const std::vector<double> q = inputs[0].Values(), k = inputs[1].Values(), v = inputs[2].Values();
  const double scale = 1 / std::sqrt(static_cast<double>(p.d));
  std::vector<double> want, error, weights;
  for (int64_t row = 0; row < p.n; ++row) {
    const int64_t last = p.kv - p.n + row, first = p.window > 0 ? std::max<int64_t>(0, last - p.window + 1) : 0;
    for (int64_t head = 0; head < p.heads; ++head) {
      const int64_t kv_head = head * p.kv_heads / p.heads;
      double largest = -kInf, total = 0, score_error = 0, value_bound = 0;
      weights.assign(static_cast<size_t>(p.kv), 0);
      for (int64_t j = first; j <= last; ++j) {
        double score = 0, magnitude = 0;
        for (int64_t i = 0; i < p.d; ++i) {
          const double term = q[(row * p.heads + head) * p.d + i] * k[(j * p.kv_heads + kv_head) * p.d + i] * scale;
          score += term;
          magnitude += std::abs(term);
        }
        weights[j] = score;
        largest = std::max(largest, score);
        score_error = std::max(score_error, (4 * std::sqrt(static_cast<double>(p.d)) + 8) * kFloatUnit * magnitude);
      }
      for (int64_t j = first; j <= last; ++j) total += weights[j] = std::exp(weights[j] - largest);
      for (int64_t i = 0; i < p.dv; ++i) {
        double mixed = 0;
        for (int64_t j = first; j <= last; ++j) {
          const double value = v[(j * p.kv_heads + kv_head) * p.dv + i];
          mixed += weights[j] / total * value;
          value_bound = std::max(value_bound, std::abs(value));
        }
        want.push_back(mixed);
        error.push_back((2 * score_error + (4 * std::sqrt(static_cast<double>(p.kv)) + 16) * kFloatUnit) * value_bound);
      }
    }
  }
  ExpectClose(y, want, error);
}

const Problem kDecode[] = {
    {1, 1, 1, 1, 64, 64},     {1, 2, 2, 1, 64, 64},        {1, 63, 6, 1, 64, 64},         {1, 65, 8, 1, 128, 128},
    {1, 200, 4, 4, 16, 24},   {1, 517, 6, 3, 80, 80},      {1, 1030, 8, 2, 64, 64},       {1, 300, 2, 1, 256, 256},
    {1, 130, 1, 1, 512, 512}, {1, 70, 3, 3, 5, 7},         {1, 1030, 4, 1, 64, 64, 100},  {1, 50, 4, 1, 64, 64, 512},
    {1, 50, 4, 1, 64, 64, 1}, {1, 900, 2, 2, 33, 17, 257}, {1, 3001, 2, 1, 64, 64},       {1, 1, 8, 1, 256, 256},
    {1, 7, 7, 1, 64, 128},    {1, 601, 5, 1, 128, 96},     {1, 777, 6, 2, 96, 32},        {1, 545, 3, 1, 32, 64},
    {1, 1100, 17, 1, 64, 64}, {1, 640, 24, 2, 160, 160},   {1, 1057, 16, 8, 64, 64, 523},
};
const Problem kPrefill[] = {
    {2, 2, 1, 1, 64, 64},        {3, 3, 6, 1, 64, 64},      {5, 5, 8, 1, 16, 16},      {7, 90, 4, 2, 64, 64},
    {33, 33, 6, 3, 20, 12},      {70, 70, 2, 2, 64, 64, 9}, {64, 130, 2, 1, 128, 128}, {17, 300, 8, 1, 32, 32, 64},
    {9, 40, 2, 1, 64, 64, 1000}, {130, 131, 1, 1, 8, 8, 1},
};

TEST_P(AttentionTest, DecodeMatchesFloat64) {
  for (const kernels::DType dtype : kFloats) {
    for (const Problem& p : kDecode) {
      SCOPED_TRACE(Describe(dtype, p));
      const std::vector<HostTensor> inputs = Make(dtype, p);
      const HostTensor y(dtype, {p.n, p.heads, p.dv});
      ASSERT_TRUE(Run("attention", inputs, y, AttributesOf(p)).ok());
      ExpectAttention(p, inputs, y);
    }
  }
}

TEST_P(AttentionTest, PrefillMatchesFloat64) {
  for (const kernels::DType dtype : kFloats) {
    for (const Problem& p : kPrefill) {
      SCOPED_TRACE(Describe(dtype, p));
      const std::vector<HostTensor> inputs = Make(dtype, p);
      const HostTensor y(dtype, {p.n, p.heads, p.dv});
      ASSERT_TRUE(Run("attention", inputs, y, AttributesOf(p)).ok());
      ExpectAttention(p, inputs, y);
    }
  }
}

// What a row may not see must not reach it, whatever it holds: later positions, and those that left the window.
TEST_P(AttentionTest, PoisonOutsideTheMaskDoesNotLeak) {
  for (const kernels::DType dtype : kFloats) {
    for (const double poison : {kNan, kInf}) {
      for (const bool in_keys : {false, true}) {
        const Problem p = {6, 140, 4, 2, 40, 40, 20};
        SCOPED_TRACE(Describe(dtype, p) + (in_keys ? " keys" : " values"));
        std::vector<HostTensor> inputs = Make(dtype, p);
        // Rows stand at positions 134 to 139 and see 20: row 2 sees [117, 136].
        HostTensor& target = inputs[in_keys ? 1 : 2];
        for (const int64_t position : {116, 137}) {
          for (int64_t i = 0; i < p.kv_heads * p.d; ++i) target.Set(position * p.kv_heads * p.d + i, poison);
        }
        const HostTensor y(dtype, {p.n, p.heads, p.dv});
        ASSERT_TRUE(Run("attention", inputs, y, AttributesOf(p)).ok());
        for (int64_t i = 0; i < y.elements(); ++i) {
          const int64_t row = i / (p.heads * p.dv);
          const bool sees_poison = row < 2 || row > 2;  // 116 in [115, 134] and [116, 135]; 137 in every later row.
          if (!sees_poison) {
            ASSERT_TRUE(std::isfinite(y.At(i))) << "element " << i;
          }
          if (sees_poison && !in_keys) {
            ASSERT_FALSE(std::isfinite(y.At(i))) << "element " << i;
          }
        }
      }
    }
  }
}

// A decode step of heads that a vector shares, whose positions end within one.
TEST_P(AttentionTest, PoisonBesideTheWindowOfADecodeStepDoesNotLeak) {
  for (const kernels::DType dtype : kFloats) {
    for (const double poison : {kNan, kInf}) {
      const Problem p = {1, 700, 6, 2, 64, 64, 597};
      SCOPED_TRACE(Describe(dtype, p));
      std::vector<HostTensor> inputs = Make(dtype, p);
      for (int64_t i = 0; i < (p.kv - p.window) * p.kv_heads * p.d; ++i) {
        inputs[1].Set(i, poison);
        inputs[2].Set(i, poison);
      }
      const HostTensor y(dtype, {p.n, p.heads, p.dv});
      ASSERT_TRUE(Run("attention", inputs, y, AttributesOf(p)).ok());
      for (int64_t i = 0; i < y.elements(); ++i) ASSERT_TRUE(std::isfinite(y.At(i))) << "element " << i;
      // What it does see shows: a value that is NaN in its column, a key in all of its head.
      inputs[2].Set((p.kv - 1) * p.kv_heads * p.dv + 3, kNan);
      inputs[1].Set((p.kv - 2) * p.kv_heads * p.d + p.d, kNan);
      ASSERT_TRUE(Run("attention", inputs, y, AttributesOf(p)).ok());
      for (int64_t i = 0; i < y.elements(); ++i) {
        const bool sees_key = i / p.dv >= p.heads / p.kv_heads, sees_value = !sees_key && i % p.dv == 3;
        ASSERT_EQ(std::isnan(y.At(i)), sees_key || sees_value) << "element " << i;
      }
    }
  }
}

// Scores far apart: the weights of the past underflow, and nothing overflows.
TEST_P(AttentionTest, ExtremeScoresPickTheLargest) {
  const Problem p = {1, 400, 1, 1, 8, 8};
  std::vector<HostTensor> inputs = Make(kernels::DType::kFloat32, p);
  for (int64_t i = 0; i < 8; ++i) inputs[0].Set(i, 1e4);
  for (int64_t i = 0; i < 400 * 8; ++i) inputs[1].Set(i, i / 8 == 137 ? 100.0 : -100.0);
  const HostTensor y(kernels::DType::kFloat32, {1, 1, 8});
  ASSERT_TRUE(Run("attention", inputs, y, AttributesOf(p)).ok());
  for (int64_t i = 0; i < 8; ++i) EXPECT_EQ(y.At(i), inputs[2].At(137 * 8 + i));
}

TEST_P(AttentionTest, RepeatedRunsAreBitIdentical) {
  for (const Problem& p : {Problem{1, 2100, 8, 2, 64, 64}, Problem{37, 500, 4, 2, 64, 64}}) {
    const std::vector<HostTensor> inputs = Make(kernels::DType::kBFloat16, p);
    const HostTensor first(kernels::DType::kBFloat16, {p.n, p.heads, p.dv});
    ASSERT_TRUE(Run("attention", inputs, first, AttributesOf(p)).ok());
    for (int repeat = 0; repeat < 5; ++repeat) {
      const HostTensor again(kernels::DType::kBFloat16, {p.n, p.heads, p.dv});
      ASSERT_TRUE(Run("attention", inputs, again, AttributesOf(p)).ok());
      EXPECT_TRUE(again.SameBytes(first));
    }
  }
}

TEST_P(AttentionTest, TuningKeepsTheResult) {
  const kernels::Kernel* const kernel = backend().FindKernel("attention").value();
  for (const kernels::DType dtype : kFloats)
    for (const Problem& p :
         {Problem{1, 700, 6, 3, 24, 24}, Problem{1, 1100, 12, 4, 64, 96}, Problem{19, 333, 4, 2, 16, 12, 90}}) {
      const std::vector<HostTensor> inputs = Make(dtype, p);
      const std::vector<kernels::TensorView> views = {inputs[0].View(), inputs[1].View(), inputs[2].View()};
      const HostTensor y(dtype, {p.n, p.heads, p.dv});
      const auto expect_result_with = [&](absl::string_view name, int64_t value) {
        SCOPED_TRACE(std::string(name) + " " + std::to_string(value));
        kernels::Attributes attributes = AttributesOf(p);
        attributes.Set(name, value);
        ASSERT_TRUE(Run("attention", inputs, y, attributes).ok());
        ExpectAttention(p, inputs, y);
      };
      for (const kernels::TuningParameter& parameter : backend().TuningSpace(*kernel, {.inputs = views})) {
        for (const int64_t value : parameter.values) expect_result_with(parameter.name, value);
      }
      for (const char* const name :
           {"tune_block", "tune_block_bytes", "tune_fetch", "tune_row_tile", "tune_min_split"}) {
        for (const int64_t value : {INT64_MIN, int64_t{0}, int64_t{1}, int64_t{17}, INT64_MAX})
          expect_result_with(name, value);
      }
    }
}

TEST_P(AttentionTest, NoQueriesIsANoOp) {
  const Problem p = {0, 9, 2, 1, 16, 16};
  const HostTensor y(kernels::DType::kFloat32, {0, 2, 16});
  EXPECT_TRUE(Run("attention", Make(kernels::DType::kFloat32, p), y, AttributesOf(p)).ok());
}

}  // namespace
}  // namespace metronome::testing
