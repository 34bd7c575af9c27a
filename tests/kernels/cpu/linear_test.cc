#include <cmath>
#include <limits>

#include "tests/kernels/cpu/kernel_test.h"

namespace metronome::testing {
namespace {

class LinearTest : public KernelTest {};
METRONOME_TEST_ALL_VARIANTS(LinearTest);

struct Problem {
  DType dtype;
  int64_t m, n, k;
  bool bias = false, residual = false, wide_output = false;
};

struct Operands {
  std::vector<HostTensor> inputs;
  HostTensor output;
  Attributes attributes;
};

Operands Make(const Problem& p, uint64_t seed) {
  Operands operands = {
      {HostTensor::Random(p.dtype, {p.m, p.k}, seed), HostTensor::Random(p.dtype, {p.n, p.k}, seed + 1)},
      HostTensor(p.wide_output ? DType::kFloat32 : p.dtype, {p.m, p.n}),
      {{"has_bias", int64_t{p.bias}}, {"has_residual", int64_t{p.residual}}}};
  if (p.bias) operands.inputs.push_back(HostTensor::Random(p.dtype, {p.n}, seed + 2));
  if (p.residual) operands.inputs.push_back(HostTensor::Random(p.dtype, {p.m, p.n}, seed + 3));
  return operands;
}

// Compares with sums in float64. Float32 additions each round to 2^-24 of the running sum, which is at most the sum of
// magnitudes; over k additions those errors add up like a random walk, so 4 sqrt(k) of them have ample margin and a
// single missing or doubled term still shows.
void ExpectProduct(const Problem& p, const Operands& operands) {
  const std::vector<double> x = operands.inputs[0].Values(), w = operands.inputs[1].Values();
  std::vector<double> want, error;
  for (int64_t i = 0; i < p.m; ++i) {
    for (int64_t j = 0; j < p.n; ++j) {
      double sum = 0, magnitude = 0;
      const auto add = [&](double term) {
        sum += term;
        magnitude += std::abs(term);
      };
      for (int64_t l = 0; l < p.k; ++l) add(x[i * p.k + l] * w[j * p.k + l]);
      if (p.bias) add(operands.inputs[2].At(j));
      if (p.residual) add(operands.inputs.back().At(i * p.n + j));
      want.push_back(sum);
      error.push_back((4 * std::sqrt(static_cast<double>(p.k)) + 4) * 0x1p-24 * magnitude);
    }
  }
  ExpectClose(operands.output, want, error);
}

std::string Describe(const Problem& p) {
  return std::string(Name(p.dtype)) + " m " + std::to_string(p.m) + " n " + std::to_string(p.n) + " k " +
         std::to_string(p.k);
}

// All operand combinations at sizes around the vector widths and the row tiles.
TEST_P(LinearTest, FewRowsMatchFloat64) {
  for (const DType dtype : kFloats) {
    for (const int64_t m : {1, 2, 3, 4, 5, 6, 7, 8, 9}) {
      for (const auto& [n, k] :
           {std::pair<int64_t, int64_t>{1, 1}, {1, 63}, {7, 16}, {9, 31}, {13, 33}, {66, 129}, {131, 47}}) {
        const int mode = static_cast<int>(m + n + k) % 8;
        const Problem p = {dtype, m, n, k, (mode & 1) != 0, (mode & 2) != 0, (mode & 4) != 0};
        SCOPED_TRACE(Describe(p) + " mode " + std::to_string(mode));
        const Operands operands = Make(p, 51);
        ASSERT_TRUE(Run("linear", operands.inputs, operands.output, operands.attributes).ok());
        ExpectProduct(p, operands);
      }
    }
  }
}

TEST_P(LinearTest, EveryEpilogueAtOneAndManyRows) {
  for (const DType dtype : kFloats) {
    for (const int64_t m : {1, 4, 17}) {
      for (int mode = 0; mode < 8; ++mode) {
        const Problem p = {dtype, m, 75, 80, (mode & 1) != 0, (mode & 2) != 0, (mode & 4) != 0};
        SCOPED_TRACE(Describe(p) + " mode " + std::to_string(mode));
        const Operands operands = Make(p, 52);
        ASSERT_TRUE(Run("linear", operands.inputs, operands.output, operands.attributes).ok());
        ExpectProduct(p, operands);
      }
    }
  }
}

TEST_P(LinearTest, ManyRowsMatchFloat64) {
  for (const DType dtype : kFloats) {
    for (const Problem& p : {Problem{dtype, 33, 1, 129}, Problem{dtype, 33, 70, 257, true, true, true},
                             Problem{dtype, 256, 65, 96, false, true}, Problem{dtype, 16, 130, 33, false, false, true},
                             Problem{dtype, 12, 64, 1, false, false, true}, Problem{dtype, 64, 128, 64}}) {
      SCOPED_TRACE(Describe(p));
      const Operands operands = Make(p, 53);
      ASSERT_TRUE(Run("linear", operands.inputs, operands.output, operands.attributes).ok());
      ExpectProduct(p, operands);
    }
  }
}

// Long rows: prefetches and unrolled loops run far past the end of the last row, which lies against an unmapped page.
TEST_P(LinearTest, LongRowsMatchFloat64) {
  for (const DType dtype : kFloats) {
    for (const int64_t m : {1, 5, 40}) {
      const Problem p = {dtype, m, 24, 8191, false, false, true};
      SCOPED_TRACE(Describe(p));
      const Operands operands = Make(p, 54);
      ASSERT_TRUE(Run("linear", operands.inputs, operands.output, operands.attributes).ok());
      ExpectProduct(p, operands);
    }
  }
}

TEST_P(LinearTest, EmptySizes) {
  for (const DType dtype : kFloats) {
    for (const Problem& p : {Problem{dtype, 0, 5, 7}, Problem{dtype, 3, 0, 7}, Problem{dtype, 3, 5, 0, true, true},
                             Problem{dtype, 9, 5, 0, true}, Problem{dtype, 9, 5, 0}}) {
      SCOPED_TRACE(Describe(p));
      const Operands operands = Make(p, 55);
      ASSERT_TRUE(Run("linear", operands.inputs, operands.output, operands.attributes).ok());
      ExpectProduct(p, operands);
    }
  }
}

// A NaN in a row of x reaches that row of y only; one in a row of w, that column only. 0 * infinity is NaN.
TEST_P(LinearTest, NanAndInfinityStayInTheirRowAndColumn) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInf = std::numeric_limits<double>::infinity();
  for (const DType dtype : kFloats) {
    for (const int64_t m : {2, 12}) {
      for (const int64_t k : {5, 64, 83}) {
        const Problem p = {dtype, m, 21, k};
        SCOPED_TRACE(Describe(p));
        Operands operands = Make(p, 56);
        operands.inputs[0].Set(1 * k + k - 1, kNan);
        operands.inputs[1].Set(7 * k + 2, kNan);
        operands.inputs[0].Set(0 * k + 3, 0);
        operands.inputs[1].Set(20 * k + 3, kInf);
        ASSERT_TRUE(Run("linear", operands.inputs, operands.output, operands.attributes).ok());
        for (int64_t i = 0; i < m; ++i) {
          for (int64_t j = 0; j < p.n; ++j) {
            const double y = operands.output.At(i * p.n + j);
            if (i == 1 || j == 7 || (i == 0 && j == 20)) {
              EXPECT_TRUE(std::isnan(y)) << i << ", " << j;
            } else if (j == 20) {
              EXPECT_EQ(y, operands.inputs[0].At(i * k + 3) > 0 ? kInf : -kInf) << i;
            } else {
              EXPECT_TRUE(std::isfinite(y)) << i << ", " << j;
            }
          }
        }
      }
    }
  }
}

// float16 overflows to infinity where the sum does, not where a partial sum would have.
TEST_P(LinearTest, AccumulatesWiderThanFloat16) {
  for (const int64_t m : {1, 8}) {
    const HostTensor x = HostTensor::Of(DType::kFloat16, {m, 4}, {300, 300, 300, 300}),
                     w = HostTensor::Of(DType::kFloat16, {2, 4}, {300, 300, -300, -299, 300, 300, 300, 300}),
                     y(DType::kFloat16, {m, 2});
    ASSERT_TRUE(Run("linear", {x, w}, y, {{"has_bias", int64_t{0}}, {"has_residual", int64_t{0}}}).ok());
    EXPECT_EQ(y.At(0), 300);
    EXPECT_EQ(y.At(1), std::numeric_limits<double>::infinity());
  }
}

TEST_P(LinearTest, RepeatedRunsAreBitIdentical) {
  for (const DType dtype : kFloats) {
    for (const int64_t m : {1, 3, 48}) {
      const Problem p = {dtype, m, 517, 301, true, true};
      SCOPED_TRACE(Describe(p));
      const Operands operands = Make(p, 57);
      ASSERT_TRUE(Run("linear", operands.inputs, operands.output, operands.attributes).ok());
      for (int repeat = 0; repeat < 5; ++repeat) {
        const HostTensor again(dtype, {m, p.n});
        ASSERT_TRUE(Run("linear", operands.inputs, again, operands.attributes).ok());
        EXPECT_TRUE(again.SameBytes(operands.output));
      }
    }
  }
}

// The residual may be the output, as the lowering aliases it.
TEST_P(LinearTest, ResidualMayAliasTheOutput) {
  for (const int64_t m : {1, 20}) {
    const Problem p = {DType::kBFloat16, m, 130, 65, false, true};
    Operands operands = Make(p, 58);
    ASSERT_TRUE(Run("linear", operands.inputs, operands.output, operands.attributes).ok());
    const HostTensor& residual = operands.inputs.back();
    ASSERT_TRUE(Run("linear", operands.inputs, residual, operands.attributes).ok());
    EXPECT_TRUE(residual.SameBytes(operands.output));
  }
}

}  // namespace
}  // namespace metronome::testing
