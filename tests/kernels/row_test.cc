#include <cmath>
#include <limits>

#include "tests/kernels/support/kernel_test.h"

namespace metronome::testing {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kFloatUnit = 0x1p-24;  // Rounding of one float32 operation.

// Around every vector width: 8, 16 and their multiples, and a few blocks of them.
constexpr int64_t kSizes[] = {1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 255, 1030};

class RowTest : public KernelTest {};
METRONOME_TEST_ALL_VARIANTS(RowTest);

std::vector<double> Errors(const std::vector<double>& want, double ulps, double absolute = 0) {
  std::vector<double> errors;
  for (const double value : want)
    errors.push_back(std::isfinite(value) ? ulps * 2 * kFloatUnit * std::abs(value) + absolute : 0);
  return errors;
}

TEST_P(RowTest, ReduceFoldsOneAxisOfAnyRank) {
  for (const kernels::DType dtype : kFloats) {
    for (const kernels::Shape& shape :
         {kernels::Shape{1}, kernels::Shape{33}, kernels::Shape{3, 257}, kernels::Shape{5, 1, 17},
          kernels::Shape{2, 0, 3}, kernels::Shape{2, 3, 2, 5, 2, 3}}) {
      for (int axis = 0; axis < shape.rank(); ++axis) {
        SCOPED_TRACE(std::string(kernels::Name(dtype)) + ToString(shape) + " axis " + std::to_string(axis));
        kernels::Shape target = shape;
        target[axis] = 1;
        const HostTensor x = HostTensor::Random(dtype, shape, 31, -4, 2), sum(dtype, target), largest(dtype, target);
        int64_t inner = 1;
        for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
        std::vector<double> sums(target.elements(), 0.0), maxima(target.elements(), -kInf),
            magnitude(target.elements(), 0.0);
        for (int64_t i = 0; i < x.elements(); ++i) {
          const int64_t at = i / (inner * shape[axis]) * inner + i % inner;
          sums[at] += x.At(i);
          magnitude[at] +=
              std::abs(x.At(i)) * kFloatUnit * static_cast<double>(shape[axis]);  // One rounding an addition, at worst.
          maxima[at] = std::max(maxima[at], x.At(i));
        }

        ASSERT_TRUE(Run("reduce_sum", {x}, sum, {{"axis", int64_t{axis}}}).ok());
        ASSERT_TRUE(Run("reduce_max", {x}, largest, {{"axis", int64_t{axis}}}).ok());

        ExpectClose(sum, sums, magnitude);
        EXPECT_EQ(largest.Values(), maxima);
      }
    }
  }
}

TEST_P(RowTest, ReducePropagatesNan) {
  for (const std::vector<double>& values : {std::vector<double>{kNan, 1, 2}, {1, kNan, 2}, {1, 2, kNan}}) {
    const HostTensor x = HostTensor::Of(kernels::DType::kFloat32, {3}, values), y(kernels::DType::kFloat32, {1});
    for (const char* name : {"reduce_max", "reduce_sum"}) {
      ASSERT_TRUE(Run(name, {x}, y, {{"axis", int64_t{0}}}).ok());
      EXPECT_TRUE(std::isnan(y.At(0))) << name;
    }
  }
}

TEST_P(RowTest, SoftmaxMatchesFloat64) {
  for (const kernels::DType dtype : kFloats) {
    for (const int64_t size : kSizes) {
      SCOPED_TRACE(std::string(kernels::Name(dtype)) + " size " + std::to_string(size));
      const HostTensor x = HostTensor::Random(dtype, {2, 3, size}, 32, -20, 9), y(dtype, {2, 3, size});
      std::vector<double> want;
      for (int64_t row = 0; row < 6; ++row) {
        double largest = -kInf, sum = 0;
        for (int64_t i = 0; i < size; ++i) largest = std::max(largest, x.At(row * size + i));
        for (int64_t i = 0; i < size; ++i) sum += std::exp(x.At(row * size + i) - largest);
        for (int64_t i = 0; i < size; ++i) want.push_back(std::exp(x.At(row * size + i) - largest) / sum);
      }

      ASSERT_TRUE(Run("softmax", {x}, y).ok());

      // exp to 4 units, its argument (up to 29) rounded once, the sum over a lane, the division: relative to each
      // value.
      ExpectClose(y, want, Errors(want, 4 + 29.0 / 2 + static_cast<double>(size) / 8 + 2));
    }
  }
}

// -infinity is how graphs mask: it must get exactly nothing.
TEST_P(RowTest, SoftmaxGivesMaskedEntriesExactlyZero) {
  for (const kernels::DType dtype : kFloats) {
    for (const int64_t size : {5, 16, 35}) {
      HostTensor x = HostTensor::Random(dtype, {1, size}, 33), y(dtype, {1, size});
      for (int64_t i = 0; i < size; i += 2) x.Set(i, -kInf);
      ASSERT_TRUE(Run("softmax", {x}, y).ok());
      double sum = 0;
      for (int64_t i = 0; i < size; ++i) {
        if (i % 2 == 0) {
          EXPECT_EQ(y.At(i), 0) << i;
        }
        sum += y.At(i);
      }
      EXPECT_NEAR(sum, 1, static_cast<double>(size) * UnitRoundoff(dtype));
    }
  }
}

TEST_P(RowTest, SoftmaxSurvivesLargeInputsAndSpreadsNanOverItsRowOnly) {
  const HostTensor x = HostTensor::Of(kernels::DType::kFloat32, {3, 3}, {3e38, 3e38, -3e38, 0, kNan, 1, 1, 2, 3}),
                   y(kernels::DType::kFloat32, {3, 3});
  ASSERT_TRUE(Run("softmax", {x}, y).ok());
  const double sum = std::exp(-2) + std::exp(-1) + 1;
  ExpectWithinUlps(y, {0.5, 0.5, 0, kNan, kNan, kNan, std::exp(-2) / sum, std::exp(-1) / sum, 1 / sum}, 8);
}

struct Norm {
  bool weighted;
  double offset;
  bool round_first;
};

TEST_P(RowTest, RmsNormMatchesFloat64) {
  for (const kernels::DType dtype : kFloats) {
    for (const int64_t size : kSizes) {
      for (const Norm& norm :
           {Norm{false, 0, false}, Norm{true, 0, false}, Norm{true, 1, false}, Norm{true, 0, true}}) {
        SCOPED_TRACE(std::string(kernels::Name(dtype)) + " size " + std::to_string(size));
        const HostTensor x = HostTensor::Random(dtype, {3, size}, 34, -3, 3),
                         weight = HostTensor::Random(dtype, {size}, 35), y(dtype, {3, size});
        constexpr double kEpsilon = 1e-5;
        std::vector<double> want, error;
        for (int64_t row = 0; row < 3; ++row) {
          double squares = 0;
          for (int64_t i = 0; i < size; ++i) squares += x.At(row * size + i) * x.At(row * size + i);
          const double scale = 1 / std::sqrt(squares / static_cast<double>(size) + kEpsilon);
          for (int64_t i = 0; i < size; ++i) {
            const double factor = norm.weighted ? norm.offset + weight.At(i) : 1;
            double value = x.At(row * size + i) * scale;
            // The sum of squares over a lane, then about six roundings. Rounded first, a value near the middle of two
            // numbers may go either way.
            double relative = (static_cast<double>(size) / 8 + 6) * kFloatUnit;
            if (norm.round_first) {
              value = RoundTo(dtype, value);
              if (dtype != kernels::DType::kFloat32) relative += 2 * UnitRoundoff(dtype);
            }
            want.push_back(value * factor);
            error.push_back(relative * std::abs(value) * (std::abs(norm.offset) + std::abs(factor)));
          }
        }
        std::vector<HostTensor> inputs = {x};
        if (norm.weighted) inputs.push_back(weight);

        ASSERT_TRUE(
            Run("rms_norm", inputs, y,
                {{"eps", kEpsilon}, {"weight_offset", norm.offset}, {"round_before_weight", int64_t{norm.round_first}}})
                .ok());

        ExpectClose(y, want, error);
      }
    }
  }
}

// bfloat16 rounds 1 + 2^-8 to 1 (a tie, to even): with round_before_weight that happens before the weight of 256 could
// show the difference.
TEST_P(RowTest, RmsNormRoundsBeforeTheWeightWhenAsked) {
  // Two values with mean square 1 whose first is 1 + 2^-8 after scaling.
  const double high = 1 + 0x1p-8, low = std::sqrt(2 - high * high);
  const HostTensor x = HostTensor::Of(kernels::DType::kBFloat16, {1, 2},
                                      {1, RoundTo(kernels::DType::kBFloat16, low / high)}),
                   weight = HostTensor::Of(kernels::DType::kBFloat16, {2}, {1.0078125, 1.0078125});
  const HostTensor once(kernels::DType::kBFloat16, {1, 2}), twice(kernels::DType::kBFloat16, {1, 2});
  const double ratio = x.At(1), scale = 1 / std::sqrt((1 + ratio * ratio) / 2);

  ASSERT_TRUE(Run("rms_norm", {x, weight}, once, {{"eps", 0.0}, {"round_before_weight", int64_t{0}}}).ok());
  ASSERT_TRUE(Run("rms_norm", {x, weight}, twice, {{"eps", 0.0}, {"round_before_weight", int64_t{1}}}).ok());

  for (int64_t i = 0; i < 2; ++i) {
    const double value = x.At(i) * scale;
    EXPECT_EQ(once.At(i), RoundTo(kernels::DType::kBFloat16, value * 1.0078125)) << i;
    EXPECT_EQ(twice.At(i), RoundTo(kernels::DType::kBFloat16, RoundTo(kernels::DType::kBFloat16, value) * 1.0078125))
        << i;
  }
}

TEST_P(RowTest, RmsNormKeepsNanInItsRowAndZeroRowsZero) {
  HostTensor x = HostTensor::Random(kernels::DType::kFloat32, {3, 19}, 36);
  for (int64_t i = 0; i < 19; ++i) x.Set(19 + i, 0);
  x.Set(3, kNan);
  const HostTensor y(kernels::DType::kFloat32, {3, 19});
  ASSERT_TRUE(Run("rms_norm", {x}, y, {{"eps", 1e-6}}).ok());
  for (int64_t i = 0; i < 19; ++i) {
    EXPECT_TRUE(std::isnan(y.At(i)));
    EXPECT_EQ(y.At(19 + i), 0);
    EXPECT_TRUE(std::isfinite(y.At(38 + i)));
  }
}

TEST_P(RowTest, RopeRotatesHalves) {
  for (const kernels::DType dtype : kFloats) {
    for (const int64_t d : {2, 6, 16, 34, 64, 256}) {
      for (const auto& [n, heads] : {std::pair<int64_t, int64_t>{0, 3}, {1, 1}, {1, 5}, {7, 3}}) {
        SCOPED_TRACE(std::string(kernels::Name(dtype)) + " d " + std::to_string(d));
        const HostTensor x = HostTensor::Random(dtype, {n, heads, d}, 37), cos = HostTensor::Random(dtype, {n, d}, 38),
                         sin = HostTensor::Random(dtype, {n, d}, 39);
        const HostTensor y(dtype, {n, heads, d});
        std::vector<double> want, error;
        for (int64_t i = 0; i < x.elements(); ++i) {
          const int64_t c = i % d, base = i - c, table = i / (heads * d) * d + c;
          const double rotated = c < d / 2 ? -x.At(base + c + d / 2) : x.At(base + c - d / 2);
          want.push_back(x.At(i) * cos.At(table) + rotated * sin.At(table));
          error.push_back(
              2 * kFloatUnit *
              (std::abs(x.At(i) * cos.At(table)) + std::abs(rotated * sin.At(table))));  // Two products, one sum.
        }

        ASSERT_TRUE(Run("rope", {x, cos, sin}, y).ok());

        ExpectClose(y, want, error);
      }
    }
  }
}

double Activation(absl::string_view name, double x) {
  if (name == "silu") return x / (1 + std::exp(-x));
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

TEST_P(RowTest, GatedActivationMatchesFloat64) {
  for (const std::string name : {"silu", "gelu_tanh"}) {
    for (const kernels::DType dtype : kFloats) {
      for (const int64_t size : kSizes) {
        SCOPED_TRACE(name + " " + std::string(kernels::Name(dtype)) + " size " + std::to_string(size));
        const HostTensor gate = HostTensor::Random(dtype, {2, size}, 40, -12, 12),
                         up = HostTensor::Random(dtype, {2, size}, 41), y(dtype, {2, size});
        std::vector<double> want, error;
        for (int64_t i = 0; i < gate.elements(); ++i) {
          const double exact = Activation(name, gate.At(i));
          want.push_back(RoundTo(dtype, exact) * up.At(i));
          // exp of an argument up to 16 rounded, plus its own 4 units and the division; gelu also loses units of x
          // itself to 1 - 1 / (...), as 0.5 * x * (1 + tanh) does. The activation's own rounding may go either way
          // where it is near a middle.
          const double relative = (dtype == kernels::DType::kFloat32 ? 0 : 2 * UnitRoundoff(dtype)) + 48 * kFloatUnit;
          error.push_back((relative * std::abs(exact) + 2 * kFloatUnit * std::abs(gate.At(i))) * std::abs(up.At(i)));
        }

        ASSERT_TRUE(Run("gated_activation", {gate, up}, y, {{"activation", name}}).ok());

        ExpectClose(y, want, error);
      }
    }
  }
}

TEST_P(RowTest, GatedActivationSaturates) {
  const HostTensor gate = HostTensor::Of(kernels::DType::kFloat32, {5}, {kNan, kInf, 1e30, -1e4, 0}),
                   up = HostTensor::Of(kernels::DType::kFloat32, {5}, {2}), y(kernels::DType::kFloat32, {5});
  for (const std::string name : {"silu", "gelu_tanh"}) {
    SCOPED_TRACE(name);
    ASSERT_TRUE(Run("gated_activation", {gate, up}, y, {{"activation", name}}).ok());
    EXPECT_TRUE(std::isnan(y.At(0)));
    EXPECT_EQ(y.At(1), kInf);
    EXPECT_NEAR(y.At(2) / 2e30, 1, 4 * kFloatUnit);
    EXPECT_NEAR(y.At(3), 0, 1e-30);
    EXPECT_EQ(y.At(4), 0);
  }
}

TEST_P(RowTest, ZeroRowsAreANoOp) {
  const HostTensor x(kernels::DType::kBFloat16, {0, 16}), weight(kernels::DType::kBFloat16, {16}),
      y(kernels::DType::kBFloat16, {0, 16});
  EXPECT_TRUE(Run("softmax", {x}, y).ok());
  EXPECT_TRUE(Run("rms_norm", {x, weight}, y, {{"eps", 1e-6}}).ok());
  EXPECT_TRUE(Run("gated_activation", {x, x}, y, {{"activation", std::string("silu")}}).ok());
  EXPECT_TRUE(y.GuardIntact());
}

// Outputs may reuse the input's memory.
TEST_P(RowTest, RunsInPlace) {
  for (const kernels::DType dtype : kFloats) {
    const HostTensor x = HostTensor::Random(dtype, {3, 37}, 42), same = HostTensor::Of(dtype, {3, 37}, x.Values()),
                     y(dtype, {3, 37});
    ASSERT_TRUE(Run("softmax", {x}, y).ok());
    ASSERT_TRUE(Run("softmax", {same}, same).ok());
    EXPECT_TRUE(same.SameBytes(y));
  }
}

// The two kernels that it stands for, one after the other.
TEST_P(RowTest, AddRmsNormIsAddThenRmsNorm) {
  for (const kernels::DType dtype : kFloats) {
    for (const int64_t size : kSizes) {
      for (const bool weighted : {false, true}) {
        SCOPED_TRACE(std::string(kernels::Name(dtype)) + " size " + std::to_string(size));
        const HostTensor a = HostTensor::Random(dtype, {3, size}, 41, -3, 3),
                         b = HostTensor::Random(dtype, {3, size}, 42), weight = HostTensor::Random(dtype, {size}, 43);
        const HostTensor sum(dtype, {3, size}), norm(dtype, {3, size}), want_sum(dtype, {3, size}),
            want_norm(dtype, {3, size});
        const kernels::Attributes attributes = {{"eps", 1e-5}, {"weight_offset", weighted ? 1.0 : 0.0}};
        std::vector<HostTensor> fused = {a, b}, second = {want_sum};
        if (weighted) {
          fused.push_back(weight);
          second.push_back(weight);
        }
        ASSERT_TRUE(Run("add", {a, b}, want_sum).ok());
        ASSERT_TRUE(Run("rms_norm", second, want_norm, attributes).ok());

        ASSERT_TRUE(Run("add_rms_norm", fused, {sum, norm}, attributes).ok());

        ExpectWithinUlps(sum, want_sum.Values(), 0);
        ExpectWithinUlps(norm, want_norm.Values(), 0);

        // In place, as the lowering aliases the sum.
        ASSERT_TRUE(Run("add_rms_norm", fused, {a, norm}, attributes).ok());
        EXPECT_TRUE(a.SameBytes(sum));
        ExpectWithinUlps(norm, want_norm.Values(), 0);
      }
    }
  }
}

TEST_P(RowTest, SoftcapMatchesFloat64) {
  for (const kernels::DType dtype : kFloats) {
    const HostTensor x = HostTensor::Of(dtype, {9}, {0, 1, -1, 29, -31, 300, -3000, kInf, kNan}), y(dtype, {9});
    std::vector<double> want;
    for (const double value : x.Values()) want.push_back(30 * std::tanh(value / 30));
    ASSERT_TRUE(Run("softcap", {x}, y, {{"cap", 30.0}}).ok());
    ExpectWithinUlps(y, want, 8);
  }
}

TEST_P(RowTest, ArgmaxFindsTheFirstOfTheLargest) {
  for (const kernels::DType dtype : kFloats) {
    for (const int64_t size : {1, 2, 17, 4096, 4097, 9000}) {
      SCOPED_TRACE(std::string(kernels::Name(dtype)) + " size " + std::to_string(size));
      HostTensor x = HostTensor::Random(dtype, {4, size}, 44, -9, 9), y(kernels::DType::kInt32, {4});
      for (int64_t i = 0; i < size; ++i) x.Set(size + i, -kInf);  // Row 1.
      x.Set(2 * size + size / 2, kInf);
      x.Set(2 * size + size - 1, kInf);
      x.Set(3 * size + size - 1, kNan);
      int64_t best = 0;
      for (int64_t i = 0; i < size; ++i) best = x.At(i) > x.At(best) ? i : best;
      ASSERT_TRUE(Run("argmax", {x}, y).ok());
      EXPECT_EQ(y.Values(), (std::vector<double>{static_cast<double>(best), 0, static_cast<double>(size / 2),
                                                 static_cast<double>(size)}));
    }
  }
}

TEST_P(RowTest, TopKFallsAndKeepsTheFirstOfEquals) {
  for (const kernels::DType dtype : kFloats) {
    const HostTensor x = HostTensor::Of(dtype, {2, 5}, {1, 3, -2, 3, 0, kNan, -1, 2, kNan, 1}), values(dtype, {2, 3}),
                     columns(kernels::DType::kInt32, {2, 3});
    ASSERT_TRUE(Run("top_k", {x}, {values, columns}, {{"k", int64_t{3}}}).ok());
    EXPECT_EQ(values.Values(), (std::vector<double>{3, 3, 1, 2, 1, -1}));
    EXPECT_EQ(columns.Values(), (std::vector<double>{1, 3, 0, 2, 4, 1}));
  }
}

}  // namespace
}  // namespace metronome::testing
