#include "compiler/frontend/rope.h"

#include <cmath>

namespace metronome {
namespace {

// Long wavelengths are stretched, short ones kept, those between blended (Llama 3.1).
float ScaleLlama3(float frequency, const RopeConfig& rope) {
  const auto factor = static_cast<float>(rope.factor);
  const auto low = static_cast<float>(rope.low_freq_factor), high = static_cast<float>(rope.high_freq_factor);
  const auto original = static_cast<float>(rope.original_max_position_embeddings);
  const float wavelength = 2 * static_cast<float>(M_PI) / frequency;
  if (wavelength > original / low) return frequency / factor;
  if (wavelength < original / high) return frequency;
  const float smooth = (original / wavelength - low) / (high - low);
  return (1 - smooth) * frequency / factor + smooth * frequency;
}

}  // namespace

std::vector<double> InverseFrequencies(const RopeConfig& rope, int64_t head_dim) {
  // As the reference rounds it.
  const auto turning = static_cast<int64_t>(rope.rotated * static_cast<double>(head_dim) / 2);
  std::vector<double> frequencies;
  for (int64_t i = 0; i < head_dim / 2; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(head_dim);
    float frequency = 1.0f / std::pow(static_cast<float>(rope.theta), exponent);
    if (rope.scaling == RopeConfig::Scaling::kLinear) frequency /= static_cast<float>(rope.factor);
    if (rope.scaling == RopeConfig::Scaling::kProportional)
      frequency = i < turning ? frequency / static_cast<float>(rope.factor) : 0;
    if (rope.scaling == RopeConfig::Scaling::kLlama3) frequency = ScaleLlama3(frequency, rope);
    frequencies.push_back(frequency);
  }
  return frequencies;
}

}  // namespace metronome
