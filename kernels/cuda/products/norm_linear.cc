#include "kernels/cuda/products/norm_linear.h"

#include "absl/strings/str_cat.h"
#include "kernels/catalogue/norm_prologue.h"
#include "kernels/interface/dtype.h"

namespace metronome::kernels::cuda {
NormPrologue NormPrologueOf(const KernelArgs& args) {
  if (!HasNorm(args)) return {};
  const Attributes& attributes = *args.attributes;
  return {.weight = args.inputs.back().data,
          .epsilon = static_cast<float>(attributes.Float("eps")),
          .weight_offset = static_cast<float>(attributes.Float("weight_offset")),
          .round_before_weight = attributes.Int("round_before_weight") != 0};
}

absl::Status LaunchProduct(const DeviceContext& context, const LinearArgs& args) {
  if (args.norm.weight == nullptr) {
    LaunchLinear(context, args);
    return absl::OkStatus();
  }
  if (LaunchNormLinear(context, args)) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("a normalised row of ", args.k, " ", Name(args.dtype),
                                                   " does not fit the scratch of ", context.scratch.bytes, " bytes"));
}

}  // namespace metronome::kernels::cuda
