#include "kernels/cuda/rows/normalisation.h"

#include "kernels/cuda/kernel_table.h"

namespace metronome::kernels::cuda {
namespace {

absl::Status Softmax(const DeviceContext& context, const KernelArgs& args) {
  const TensorView &x = args.inputs[0], &y = args.outputs[0];
  LaunchSoftmax(context, {.dtype = x.dtype, .x = x.data, .y = y.data, .rows = x.rows(), .columns = x.shape.back()});
  return absl::OkStatus();
}

// What both norms share; `weight` may be nullptr.
RmsNormArgs NormOf(const Attributes& attributes, const TensorView& x, const TensorView* weight, const TensorView& y) {
  return {.dtype = x.dtype,
          .x = x.data,
          .weight = weight == nullptr ? nullptr : weight->data,
          .y = y.data,
          .rows = x.rows(),
          .columns = x.shape.back(),
          .epsilon = static_cast<float>(attributes.Float("eps")),
          .weight_offset = static_cast<float>(attributes.Float("weight_offset")),
          .round_before_weight = attributes.Int("round_before_weight") != 0};
}

absl::Status RmsNorm(const DeviceContext& context, const KernelArgs& args) {
  LaunchRmsNorm(context, NormOf(*args.attributes, args.inputs[0], args.inputs.size() > 1 ? &args.inputs[1] : nullptr,
                                args.outputs[0]));
  return absl::OkStatus();
}

absl::Status AddRmsNorm(const DeviceContext& context, const KernelArgs& args) {
  RmsNormArgs norm =
      NormOf(*args.attributes, args.inputs[0], args.inputs.size() > 2 ? &args.inputs[2] : nullptr, args.outputs[1]);
  norm.addend = args.inputs[1].data;
  norm.sum = args.outputs[0].data;
  LaunchRmsNorm(context, norm);
  return absl::OkStatus();
}

}  // namespace

void AddNormalisation(CudaFunctionTable& table) {
  table["softmax"] = Softmax;
  table["rms_norm"] = RmsNorm;
  table["add_rms_norm"] = AddRmsNorm;
}

}  // namespace metronome::kernels::cuda
