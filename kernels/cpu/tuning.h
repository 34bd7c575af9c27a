#ifndef METRONOME_KERNELS_CPU_TUNING_H_
#define METRONOME_KERNELS_CPU_TUNING_H_

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "kernels/attributes.h"
#include "kernels/backend.h"

namespace metronome::cpu {

// How a launch of linear, linear_group or gated_linear goes about its work.
struct LinearTuning {
  // Dot products over rows of weights, or oneDNN.
  enum class Method : uint8_t { kDots, kOneDnn };
  Method method = Method::kDots;
  // Rows of weights that a member claims at a time: enough to amortise the claim, few enough to balance stalls and for
  // the slice (64 x 8192 bfloat16, 1 MiB) to stay in the second-level cache.
  int64_t grain = 64;
};
// For `m` rows of x; `bfloat` where bfloat16 is multiplied as it is. Attributes that are absent or out of range leave
// the choice here.
LinearTuning LinearTuningOf(const Attributes& attributes, int64_t m, bool bfloat);

enum class FetchLevel : uint8_t;

struct AttentionTuning {
  // Positions taken at a time at most: 64 rows of a 128-wide bfloat16 head are 16 KiB, so that keys stay in the
  // first-level cache until their values are mixed.
  int64_t block = 64;
  // Bytes of keys and values, of all heads that are taken together, that a block spans at most: the next block waits in
  // a cache beside it.
  int64_t block_bytes = 32768;
  // Where the next block of a long cache waits.
  FetchLevel fetch{};
  // Rows of a prompt that share a block.
  int64_t row_tile = 4;
  // Positions below which splitting costs more than it brings.
  int64_t min_split = 256;
};
AttentionTuning AttentionTuningOf(const Attributes& attributes);

// What Backend::TuningSpace answers for the CPU.
std::vector<TuningParameter> TuningSpace(absl::string_view kernel, const KernelArgs& args);

}  // namespace metronome::cpu

#endif  // METRONOME_KERNELS_CPU_TUNING_H_
