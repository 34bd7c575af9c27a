#include "kernels/cuda/tuning.h"

#include <utility>

#include "kernels/catalogue/op_table.h"
#include "kernels/cuda/products/experts.h"
#include "kernels/cuda/products/library/library_matmul.h"

namespace metronome::kernels::cuda {
namespace {

constexpr absl::string_view kRows = "tune_rows", kWarps = "tune_warps", kBlocks = "tune_blocks", kPacks = "tune_packs",
                            kSplits = "tune_splits", kTile = "tune_tile", kLibrary = "tune_library";

// Of our own kernels.
std::vector<TuningParameter> OwnSpace(absl::string_view kernel, const KernelArgs& args) {
  const bool mix = kernel == Name(Op::kExpertMix), experts = HasTrait(kernel, kExpertProduct);
  if (!experts && !HasTrait(kernel, kProduct)) return {};
  if (mix && args.inputs[3].shape[0] <= kMaxGemvRows) return {};
  const bool gemv =
      !mix && (experts ? args.inputs[2].shape[0] <= kMaxGemvSlots : args.inputs[0].shape[0] <= kMaxGemvRows);
  if (gemv)
    return {
        {kRows, {2, 4}}, {kWarps, {1, 2, 4, 8}}, {kBlocks, {1, 2, 3, 4, 8}}, {kPacks, {4, 8}}, {kSplits, {1, 2, 4, 8}}};
  std::vector<TuningParameter> space = {{kSplits, {1, 2, 4, 8}}};
  if (args.inputs[0].dtype != DType::kFloat32) space.push_back({kTile, {1, 2, 3}});
  return space;
}

}  // namespace

LinearTuning LinearTuningOf(const Attributes& attributes) {
  return {.rows = attributes.Int(kRows),
          .warps = attributes.Int(kWarps),
          .blocks = attributes.Int(kBlocks),
          .packs = attributes.Int(kPacks),
          .splits = attributes.Int(kSplits),
          .tile = attributes.Int(kTile),
          .library = attributes.Int(kLibrary, -1)};
}

Activation ActivationOf(const Attributes& attributes) {
  return attributes.String("activation") == "silu" ? Activation::kSilu : Activation::kGeluTanh;
}

std::vector<TuningParameter> CudaTuningSpace(absl::string_view kernel, const KernelArgs& args, MatmulLibrary* library) {
  std::vector<TuningParameter> space = OwnSpace(kernel, args);
  const int algorithms = library == nullptr ? 0 : LibraryAlgorithms(*library, kernel, args);
  if (algorithms == 0) return space;
  TuningParameter choice = {kLibrary, {}};
  for (int64_t value = 0; value <= algorithms; ++value) choice.values.push_back(value);
  space.push_back(std::move(choice));
  return space;
}

}  // namespace metronome::kernels::cuda
