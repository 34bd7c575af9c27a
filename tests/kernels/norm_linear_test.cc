#include <array>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "tests/kernels/support/kernel_test.h"
#include "tests/kernels/support/value_range.h"

namespace metronome::testing {
namespace {

class NormLinearTest : public KernelTest {};
METRONOME_TEST_ALL_VARIANTS(NormLinearTest);

struct Norm {
  double eps, offset;
  bool round_first;
};
constexpr Norm kNorms[] = {{1e-6, 0, true}, {0.25, 1, false}, {1e-5, 0, false}};

kernels::Attributes AttributesOf(const Norm& norm) {
  return {
      {"eps", norm.eps}, {"weight_offset", norm.offset}, {"round_before_weight", int64_t{norm.round_first ? 1 : 0}}};
}

kernels::Attributes WithNorm(kernels::Attributes attributes, const Norm& norm) {
  const kernels::Attributes of_norm = AttributesOf(norm);
  for (const auto& [name, value] : of_norm.values()) attributes.Set(name, value);
  attributes.Set("has_norm", int64_t{1});
  return attributes;
}

// 8 units: the sum of squares, the square root, the division and the product with it, with margin.
constexpr double kNormError = 8 * 0x1p-24;

std::vector<ValueRange> Normalised(const HostTensor& x, const HostTensor& weight, const Norm& norm) {
  const int64_t m = x.shape()[0], k = x.shape()[1];
  const std::vector<double> values = x.Values(), weights = weight.Values();
  std::vector<ValueRange> rows;
  for (int64_t i = 0; i < m; ++i) {
    double squares = 0;
    for (int64_t j = 0; j < k; ++j) squares += values[i * k + j] * values[i * k + j];
    const double scale = 1 / std::sqrt(squares / static_cast<double>(k) + norm.eps);
    for (int64_t j = 0; j < k; ++j) {
      const double value = values[i * k + j] * scale, factor = norm.offset + weights[j];
      ValueRange range = {value, value};
      if (norm.round_first) range = Rounded(x.dtype(), range, kNormError * std::abs(value));
      range = range * factor;
      rows.push_back(Rounded(x.dtype(), range, (norm.round_first ? 0x1p-23 : kNormError) * range.magnitude()));
    }
  }
  return rows;
}

// Sums in float64 of what the norm may give. Errors of the float32 sums as in linear_test.cc.
TEST_P(NormLinearTest, LinearMatchesFloat64) {
  for (const kernels::DType dtype : kFloats) {
    // The last two have rows that a block of a GPU cannot hold.
    for (const auto& [m, n, k] : {std::array<int64_t, 3>{1, 9, 1},
                                  {1, 37, 63},
                                  {1, 20, 1032},
                                  {2, 7, 128},
                                  {3, 18, 72},
                                  {4, 33, 45},
                                  {7, 3, 264},
                                  {8, 19, 520},
                                  {9, 66, 96},
                                  {33, 70, 129},
                                  {8, 6, 5120},
                                  {1, 3, 20488}}) {
      const int mode = static_cast<int>(m + n + k) % 8;
      const bool bias = (mode & 1) != 0, residual = (mode & 2) != 0, wide = (mode & 4) != 0;
      const Norm& norm = kNorms[static_cast<size_t>(n) % std::size(kNorms)];
      SCOPED_TRACE(std::string(kernels::Name(dtype)) + " m " + std::to_string(m) + " n " + std::to_string(n) + " k " +
                   std::to_string(k) + " mode " + std::to_string(mode));
      const HostTensor x = HostTensor::Random(dtype, {m, k}, 11, -3, 3), w = HostTensor::Random(dtype, {n, k}, 12),
                       weight = HostTensor::Random(dtype, {k}, 13, -1, 2), b = HostTensor::Random(dtype, {n}, 14),
                       r = HostTensor::Random(dtype, {m, n}, 15), y(wide ? kernels::DType::kFloat32 : dtype, {m, n});
      std::vector<HostTensor> inputs = {x, w};
      if (bias) inputs.push_back(b);
      if (residual) inputs.push_back(r);
      inputs.push_back(weight);
      ASSERT_TRUE(
          Run("linear", inputs, y, WithNorm({{"has_bias", int64_t{bias}}, {"has_residual", int64_t{residual}}}, norm))
              .ok());

      const std::vector<ValueRange> rows = Normalised(x, weight, norm);
      const std::vector<double> weights = w.Values();
      std::vector<double> want, error;
      for (int64_t i = 0; i < m; ++i) {
        for (int64_t j = 0; j < n; ++j) {
          double sum = (bias ? b.At(j) : 0) + (residual ? r.At(i * n + j) : 0), magnitude = std::abs(sum) + 1,
                 either = 0;
          for (int64_t l = 0; l < k; ++l) {
            const ValueRange& range = rows[i * k + l];
            const double term = range.middle() * weights[j * k + l];
            sum += term;
            magnitude += std::abs(term);
            either += range.slack() * std::abs(weights[j * k + l]);
          }
          want.push_back(sum);
          error.push_back(either + (4 * std::sqrt(static_cast<double>(k)) + 4) * 0x1p-24 * magnitude);
        }
      }
      ExpectClose(y, want, error);
    }
  }
}

// Whole numbers, whose squares add up exactly in any order: rms_norm and the product then give the same bits.
HostTensor WholeNumbers(kernels::DType dtype, const kernels::Shape& shape) {
  HostTensor tensor = HostTensor::Random(dtype, shape, 21, -4, 4);
  for (int64_t i = 0; i < tensor.elements(); ++i) tensor.Set(i, std::round(tensor.At(i)));
  return tensor;
}

// The operands of each product after x, and the columns of its outputs.
struct Product {
  const char* name;
  kernels::Attributes attributes;
  std::vector<int64_t> columns;  // Of the weights.
  bool bias = false;
  size_t outputs = 1;
};
const Product kProducts[] = {
    {"linear", {{"activation", std::string("silu")}}, {35}},
    {"linear", {{"has_bias", int64_t{1}}}, {20}, true},
    {"linear_group", {}, {34, 1, 16}, false, 3},
    {"linear_group", {{"has_bias", int64_t{1}}}, {17, 40}, true, 2},
    {"gated_linear", {{"activation", std::string("gelu_tanh")}}, {37, 37}},
};

TEST_P(NormLinearTest, EveryProductIsTheNormAndThenTheProduct) {
  size_t turn = 0;
  for (const kernels::DType dtype : kFloats) {
    for (const auto& [m, k] : {std::pair<int64_t, int64_t>{1, 80}, {1, 33}, {3, 64}, {6, 256}, {8, 5000}, {19, 40}}) {
      const HostTensor x = WholeNumbers(dtype, {m, k}), weight = HostTensor::Random(dtype, {k}, 22, -1, 2),
                       normalised(dtype, {m, k});
      for (const Product& product : kProducts) {
        if (k > 1000 && product.outputs < 3) continue;  // To save time.
        const Norm& norm = kNorms[turn++ % std::size(kNorms)];
        SCOPED_TRACE(std::string(kernels::Name(dtype)) + " " + product.name + " m " + std::to_string(m) + " k " +
                     std::to_string(k));
        ASSERT_TRUE(Run("rms_norm", {x, weight}, normalised, AttributesOf(norm)).ok());
        std::vector<HostTensor> inputs = {normalised}, got, want;
        for (const int64_t n : product.columns) inputs.push_back(HostTensor::Random(dtype, {n, k}, 23));
        for (size_t i = 0; i < product.outputs; ++i) {
          const int64_t n = product.columns[i];
          if (product.bias) inputs.push_back(HostTensor::Random(dtype, {n}, 24));
          got.push_back(HostTensor(dtype, {m, n}));
          want.push_back(HostTensor(dtype, {m, n}));
        }
        ASSERT_TRUE(Run(product.name, inputs, want, product.attributes).ok());

        inputs[0] = x;
        inputs.push_back(weight);
        ASSERT_TRUE(Run(product.name, inputs, got, WithNorm(product.attributes, norm)).ok());

        for (size_t i = 0; i < product.outputs; ++i) EXPECT_TRUE(got[i].SameBytes(want[i])) << "output " << i;
      }
    }
  }
}

// Rows normalise by themselves: a NaN in one reaches no other.
TEST_P(NormLinearTest, NanStaysInItsRow) {
  for (const int64_t m : {3, 12}) {
    HostTensor x = HostTensor::Random(kernels::DType::kBFloat16, {m, 64}, 31);
    x.Set(64 + 5, std::nan(""));
    const HostTensor w = HostTensor::Random(kernels::DType::kBFloat16, {9, 64}, 32),
                     weight = HostTensor::Random(kernels::DType::kBFloat16, {64}, 33),
                     y(kernels::DType::kBFloat16, {m, 9});
    ASSERT_TRUE(Run("linear", {x, w, weight}, y, WithNorm({}, kNorms[0])).ok());
    for (int64_t i = 0; i < y.elements(); ++i) EXPECT_EQ(std::isnan(y.At(i)), i / 9 == 1) << i;
  }
}

TEST_P(NormLinearTest, EmptySizes) {
  for (const auto& [m, n, k] : {std::array<int64_t, 3>{0, 5, 8}, {3, 0, 8}, {3, 5, 0}, {12, 5, 0}}) {
    const HostTensor x(kernels::DType::kFloat32, {m, k}), w(kernels::DType::kFloat32, {n, k}),
        weight(kernels::DType::kFloat32, {k}), y(kernels::DType::kFloat32, {m, n});
    ASSERT_TRUE(Run("linear", {x, w, weight}, y, WithNorm({}, kNorms[0])).ok());
    for (const double value : y.Values()) EXPECT_EQ(value, 0);
  }
}

}  // namespace
}  // namespace metronome::testing
