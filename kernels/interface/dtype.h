#ifndef METRONOME_KERNELS_INTERFACE_DTYPE_H_
#define METRONOME_KERNELS_INTERFACE_DTYPE_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "kernels/interface/dtype_enum.h"

namespace metronome::kernels {

// "float32", "bfloat16", "float16", "int32", "bool": PyTorch's names, used in every API and file.
absl::string_view Name(DType dtype);

// Accepts Name()'s spellings, and the safetensors codes "F32", "BF16", "F16", "I32", "BOOL".
std::optional<DType> ParseDType(absl::string_view name);

// Storage types of one element. Conversions round to nearest, ties to even, as PyTorch does; NaN stays NaN.
struct BFloat16 {
  uint16_t bits = 0;

  BFloat16() = default;
  explicit BFloat16(float value) {
    const uint32_t word = std::bit_cast<uint32_t>(value);
    if ((word & 0x7fffffffu) > 0x7f800000u) {
      bits = static_cast<uint16_t>((word >> 16) | 0x40u);  // Quiet the NaN so that truncation cannot make it infinity.
    } else {
      bits = static_cast<uint16_t>((word + 0x7fffu + ((word >> 16) & 1u)) >> 16);
    }
  }
  explicit operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};

struct Float16 {
  uint16_t bits = 0;

  Float16() = default;
  explicit Float16(float value) : bits(FromFloat(value)) {}
  explicit operator float() const { return ToFloat(bits); }

  static uint16_t FromFloat(float value);
  static float ToFloat(uint16_t bits);
};

}  // namespace metronome::kernels

#endif  // METRONOME_KERNELS_INTERFACE_DTYPE_H_
