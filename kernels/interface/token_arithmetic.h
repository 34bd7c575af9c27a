#ifndef METRONOME_KERNELS_INTERFACE_TOKEN_ARITHMETIC_H_
#define METRONOME_KERNELS_INTERFACE_TOKEN_ARITHMETIC_H_

#include <cmath>
#include <cstdint>
#include <limits>

#include "kernels/base/host_device.h"

namespace metronome::kernels {

// What drawing a token computes. It gives the same bits on every platform and device and in every vector width, because
// drawn tokens depend on it: single IEEE operations in a written order. Sources that include this compile with
// -ffp-contract=off, or nvcc's -fmad=false.

// std::bit_cast, which kernels cannot call.
template <typename To, typename From>
METRONOME_HOST_DEVICE constexpr To BitsAs(From from) {
  static_assert(sizeof(To) == sizeof(From));
  return __builtin_bit_cast(To, from);
}

// e^x for x <= 0, within 2 units in the last place of a float; e^0 is 1. Below -87 it stays e^-87, about 1.6e-38, so
// that no result is subnormal; -infinity gives that too.
// Source: Moshier, Cephes mathematical library, single/expf.c (https://www.netlib.org/cephes).
METRONOME_HOST_DEVICE inline float ExpOfNonPositive(float x) {
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
  const int32_t power = BitsAs<int32_t>(rounded) - BitsAs<int32_t>(kRounder);
  return mantissa * BitsAs<float>((power + kExponentBias) << kMantissaBits);
}

// A weight in [0, 1] as a whole number of 2^-42, rounded to nearest: integers sum to the same total in any order. Up to
// kMaxWeights of them do not overflow 64 bits. Less than 1.2e-13 becomes 0.
inline constexpr double kWeightOne = 0x1p42;
inline constexpr int64_t kMaxWeights = int64_t{1} << 21;
METRONOME_HOST_DEVICE inline uint64_t FixedPoint(float weight) {
  constexpr double kRounder = 0x1p52;  // As above, for double.
  return BitsAs<uint64_t>(static_cast<double>(weight) * kWeightOne + kRounder) - BitsAs<uint64_t>(kRounder);
}

// The logit of a token that the sequence has already.
METRONOME_HOST_DEVICE inline float Penalised(float logit, float penalty) {
  return logit < 0 ? logit * penalty : logit / penalty;
}

// What logits are multiplied by. No temperature > 0 overflows: the smallest ones leave only the largest logit.
inline double InverseTemperature(double temperature) {
  const double inverse = 1 / temperature;
  return inverse < std::numeric_limits<double>::max() ? inverse : std::numeric_limits<double>::max();
}

// e^((logit - largest) * inverse_temperature), the probability relative to the largest logit's. `largest` is finite and
// the logit not larger.
METRONOME_HOST_DEVICE inline float TokenWeight(float logit, double largest, double inverse_temperature) {
  // A float can hold what is not below this, and less weighs nothing.
  constexpr double kLowest = -100;
  const double scaled = (static_cast<double>(logit) - largest) * inverse_temperature;
  return ExpOfNonPositive(static_cast<float>(scaled < kLowest ? kLowest : scaled));
}

// The weights that the tokens kept by top_p reach, of all, which are `total` > 0; both in FixedPoint.
METRONOME_HOST_DEVICE inline uint64_t TopPTarget(double top_p, uint64_t total) {
  const auto reached = static_cast<uint64_t>(std::ceil(top_p * static_cast<double>(total)));
  return reached < 1 ? 1 : reached > total ? total : reached;
}

// Uniform in [0, total): the generator's 64 bits as a fraction of it.
METRONOME_HOST_DEVICE inline uint64_t UniformBelow(uint64_t total, uint64_t bits) {
  __extension__ using Product = unsigned __int128;
  return static_cast<uint64_t>(static_cast<Product>(bits) * total >> 64);
}

// Rises while the logit falls; equal for 0 and -0, which adding 0 makes one. Negative floats rise with their bits
// already, the sign bit makes them the larger; of others all other bits are inverted. Without a branch on the sign,
// which would be mispredicted half of the time. No NaN.
METRONOME_HOST_DEVICE inline uint32_t RankKey(float logit) {
  const auto bits = BitsAs<int32_t>(logit + 0.0f);
  return static_cast<uint32_t>(bits ^ (~(bits >> 31) & 0x7fffffff));
}

// The logit of a key; 0 for that of both zeros.
METRONOME_HOST_DEVICE inline float LogitOfKey(uint32_t key) {
  return BitsAs<float>((key & 0x80000000u) != 0 ? key : key ^ 0x7fffffffu);
}

}  // namespace metronome::kernels

#endif  // METRONOME_KERNELS_INTERFACE_TOKEN_ARITHMETIC_H_
