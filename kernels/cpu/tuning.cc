#include "kernels/cpu/tuning.h"

#include <algorithm>

#include "kernels/catalogue/op_table.h"
#include "kernels/cpu/vector/bfloat_attention.h"

namespace metronome::kernels::cpu {
namespace {

constexpr absl::string_view kMethod = "tune_method", kGrain = "tune_grain", kSlice = "tune_slice",
                            kStreams = "tune_streams", kPrefetch = "tune_prefetch", kOrder = "tune_order",
                            kBlock = "tune_block", kRowTile = "tune_row_tile", kMinSplit = "tune_min_split";

// Rows of x up to which dot products win: reading the weights dominates.
constexpr int64_t kMaxDotRows = 4;
constexpr int64_t kMaxBFloatDotRows = 48;

// A plan may come from a file, so nothing a kernel sizes its memory by is taken as it stands.
int64_t Bounded(const Attributes& attributes, absl::string_view name, int64_t otherwise, int64_t least, int64_t most) {
  const int64_t value = attributes.Int(name, otherwise);
  return value < least || value > most ? otherwise : value;
}

// The values, that of `calibrated` in front.
TuningParameter Parameter(absl::string_view name, std::vector<int64_t> values, const Attributes& calibrated) {
  if (calibrated.Find(name) != nullptr) {
    const int64_t first = calibrated.Int(name);
    values.erase(std::remove(values.begin(), values.end(), first), values.end());
    values.insert(values.begin(), first);
  }
  return {name, std::move(values)};
}

std::vector<TuningParameter> ProductSpace(TunedForm few, const TensorView& x, const CpuTuning& tuning) {
  const int64_t m = x.shape[0];
  const Attributes& calibrated = tuning.Of(FormOf(few, m), x.dtype);
  std::vector<TuningParameter> space = {Parameter(kSlice, {128, 256, 512, 1024, 2048}, calibrated),
                                        Parameter(kPrefetch, {0, 256, 1024, 4096}, calibrated)};
  if (m <= kMaxDotRows || x.dtype != DType::kBFloat16) {
    space.push_back(Parameter(kStreams, {1, 2, 4, 8}, calibrated));
    space.push_back(Parameter(kOrder, {0, 1}, calibrated));
  }
  if (m > 1) {  // One row is a dot product by any method.
    space.push_back({kMethod, {0, 1}});
    space.push_back({kGrain, {16, 32, 64, 128, 256}});
  }
  return space;
}

}  // namespace

TunedForm FormOf(TunedForm few, int64_t m) { return m <= kMaxDotRows ? few : TunedForm::kProductOfRows; }

LinearTuning LinearTuningOf(const Attributes& attributes, const Attributes& calibrated, int64_t m, bool bfloat) {
  LinearTuning tuning;
  const auto choose = [&](absl::string_view name, int64_t otherwise, int64_t least, int64_t most) {
    return Bounded(attributes, name, Bounded(calibrated, name, otherwise, least, most), least, most);
  };
  const bool dots = m <= (bfloat ? kMaxBFloatDotRows : kMaxDotRows);
  tuning.method = static_cast<LinearTuning::Method>(choose(kMethod, dots ? 0 : 1, 0, 1));
  tuning.grain = choose(kGrain, tuning.grain, 1, 1024);
  tuning.slice_kib = choose(kSlice, tuning.slice_kib, 1, 1 << 20);
  tuning.streams = {.ahead = choose(kPrefetch, tuning.streams.ahead, 0, 1 << 20),
                    .count = static_cast<int32_t>(choose(kStreams, tuning.streams.count, 1, 8)),
                    .far = choose(kOrder, tuning.streams.far ? 0 : 1, 0, 1) == 0};
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

std::vector<TuningParameter> TuningSpace(absl::string_view kernel, const KernelArgs& args,
                                         const CpuTuning& calibrated) {
  if (HasTrait(kernel, kProduct) || HasTrait(kernel, kExpertProduct)) {
    return ProductSpace(HasTrait(kernel, kGated) ? TunedForm::kGated : TunedForm::kProduct, args.inputs[0], calibrated);
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

}  // namespace metronome::kernels::cpu
