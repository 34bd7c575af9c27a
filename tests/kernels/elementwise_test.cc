#include <cmath>
#include <functional>
#include <limits>

#include "tests/kernels/support/kernel_test.h"

namespace metronome::testing {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
// Correctly rounded operations are off by nothing before the rounding to the output; libm's functions by at most two
// float32 units.
constexpr double kLibmUlps = 2;

class ElementwiseTest : public KernelTest {};
METRONOME_TEST_ALL_VARIANTS(ElementwiseTest);

// The element of `view` that NumPy's broadcasting pairs with element `index` of `to`.
int64_t BroadcastIndex(int64_t index, const kernels::Shape& from, const kernels::Shape& to) {
  int64_t at = 0, stride = 1;
  for (int axis = 1; axis <= from.rank(); ++axis) {
    const int64_t size = from[from.rank() - axis], target = to[to.rank() - axis];
    at += (size == 1 ? 0 : index % target) * stride;
    stride *= size;
    index /= target;
  }
  return at;
}

struct Unary {
  const char* name;
  double (*oracle)(double);
  double ulps;
  double low, high;
};

const Unary kUnaries[] = {
    {"neg", [](double x) { return -x; }, 0, -4, 4},
    {"exp", [](double x) { return std::exp(x); }, kLibmUlps, -12, 10},
    {"tanh", [](double x) { return std::tanh(x); }, kLibmUlps, -5, 5},
    // exp, an addition and a division.
    {"sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }, kLibmUlps + 2, -20, 20},
    {"rsqrt", [](double x) { return 1 / std::sqrt(x); }, 2, 0.01, 9},
    {"cos", [](double x) { return std::cos(x); }, kLibmUlps, -3, 3},
    {"sin", [](double x) { return std::sin(x); }, kLibmUlps, -3, 3},
};

TEST_P(ElementwiseTest, UnaryMatchesFloat64) {
  for (const Unary& op : kUnaries) {
    for (const kernels::DType dtype : kFloats) {
      for (const kernels::Shape& shape :
           {kernels::Shape{}, kernels::Shape{0}, kernels::Shape{1}, kernels::Shape{17}, kernels::Shape{3, 33},
            kernels::Shape{2, 1, 3, 1, 2, 5}, kernels::Shape{3, 0, 2}, kernels::Shape{40000}}) {
        SCOPED_TRACE(std::string(op.name) + " of " + std::string(kernels::Name(dtype)) + ToString(shape));
        const HostTensor x = HostTensor::Random(dtype, shape, 11, op.low, op.high), y(dtype, shape);
        std::vector<double> want;
        for (const double value : x.Values()) want.push_back(op.oracle(value));

        ASSERT_TRUE(Run(op.name, {x}, y).ok());

        ExpectWithinUlps(y, want, op.ulps);
      }
    }
  }
}

TEST_P(ElementwiseTest, UnaryPropagatesNanAndTakesLimitsAtInfinity) {
  const HostTensor x = HostTensor::Of(kernels::DType::kFloat32, {5}, {kNan, kInf, -kInf, 0, -0.0});
  const struct {
    const char* name;
    std::vector<double> want;
  } cases[] = {{"neg", {kNan, -kInf, kInf, -0.0, 0}},   {"exp", {kNan, kInf, 0, 1, 1}},
               {"tanh", {kNan, 1, -1, 0, -0.0}},        {"sigmoid", {kNan, 1, 0, 0.5, 0.5}},
               {"rsqrt", {kNan, 0, kNan, kInf, -kInf}}, {"cos", {kNan, kNan, kNan, 1, 1}},
               {"sin", {kNan, kNan, kNan, 0, -0.0}}};
  for (const auto& [name, want] : cases) {
    SCOPED_TRACE(name);
    const HostTensor y(kernels::DType::kFloat32, {5});
    ASSERT_TRUE(Run(name, {x}, y).ok());
    ExpectWithinUlps(y, want, 0);
  }
}

struct Binary {
  const char* name;
  double (*oracle)(double, double);
};

// NumPy's maximum: NaN wins.
double Greater(double a, double b) { return std::isnan(a) || std::isnan(b) ? kNan : std::max(a, b); }
double Lesser(double a, double b) { return std::isnan(a) || std::isnan(b) ? kNan : std::min(a, b); }

const Binary kBinaries[] = {
    {"add", [](double a, double b) { return a + b; }},
    {"sub", [](double a, double b) { return a - b; }},
    {"mul", [](double a, double b) { return a * b; }},
    {"div", [](double a, double b) { return a / b; }},
    {"maximum", Greater},
    {"minimum", Lesser},
};
const Binary kCompares[] = {
    {"lt", [](double a, double b) { return a < b ? 1.0 : 0.0; }},
    {"le", [](double a, double b) { return a <= b ? 1.0 : 0.0; }},
    {"gt", [](double a, double b) { return a > b ? 1.0 : 0.0; }},
    {"ge", [](double a, double b) { return a >= b ? 1.0 : 0.0; }},
    {"eq", [](double a, double b) { return a == b ? 1.0 : 0.0; }},
};

struct Broadcast {
  kernels::Shape a, b, output;
};

const Broadcast kBroadcasts[] = {
    {{}, {}, {}},
    {{}, {3, 5}, {3, 5}},
    {{5}, {3, 5}, {3, 5}},
    {{3, 1}, {1, 17}, {3, 17}},
    {{2, 1, 3, 1, 2, 1}, {4, 1, 5, 1, 7}, {2, 4, 3, 5, 2, 7}},
    {{2, 3, 1, 2, 3, 1}, {2, 3, 4, 2, 3, 5}, {2, 3, 4, 2, 3, 5}},
    {{0, 3}, {1, 3}, {0, 3}},
    {{1}, {4, 0}, {4, 0}},
    {{1, 9001}, {3, 9001}, {3, 9001}},
};

std::vector<double> Expand(const HostTensor& tensor, const kernels::Shape& to) {
  std::vector<double> values;
  for (int64_t i = 0; i < to.elements(); ++i) values.push_back(tensor.At(BroadcastIndex(i, tensor.shape(), to)));
  return values;
}

TEST_P(ElementwiseTest, BinaryBroadcastsAndRoundsOnce) {
  for (const Binary& op : kBinaries) {
    for (const kernels::DType dtype :
         {kernels::DType::kFloat32, kernels::DType::kBFloat16, kernels::DType::kFloat16, kernels::DType::kInt32}) {
      for (const auto& [a_shape, b_shape, shape] : kBroadcasts) {
        SCOPED_TRACE(std::string(op.name) + " of " + std::string(kernels::Name(dtype)) + ToString(a_shape) +
                     ToString(b_shape));
        const bool integers = dtype == kernels::DType::kInt32;
        // Divisors stay off zero; integers are large enough for products to need 20 bits.
        const HostTensor a = HostTensor::Random(dtype, a_shape, 3, integers ? -900 : -2, integers ? 900 : 2);
        const HostTensor b = HostTensor::Random(dtype, b_shape, 4, integers ? 1 : 0.25, integers ? 900 : 3),
                         y(dtype, shape);
        const std::vector<double> as = Expand(a, shape), bs = Expand(b, shape);
        std::vector<double> want;
        for (size_t i = 0; i < as.size(); ++i)
          want.push_back(integers ? std::trunc(op.oracle(as[i], bs[i])) : op.oracle(as[i], bs[i]));

        ASSERT_TRUE(Run(op.name, {a, b}, y).ok());

        // Half a float32 unit: the operation itself rounds before the output does.
        ExpectWithinUlps(y, want, integers ? 0 : 0.5);
      }
    }
  }
}

TEST_P(ElementwiseTest, BinaryFollowsIeeeAtSpecialValues) {
  const std::vector<double> left = {kNan, 1, kNan, kInf, kInf, 1, -1, 0}, right = {1, kNan, kNan, -kInf, kInf, 0, 0, 0};
  for (const kernels::DType dtype : kFloats) {
    const HostTensor a = HostTensor::Of(dtype, {8}, left), b = HostTensor::Of(dtype, {8}, right);
    for (const Binary& op : kBinaries) {
      SCOPED_TRACE(op.name);
      const HostTensor y(dtype, {8});
      std::vector<double> want;
      for (size_t i = 0; i < left.size(); ++i) want.push_back(op.oracle(left[i], right[i]));
      ASSERT_TRUE(Run(op.name, {a, b}, y).ok());
      ExpectWithinUlps(y, want, 0);
    }
  }
}

// int32 operations never trap: sums wrap, a division by zero gives 0, and the one quotient that has no int32 wraps too.
TEST_P(ElementwiseTest, IntegerExtremesDoNotTrap) {
  constexpr double kLow = std::numeric_limits<int32_t>::min(), kHigh = std::numeric_limits<int32_t>::max();
  const HostTensor a = HostTensor::Of(kernels::DType::kInt32, {3}, {kLow, 7, kHigh}),
                   b = HostTensor::Of(kernels::DType::kInt32, {3}, {-1, 0, 1}), y(kernels::DType::kInt32, {3});

  ASSERT_TRUE(Run("div", {a, b}, y).ok());
  EXPECT_EQ(y.Values(), (std::vector<double>{kLow, 0, kHigh}));
  ASSERT_TRUE(Run("add", {a, b}, y).ok());
  EXPECT_EQ(y.Values(), (std::vector<double>{kHigh, 7, kLow}));
}

TEST_P(ElementwiseTest, CompareIsExactAndFalseForNan) {
  for (const Binary& op : kCompares) {
    for (const kernels::DType dtype :
         {kernels::DType::kFloat32, kernels::DType::kBFloat16, kernels::DType::kFloat16, kernels::DType::kInt32}) {
      for (const auto& [a_shape, b_shape, shape] : kBroadcasts) {
        SCOPED_TRACE(std::string(op.name) + " of " + std::string(kernels::Name(dtype)) + ToString(a_shape) +
                     ToString(b_shape));
        HostTensor a = HostTensor::Random(dtype, a_shape, 5, -3, 3);
        const HostTensor b = HostTensor::Random(dtype, b_shape, 6, -3, 3), y(kernels::DType::kBool, shape);
        if (dtype != kernels::DType::kInt32 && a.elements() > 0) a.Set(0, kNan);
        const std::vector<double> as = Expand(a, shape), bs = Expand(b, shape);
        std::vector<double> want;
        for (size_t i = 0; i < as.size(); ++i) want.push_back(op.oracle(as[i], bs[i]));

        ASSERT_TRUE(Run(op.name, {a, b}, y).ok());

        EXPECT_EQ(y.Values(), want);
      }
    }
  }
}

TEST_P(ElementwiseTest, AndAndSelectBroadcastTheCondition) {
  for (const auto& [a_shape, b_shape, shape] : kBroadcasts) {
    SCOPED_TRACE(ToString(a_shape) + ToString(b_shape));
    const HostTensor p = HostTensor::Random(kernels::DType::kBool, a_shape, 7),
                     q = HostTensor::Random(kernels::DType::kBool, b_shape, 8), both(kernels::DType::kBool, shape);
    ASSERT_TRUE(Run("and", {p, q}, both).ok());
    const std::vector<double> ps = Expand(p, shape), qs = Expand(q, shape);
    for (int64_t i = 0; i < both.elements(); ++i) ASSERT_EQ(both.At(i), ps[i] * qs[i]) << i;

    for (const kernels::DType dtype :
         {kernels::DType::kFloat32, kernels::DType::kBFloat16, kernels::DType::kFloat16, kernels::DType::kInt32}) {
      const HostTensor a = HostTensor::Random(dtype, b_shape, 9, -50, 50),
                       b = HostTensor::Random(dtype, shape, 10, -50, 50), y(dtype, shape);
      ASSERT_TRUE(Run("select", {p, a, b}, y).ok());
      const std::vector<double> as = Expand(a, shape);
      for (int64_t i = 0; i < y.elements(); ++i) ASSERT_EQ(y.At(i), ps[i] != 0 ? as[i] : b.At(i)) << i;
    }
  }
}

// The branch not taken may hold anything.
TEST_P(ElementwiseTest, SelectIgnoresNanInTheOtherBranch) {
  const HostTensor p = HostTensor::Of(kernels::DType::kBool, {2}, {1, 0}), y(kernels::DType::kFloat32, {2});
  const HostTensor a = HostTensor::Of(kernels::DType::kFloat32, {2}, {4, kNan}),
                   b = HostTensor::Of(kernels::DType::kFloat32, {2}, {kInf, 5});
  ASSERT_TRUE(Run("select", {p, a, b}, y).ok());
  EXPECT_EQ(y.Values(), (std::vector<double>{4, 5}));
}

TEST_P(ElementwiseTest, CastRoundsToNearestEvenAndTruncatesToInt) {
  constexpr kernels::DType kAll[] = {kernels::DType::kFloat32, kernels::DType::kBFloat16, kernels::DType::kFloat16,
                                     kernels::DType::kInt32, kernels::DType::kBool};
  for (const kernels::DType from : kAll) {
    for (const kernels::DType to : kAll) {
      for (const kernels::Shape& shape :
           {kernels::Shape{}, kernels::Shape{0}, kernels::Shape{3, 19}, kernels::Shape{2, 1, 2, 1, 2, 3}}) {
        SCOPED_TRACE(std::string(kernels::Name(from)) + " to " + std::string(kernels::Name(to)) + ToString(shape));
        const HostTensor x = HostTensor::Random(from, shape, 12, -300, 300), y(to, shape);
        std::vector<double> want;
        for (const double value : x.Values())
          want.push_back(to == kernels::DType::kInt32 ? std::trunc(value) : RoundTo(to, value));

        ASSERT_TRUE(Run("cast", {x}, y).ok());

        EXPECT_EQ(y.Values(), want);
      }
    }
  }
}

TEST_P(ElementwiseTest, CastKeepsInfinityAndNanAndOverflowsToInfinity) {
  const HostTensor x = HostTensor::Of(kernels::DType::kFloat32, {5}, {kNan, kInf, -kInf, 3e38, 65519});
  const HostTensor half(kernels::DType::kFloat16, {5}), brain(kernels::DType::kBFloat16, {5});
  ASSERT_TRUE(Run("cast", {x}, half).ok());
  ASSERT_TRUE(Run("cast", {x}, brain).ok());
  ExpectWithinUlps(half, {kNan, kInf, -kInf, kInf, 65504}, 0);
  ExpectWithinUlps(brain, {kNan, kInf, -kInf, 3e38, 65536}, 0);
}

// What has no int32 saturates, and NaN is 0, on every machine.
TEST_P(ElementwiseTest, CastToIntSaturates) {
  const HostTensor x = HostTensor::Of(kernels::DType::kFloat32, {6}, {kNan, kInf, -kInf, 3e9, -3e9, -2.9}),
                   y(kernels::DType::kInt32, {6});
  ASSERT_TRUE(Run("cast", {x}, y).ok());
  EXPECT_EQ(y.Values(), (std::vector<double>{0, 2147483647, -2147483648.0, 2147483647, -2147483648.0, -2}));
}

}  // namespace
}  // namespace metronome::testing
