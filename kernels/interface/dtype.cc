#include "kernels/interface/dtype.h"

#include <array>
#include <cmath>
#include <utility>

namespace metronome::kernels {
namespace {

struct Spelling {
  DType dtype;
  absl::string_view name;
  absl::string_view safetensors;
};

constexpr std::array<Spelling, 5> kSpellings = {{
    {DType::kFloat32, "float32", "F32"},
    {DType::kBFloat16, "bfloat16", "BF16"},
    {DType::kFloat16, "float16", "F16"},
    {DType::kInt32, "int32", "I32"},
    {DType::kBool, "bool", "BOOL"},
}};

}  // namespace

absl::string_view Name(DType dtype) { return kSpellings[static_cast<size_t>(dtype)].name; }

std::optional<DType> ParseDType(absl::string_view name) {
  for (const Spelling& spelling : kSpellings) {
    if (name == spelling.name || name == spelling.safetensors) return spelling.dtype;
  }
  return std::nullopt;
}

uint16_t Float16::FromFloat(float value) {
  const uint32_t word = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (word >> 16) & 0x8000u;
  const uint32_t magnitude = word & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);   // NaN.
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // 65520 and above round to infinity.
  if (magnitude < 0x38800000u) {
    // Subnormal: adding 0.5 puts the result's last place (2^-24) at the bottom of a float32 significand, so the FPU
    // does the rounding.
    const float rounded = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(rounded) - std::bit_cast<uint32_t>(0.5f)));
  }
  const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
  return static_cast<uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
}

float Float16::ToFloat(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 0x1fu;
  const uint32_t fraction = bits & 0x3ffu;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (fraction << 13));
  if (exponent == 0) {
    const float magnitude = std::ldexp(static_cast<float>(fraction), -24);
    return sign != 0 ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | ((exponent + 112u) << 23) | (fraction << 13));
}

}  // namespace metronome::kernels
