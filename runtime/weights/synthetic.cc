#include "runtime/weights/synthetic.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/hash.h"

namespace metronome::runtime {
namespace {

constexpr int64_t kPerHash = 4;  // 16-bit values in one hash.

template <typename T>
void Fill(uint64_t key, const SyntheticRange& range, int64_t begin, int64_t end, T* to) {
  // A lane of 16 bits, centred, is uniform in [-32767.5, 32767.5].
  const float scale = range.half_width / 32768.0f;
  const float base = range.mean - range.half_width + 0.5f * scale;
  const auto value = [&](uint64_t hash, int64_t lane) {
    return static_cast<T>(base + scale * static_cast<float>(static_cast<uint16_t>(hash >> (16 * lane))));
  };
  int64_t i = begin;
  const auto hash_of = [key](int64_t group) {
    return SplitMix64(key + static_cast<uint64_t>(group) * kSplitMix64Step);
  };
  for (; i < end && i % kPerHash != 0; ++i) to[i - begin] = value(hash_of(i / kPerHash), i % kPerHash);
  for (; i + kPerHash <= end; i += kPerHash) {
    const uint64_t hash = hash_of(i / kPerHash);
    for (int64_t lane = 0; lane < kPerHash; ++lane) to[i - begin + lane] = value(hash, lane);
  }
  for (; i < end; ++i) to[i - begin] = value(hash_of(i / kPerHash), i % kPerHash);
}

}  // namespace

SyntheticRange SyntheticRangeFor(WeightInit init, const kernels::Shape& shape) {
  const float sqrt3 = std::sqrt(3.0f);  // A uniform value in [-w, w] has standard deviation w / sqrt(3).
  switch (init) {
    case WeightInit::kMatrix:
      return {0, sqrt3 / std::sqrt(static_cast<float>(std::max<int64_t>(shape.rank() == 0 ? 1 : shape.back(), 1)))};
    case WeightInit::kEmbedding:
      return {0, sqrt3 * 0.05f};
    case WeightInit::kOnes:
      return {1, 0.05f};
    case WeightInit::kZeros:
    case WeightInit::kBias:
      return {0, 0.05f};
  }
  return {};
}

uint64_t SyntheticKey(uint64_t seed, absl::string_view name) { return SplitMix64(Fnv1a(name) ^ SplitMix64(seed)); }

void FillSynthetic(uint64_t key, const SyntheticRange& range, kernels::DType dtype, int64_t begin, int64_t end,
                   void* to) {
  switch (dtype) {
    case kernels::DType::kBFloat16:
      return Fill(key, range, begin, end, static_cast<kernels::BFloat16*>(to));
    case kernels::DType::kFloat16:
      return Fill(key, range, begin, end, static_cast<kernels::Float16*>(to));
    case kernels::DType::kFloat32:
      return Fill(key, range, begin, end, static_cast<float*>(to));
    case kernels::DType::kInt32:
    case kernels::DType::kBool:
      return;  // No model stores such weights.
  }
}

}  // namespace metronome::runtime
