#include "kernels/cuda/rows/activation.h"

#include "kernels/cuda/kernel_table.h"

namespace metronome::kernels::cuda {
namespace {

absl::Status GatedActivation(const DeviceContext& context, const KernelArgs& args) {
  const TensorView& y = args.outputs[0];
  const bool silu = args.attributes->String("activation") == "silu";
  LaunchGatedActivation(context, {.dtype = y.dtype,
                                  .activation = silu ? Activation::kSilu : Activation::kGeluTanh,
                                  .gate = args.inputs[0].data,
                                  .up = args.inputs[1].data,
                                  .y = y.data,
                                  .elements = y.elements()});
  return absl::OkStatus();
}

absl::Status Softcap(const DeviceContext& context, const KernelArgs& args) {
  const TensorView& y = args.outputs[0];
  LaunchSoftcap(context, {.dtype = y.dtype,
                          .x = args.inputs[0].data,
                          .y = y.data,
                          .elements = y.elements(),
                          .cap = static_cast<float>(args.attributes->Float("cap"))});
  return absl::OkStatus();
}

}  // namespace

void AddActivation(CudaFunctionTable& table) {
  table["gated_activation"] = GatedActivation;
  table["softcap"] = Softcap;
}

}  // namespace metronome::kernels::cuda
