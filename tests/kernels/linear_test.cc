#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "tests/kernels/support/kernel_test.h"

namespace metronome::testing {
namespace {

class LinearTest : public KernelTest {};
METRONOME_TEST_ALL_VARIANTS(LinearTest);

struct Problem {
  kernels::DType dtype;
  int64_t m, n, k;
  bool bias = false, residual = false, wide_output = false;
};

struct Operands {
  std::vector<HostTensor> inputs;
  HostTensor output;
  kernels::Attributes attributes;
};

Operands Make(const Problem& p, uint64_t seed) {
  Operands operands = {
      {HostTensor::Random(p.dtype, {p.m, p.k}, seed), HostTensor::Random(p.dtype, {p.n, p.k}, seed + 1)},
      HostTensor(p.wide_output ? kernels::DType::kFloat32 : p.dtype, {p.m, p.n}),
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
  return std::string(kernels::Name(p.dtype)) + " m " + std::to_string(p.m) + " n " + std::to_string(p.n) + " k " +
         std::to_string(p.k);
}

// All operand combinations at sizes around the vector widths and the row tiles.
TEST_P(LinearTest, FewRowsMatchFloat64) {
  for (const kernels::DType dtype : kFloats) {
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
  for (const kernels::DType dtype : kFloats) {
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
  for (const kernels::DType dtype : kFloats) {
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
  for (const kernels::DType dtype : kFloats) {
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
  for (const kernels::DType dtype : kFloats) {
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
  for (const kernels::DType dtype : kFloats) {
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
    const HostTensor x = HostTensor::Of(kernels::DType::kFloat16, {m, 4}, {300, 300, 300, 300}),
                     w = HostTensor::Of(kernels::DType::kFloat16, {2, 4}, {300, 300, -300, -299, 300, 300, 300, 300}),
                     y(kernels::DType::kFloat16, {m, 2});
    ASSERT_TRUE(Run("linear", {x, w}, y, {{"has_bias", int64_t{0}}, {"has_residual", int64_t{0}}}).ok());
    EXPECT_EQ(y.At(0), 300);
    EXPECT_EQ(y.At(1), std::numeric_limits<double>::infinity());
  }
}

TEST_P(LinearTest, RepeatedRunsAreBitIdentical) {
  for (const kernels::DType dtype : kFloats) {
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
    const Problem p = {kernels::DType::kBFloat16, m, 130, 65, false, true};
    Operands operands = Make(p, 58);
    ASSERT_TRUE(Run("linear", operands.inputs, operands.output, operands.attributes).ok());
    const HostTensor& residual = operands.inputs.back();
    ASSERT_TRUE(Run("linear", operands.inputs, residual, operands.attributes).ok());
    EXPECT_TRUE(residual.SameBytes(operands.output));
  }
}

double Activate(absl::string_view activation, double x) {
  if (activation == "silu") return x / (1 + std::exp(-x));
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

// The products alone, stored as float32, give what the fused kernels round and go on with.
class FusedLinearTest : public LinearTest {
 protected:
  HostTensor WideProduct(const HostTensor& x, const HostTensor& w, const HostTensor* bias = nullptr) {
    const HostTensor y(kernels::DType::kFloat32, {x.shape()[0], w.shape()[0]});
    std::vector<HostTensor> inputs = {x, w};
    if (bias != nullptr) inputs.push_back(*bias);
    const kernels::Attributes attributes = {{"has_bias", int64_t{bias != nullptr}}, {"has_residual", int64_t{0}}};
    EXPECT_TRUE(Run("linear", inputs, y, attributes).ok());
    return y;
  }
};
METRONOME_TEST_ALL_VARIANTS(FusedLinearTest);

TEST_P(FusedLinearTest, ActivationFollowsTheRoundedProduct) {
  for (const kernels::DType dtype : kFloats) {
    for (const char* const activation : {"silu", "gelu_tanh"}) {
      for (const auto& [m, n, k] : {std::array<int64_t, 3>{1, 75, 40}, {7, 130, 33}, {70, 65, 31}}) {
        SCOPED_TRACE(std::string(kernels::Name(dtype)) + " " + activation + " m " + std::to_string(m));
        const HostTensor x = HostTensor::Random(dtype, {m, k}, 61), w = HostTensor::Random(dtype, {n, k}, 62),
                         bias = HostTensor::Random(dtype, {n}, 63), y(dtype, {m, n});
        const HostTensor wide = WideProduct(x, w, &bias);
        std::vector<double> want, error;
        for (int64_t i = 0; i < y.elements(); ++i) {
          want.push_back(Activate(activation, RoundTo(dtype, wide.At(i))));
          error.push_back(32 * 0x1p-24 * (1 + std::abs(want.back())));
        }
        ASSERT_TRUE(
            Run("linear", {x, w, bias}, y,
                {{"has_bias", int64_t{1}}, {"has_residual", int64_t{0}}, {"activation", std::string(activation)}})
                .ok());
        ExpectClose(y, want, error);
      }
    }
  }
}

TEST_P(FusedLinearTest, GroupsAreTheirProducts) {
  for (const kernels::DType dtype : kFloats) {
    for (const int64_t m : {1, 3, 6, 21, 70}) {
      for (const bool has_bias : {false, true}) {
        constexpr int64_t kInner = 45;
        const std::vector<int64_t> columns = {130, 1, 64, 0, 33};
        SCOPED_TRACE(std::string(kernels::Name(dtype)) + " m " + std::to_string(m));
        std::vector<HostTensor> inputs = {HostTensor::Random(dtype, {m, kInner}, 64)}, biases, outputs, want;
        for (size_t part = 0; part < columns.size(); ++part) {
          inputs.push_back(HostTensor::Random(dtype, {columns[part], kInner}, 65 + part));
          biases.push_back(HostTensor::Random(dtype, {columns[part]}, 75 + part));
          outputs.push_back(HostTensor(dtype, {m, columns[part]}));
          want.push_back(WideProduct(inputs[0], inputs.back(), has_bias ? &biases.back() : nullptr));
        }
        if (has_bias) inputs.insert(inputs.end(), biases.begin(), biases.end());
        ASSERT_TRUE(Run("linear_group", inputs, outputs, {{"has_bias", int64_t{has_bias}}}).ok());
        for (size_t part = 0; part < columns.size(); ++part) ExpectWithinUlps(outputs[part], want[part].Values(), 0);
      }
    }
  }
}

TEST_P(FusedLinearTest, GatedLinearActivatesOneProductAndMultipliesByTheOther) {
  for (const kernels::DType dtype : kFloats) {
    for (const char* const activation : {"silu", "gelu_tanh"}) {
      for (const auto& [m, n, k] :
           {std::array<int64_t, 3>{1, 131, 40}, {5, 64, 33}, {24, 70, 96}, {70, 65, 31}, {4, 0, 8}}) {
        SCOPED_TRACE(std::string(kernels::Name(dtype)) + " " + activation + " m " + std::to_string(m));
        const HostTensor x = HostTensor::Random(dtype, {m, k}, 81), gate = HostTensor::Random(dtype, {n, k}, 82),
                         up = HostTensor::Random(dtype, {n, k}, 83), y(dtype, {m, n});
        const HostTensor gates = WideProduct(x, gate), ups = WideProduct(x, up);
        std::vector<double> want, error;
        for (int64_t i = 0; i < y.elements(); ++i) {
          const double activated = Activate(activation, RoundTo(dtype, gates.At(i))),
                       factor = RoundTo(dtype, ups.At(i));
          want.push_back(RoundTo(dtype, activated) * factor);
          // The activated value, within a few units, may round to either neighbour.
          const double unit = dtype == kernels::DType::kFloat32 ? 32 * 0x1p-24 : 2 * UnitRoundoff(dtype);
          error.push_back((unit * std::abs(activated) + 32 * 0x1p-24) * std::abs(factor));
        }
        ASSERT_TRUE(Run("gated_linear", {x, gate, up}, y, {{"activation", std::string(activation)}}).ok());
        ExpectClose(y, want, error);
      }
    }
  }
}

// Every way to tune a launch, at sizes that the ways cut differently.
TEST_P(FusedLinearTest, TuningKeepsTheResult) {
  for (const kernels::DType dtype : kFloats) {
    for (const int64_t m : {1, 6, 65}) {
      const Problem p = {dtype, m, 150, 70, true, false, true};
      Operands operands = Make(p, 84);
      const std::vector<kernels::TensorView> views = {operands.inputs[0].View(), operands.inputs[1].View()};
      const kernels::Kernel* const kernel = backend().FindKernel("linear").value();
      for (const kernels::TuningParameter& parameter : backend().TuningSpace(*kernel, {.inputs = views})) {
        for (const int64_t value : parameter.values) {
          SCOPED_TRACE(Describe(p) + " " + std::string(parameter.name) + " " + std::to_string(value));
          kernels::Attributes attributes = operands.attributes;
          attributes.Set(parameter.name, value);
          ASSERT_TRUE(Run("linear", operands.inputs, operands.output, attributes).ok());
          ExpectProduct(p, operands);
        }
      }
      for (const char* const name : {"tune_grain", "tune_method", "tune_slice", "tune_streams", "tune_prefetch",
                                     "tune_order"}) {  // A plan from elsewhere may say anything.
        for (const int64_t value : {INT64_MIN, int64_t{-1}, int64_t{0}, INT64_MAX}) {
          kernels::Attributes attributes = operands.attributes;
          attributes.Set(name, value);
          ASSERT_TRUE(Run("linear", operands.inputs, operands.output, attributes).ok());
          ExpectProduct(p, operands);
        }
      }
    }
  }
}

// More columns than one tile of a weight spans.
TEST_P(LinearTest, WideRowsMatchFloat64AtEveryGroupSize) {
  for (const int64_t m : {5, 6, 7, 12, 13, 18, 19, 24, 25, 37, 48}) {
    const Problem p = {kernels::DType::kBFloat16, m, 13, 4117, false, false, true};
    SCOPED_TRACE(Describe(p));
    const Operands operands = Make(p, 85);
    ASSERT_TRUE(Run("linear", operands.inputs, operands.output, operands.attributes).ok());
    ExpectProduct(p, operands);
  }
}

}  // namespace
}  // namespace metronome::testing
