#ifndef METRONOME_RUNTIME_SAMPLING_EXP_H_
#define METRONOME_RUNTIME_SAMPLING_EXP_H_

#include <bit>
#include <cstdint>

namespace metronome {

// Arithmetic that gives the same bits on every platform and in every vector width, because drawn tokens depend on it:
// single IEEE operations in a written order. Sources that include this compile with -ffp-contract=off.

// e^x for x <= 0, within 2 units in the last place of a float; e^0 is 1. Below -87 it stays e^-87, about 1.6e-38, so
// that no result is subnormal; -infinity gives that too.
// Source: Moshier, Cephes mathematical library, single/expf.c (https://www.netlib.org/cephes).
inline float ExpOfNonPositive(float x) {
  constexpr float kLowest = -87.0f;
  constexpr float kLog2E = 1.44269504088896341f;
  constexpr float kLn2High = 0.693359375f;  // Few bits, so that its product with an exponent is exact.
  constexpr float kLn2Low = -2.12194440e-4f;
  // A float this large has no fraction bits: adding it rounds to the nearest integer, which is then in the low bits.
  constexpr float kRounder = 0x1.8p23f;
  constexpr int32_t kExponentBias = 127, kMantissaBits = 23;

  const float clamped = x < kLowest ? kLowest : x;
  const float rounded = clamped * kLog2E + kRounder;
  const float exponent = rounded - kRounder;
  const float r = (clamped - exponent * kLn2High) - exponent * kLn2Low;  // |r| <= ln(2) / 2.
  float polynomial = 1.9875691500e-4f;
  polynomial = polynomial * r + 1.3981999507e-3f;
  polynomial = polynomial * r + 8.3334519073e-3f;
  polynomial = polynomial * r + 4.1665795894e-2f;
  polynomial = polynomial * r + 1.6666665459e-1f;
  polynomial = polynomial * r + 5.0000001201e-1f;
  const float mantissa = (polynomial * (r * r) + r) + 1.0f;
  const int32_t power = std::bit_cast<int32_t>(rounded) - std::bit_cast<int32_t>(kRounder);
  return mantissa * std::bit_cast<float>((power + kExponentBias) << kMantissaBits);
}

// A weight in [0, 1] as a whole number of 2^-42, rounded to nearest: integers sum to the same total in any order. Up to
// kMaxWeights of them do not overflow 64 bits. Less than 1.2e-13 becomes 0.
inline constexpr double kWeightOne = 0x1p42;
inline constexpr int64_t kMaxWeights = int64_t{1} << 21;
inline uint64_t FixedPoint(float weight) {
  constexpr double kRounder = 0x1p52;  // As above, for double.
  return std::bit_cast<uint64_t>(static_cast<double>(weight) * kWeightOne + kRounder) -
         std::bit_cast<uint64_t>(kRounder);
}

}  // namespace metronome

#endif  // METRONOME_RUNTIME_SAMPLING_EXP_H_
