#ifndef METRONOME_RUNTIME_STATISTICS_RANDOM_H_
#define METRONOME_RUNTIME_STATISTICS_RANDOM_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/types/span.h"
#include "kernels/base/split_mix.h"

namespace metronome::statistics {

// Random choices that are the same on every platform for the same seed.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  // Uniform in [0, limit); limit > 0 and below 2^32. The bias of the multiplication is below limit / 2^32.
  size_t Below(size_t limit) { return static_cast<size_t>(((NextSplitMix64(state_) >> 32) * limit) >> 32); }

  // Every order of the values is as likely as every other (Fisher and Yates).
  void Shuffle(absl::Span<double> values) {
    for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[Below(i)]);
  }

 private:
  uint64_t state_;
};

}  // namespace metronome::statistics

#endif  // METRONOME_RUNTIME_STATISTICS_RANDOM_H_
