#include "kernels/cpu/tuning.h"

#include <algorithm>

#include "kernels/cpu/vector/bfloat_attention.h"

namespace metronome::cpu {
namespace {

constexpr absl::string_view kMethod = "tune_method", kGrain = "tune_grain", kBlock = "tune_block",
                            kRowTile = "tune_row_tile", kMinSplit = "tune_min_split";

// Rows of x up to which dot products win: reading the weights dominates.
constexpr int64_t kMaxDotRows = 4;
constexpr int64_t kMaxBFloatDotRows = 48;

// A plan may come from a file, so nothing a kernel sizes its memory by is taken as it stands.
int64_t Bounded(const Attributes& attributes, absl::string_view name, int64_t otherwise, int64_t least, int64_t most) {
  const int64_t value = attributes.Int(name, otherwise);
  return value < least || value > most ? otherwise : value;
}

}  // namespace

LinearTuning LinearTuningOf(const Attributes& attributes, int64_t m, bool bfloat) {
  LinearTuning tuning;
  const bool dots = m <= (bfloat ? kMaxBFloatDotRows : kMaxDotRows);
  tuning.method = static_cast<LinearTuning::Method>(Bounded(attributes, kMethod, dots ? 0 : 1, 0, 1));
  tuning.grain = Bounded(attributes, kGrain, tuning.grain, 1, 1024);
  return tuning;
}

AttentionTuning AttentionTuningOf(const Attributes& attributes) {
  constexpr auto kFetchedTo = static_cast<int64_t>(FetchLevel::kSecond);
  AttentionTuning tuning;
  tuning.block = Bounded(attributes, kBlock, tuning.block, 16, 1024);
  tuning.block_bytes = Bounded(attributes, "tune_block_bytes", tuning.block_bytes, 4096, int64_t{1} << 24);
  tuning.fetch = static_cast<FetchLevel>(Bounded(attributes, "tune_fetch", kFetchedTo, 0, 2));
  tuning.row_tile = Bounded(attributes, kRowTile, tuning.row_tile, 1, 64);
  tuning.min_split = Bounded(attributes, kMinSplit, tuning.min_split, 1, int64_t{1} << 30);
  return tuning;
}

std::vector<TuningParameter> TuningSpace(absl::string_view kernel, const KernelArgs& args) {
  if (kernel == "linear" || kernel == "linear_group" || kernel == "gated_linear" || kernel == "qkv_rope_cache" ||
      kernel == "gated_experts" || kernel == "expert_mix") {
    std::vector<TuningParameter> space = {{kGrain, {16, 32, 64, 128, 256}}};
    // One row is a dot product by any method.
    if (args.inputs[0].shape[0] > 1) space.push_back({kMethod, {0, 1}});
    return space;
  }
  if (kernel == "attention") {
    std::vector<TuningParameter> space = {{kBlock, {32, 64, 128, 256}},
                                          {"tune_block_bytes", {16384, 32768, 65536, 131072}},
                                          {"tune_fetch", {0, 1, 2}},
                                          {kMinSplit, {64, 128, 256, 512, 1024}}};
    if (args.inputs[0].shape[0] > 1) space.push_back({kRowTile, {1, 2, 4, 8, 16}});
    return space;
  }
  return {};
}

}  // namespace metronome::cpu
