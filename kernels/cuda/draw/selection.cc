#include "kernels/cuda/draw/selection.h"

#include "kernels/cuda/kernel_table.h"

namespace metronome::kernels::cuda {
namespace {

absl::Status Argmax(const DeviceContext& context, const KernelArgs& args) {
  const TensorView& x = args.inputs[0];
  LaunchArgmax(context, {.dtype = x.dtype,
                         .x = x.data,
                         .index = args.outputs[0].as<int32_t>(),
                         .rows = x.shape[0],
                         .columns = x.shape[1]});
  return absl::OkStatus();
}

absl::Status TopK(const DeviceContext& context, const KernelArgs& args) {
  const TensorView& x = args.inputs[0];
  LaunchTopK(context, {.dtype = x.dtype,
                       .x = x.data,
                       .values = args.outputs[0].data,
                       .index = args.outputs[1].as<int32_t>(),
                       .rows = x.shape[0],
                       .columns = x.shape[1],
                       .k = args.attributes->Int("k")});
  return absl::OkStatus();
}

}  // namespace

void AddSelection(CudaFunctionTable& table) {
  table["argmax"] = Argmax;
  table["top_k"] = TopK;
}

}  // namespace metronome::kernels::cuda
