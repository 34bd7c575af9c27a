#ifndef METRONOME_KERNELS_CPU_TUNING_H_
#define METRONOME_KERNELS_CPU_TUNING_H_

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "kernels/cpu/calibration/cpu_tuning.h"
#include "kernels/cpu/vector/vector_kernels.h"
#include "kernels/interface/attributes.h"
#include "kernels/interface/backend.h"

namespace metronome::kernels::cpu {

// How a launch of a product goes about its work.
struct LinearTuning {
  // Dot products over rows of weights, or oneDNN.
  enum class Method : uint8_t { kDots, kOneDnn };
  Method method = Method::kDots;
  // Dot products: KiB of a weight that a member claims at a time while much is left, and how it reads them.
  int64_t slice_kib = 512;
  RowStreams streams;
  // oneDNN: rows of weights that a member claims at a time, so that a slice stays in the second-level cache.
  int64_t grain = 64;
};

// What a product of `m` rows of x is tuned as; `few` for up to four.
TunedForm FormOf(TunedForm few, int64_t m);

// For `m` rows of x; `bfloat` where bfloat16 is multiplied as it is. What the launch's attributes leave out, or set out
// of range, is as `calibrated` has it, and otherwise the choice here.
LinearTuning LinearTuningOf(const Attributes& attributes, const Attributes& calibrated, int64_t m, bool bfloat);

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

// What Backend::TuningSpace answers for the CPU; calibrated values come first.
std::vector<TuningParameter> TuningSpace(absl::string_view kernel, const KernelArgs& args, const CpuTuning& calibrated);

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_TUNING_H_
