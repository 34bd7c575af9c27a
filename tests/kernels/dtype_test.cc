#include "kernels/interface/dtype.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "kernels/interface/convert.h"

namespace metronome::kernels {
namespace {

// The nearest of all 65536 values by exhaustive search over neighbours; ties go to the even bit pattern.
template <typename T>
void ExpectNearest(float value) {
  const T rounded(value);
  const double exact = value, got = static_cast<float>(rounded);
  for (const int step : {-1, 1}) {
    T neighbour;
    neighbour.bits = static_cast<uint16_t>(rounded.bits + step);
    const double other = static_cast<float>(neighbour);
    if (!std::isfinite(other)) continue;
    const double distance = std::abs(got - exact), rival = std::abs(other - exact);
    EXPECT_LE(distance, rival) << value;
    if (distance == rival && (rounded.bits & 0x7fff) != 0) {
      EXPECT_EQ(rounded.bits & 1, 0) << value;
    }
  }
}

TEST(DTypeTest, EveryFiniteValueSurvivesARoundTrip) {
  for (int bits = 0; bits < 65536; ++bits) {
    Float16 half;
    BFloat16 brain;
    half.bits = brain.bits = static_cast<uint16_t>(bits);
    if (std::isnan(static_cast<float>(half))) {
      EXPECT_TRUE(std::isnan(static_cast<float>(Float16(static_cast<float>(half)))));
    } else {
      EXPECT_EQ(Float16(static_cast<float>(half)).bits, bits);
    }
    if (std::isnan(static_cast<float>(brain))) {
      EXPECT_TRUE(std::isnan(static_cast<float>(BFloat16(static_cast<float>(brain)))));
    } else {
      EXPECT_EQ(BFloat16(static_cast<float>(brain)).bits, bits);
    }
  }
}

TEST(DTypeTest, RoundsToNearestEven) {
  for (int i = 0; i < 100000; ++i) {
    const float value = std::ldexp(1.0f + static_cast<float>(i) * 0x1p-17f, i % 29 - 24);
    ExpectNearest<Float16>(value);
    ExpectNearest<BFloat16>(-value);
  }
  EXPECT_EQ(static_cast<float>(Float16(65519.0f)), 65504.0f);
  EXPECT_EQ(static_cast<float>(Float16(65520.0f)), std::numeric_limits<float>::infinity());
  EXPECT_EQ(Float16(0x1p-25f).bits, 0);  // Half the smallest subnormal ties to zero.
  EXPECT_EQ(Float16(0x1.8p-25f).bits, 1);
  EXPECT_EQ(static_cast<float>(BFloat16(3.4e38f)), std::numeric_limits<float>::infinity());
}

TEST(DTypeTest, ParsesItsOwnNamesAndThoseOfSafetensors) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16, DType::kFloat16, DType::kInt32, DType::kBool})
    EXPECT_EQ(ParseDType(Name(dtype)), dtype);
  EXPECT_EQ(ParseDType("BF16"), DType::kBFloat16);
  for (const char* unknown : {"", "fp8", "float64", "Float32", "bf16"})
    EXPECT_EQ(ParseDType(unknown), std::nullopt) << unknown;
}

TEST(ConvertTest, ConvertsAtAnyAlignment) {
  const std::vector<float> values = {1.5f, -2.25f, 0.0f, 65504.0f, 1e-7f};
  for (const DType to : {DType::kFloat32, DType::kBFloat16, DType::kFloat16}) {
    std::vector<unsigned char> bytes(1 + values.size() * SizeOf(to));
    std::vector<float> back(values.size());
    ConvertElements(values.data(), DType::kFloat32, bytes.data() + 1, to, static_cast<int64_t>(values.size()));
    ConvertToFloat32(bytes.data() + 1, to, back.data(), static_cast<int64_t>(values.size()));
    for (size_t i = 0; i < values.size(); ++i) {
      const float want = to == DType::kFloat32    ? values[i]
                         : to == DType::kBFloat16 ? static_cast<float>(BFloat16(values[i]))
                                                  : static_cast<float>(Float16(values[i]));
      EXPECT_EQ(back[i], want);
    }
  }
}

}  // namespace
}  // namespace metronome::kernels
