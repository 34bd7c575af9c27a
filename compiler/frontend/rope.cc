#include "compiler/frontend/rope.h"

#include <algorithm>
#include <cmath>

namespace metronome::compiler {
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

// Over the original positions, the element whose pair turns `turns` times.
double YarnBound(const RopeConfig& rope, int64_t elements, double turns) {
  const double positions = static_cast<double>(rope.original_max_position_embeddings);
  return static_cast<double>(elements) * std::log(positions / (turns * 2 * M_PI)) / (2 * std::log(rope.theta));
}

// Pairs that turn often are kept, those that turn seldom divided by the factor, those between blended by a ramp over
// their index (Peng et al. 2023, arXiv:2309.00071).
void ScaleYarn(const RopeConfig& rope, int64_t elements, std::vector<float>& frequencies) {
  double low = YarnBound(rope, elements, rope.beta_fast), high = YarnBound(rope, elements, rope.beta_slow);
  if (rope.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, static_cast<double>(elements - 1));
  if (low == high) high += 0.001;  // As the reference avoids a division by zero.
  for (size_t i = 0; i < frequencies.size(); ++i) {
    const float ramp = (static_cast<float>(i) - static_cast<float>(low)) / static_cast<float>(high - low);
    const float kept = 1 - std::clamp(ramp, 0.0f, 1.0f);
    const float stretched = 1 / (static_cast<float>(rope.factor) * (1 / frequencies[i]));
    frequencies[i] = stretched * (1 - kept) + frequencies[i] * kept;
  }
}

}  // namespace

int64_t RotatedElements(const RopeConfig& rope, int64_t head_dim) {
  if (rope.scaling == RopeConfig::Scaling::kProportional) return head_dim;
  return static_cast<int64_t>(rope.rotated * static_cast<double>(head_dim));
}

std::vector<double> InverseFrequencies(const RopeConfig& rope, int64_t head_dim) {
  const auto turning = static_cast<int64_t>(rope.rotated * static_cast<double>(head_dim) / 2);
  const int64_t elements = RotatedElements(rope, head_dim);
  std::vector<float> frequencies;
  for (int64_t i = 0; i < head_dim / 2; ++i) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(elements);
    float frequency = 1.0f / std::pow(static_cast<float>(rope.theta), exponent);
    if (rope.scaling == RopeConfig::Scaling::kLinear) frequency /= static_cast<float>(rope.factor);
    if (rope.scaling == RopeConfig::Scaling::kProportional)
      frequency = i < turning ? frequency / static_cast<float>(rope.factor) : 0;
    if (rope.scaling == RopeConfig::Scaling::kLlama3) frequency = ScaleLlama3(frequency, rope);
    frequencies.push_back(frequency);
  }
  if (rope.scaling == RopeConfig::Scaling::kYarn) ScaleYarn(rope, elements, frequencies);
  return {frequencies.begin(), frequencies.end()};
}

}  // namespace metronome::compiler
