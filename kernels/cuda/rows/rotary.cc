#include "kernels/cuda/rows/rotary.h"

#include "kernels/cuda/kernel_table.h"

namespace metronome::kernels::cuda {
namespace {

absl::Status Rope(const DeviceContext& context, const KernelArgs& args) {
  const TensorView& x = args.inputs[0];
  LaunchRope(context, {.dtype = x.dtype,
                       .x = x.data,
                       .cos = args.inputs[1].data,
                       .sin = args.inputs[2].data,
                       .y = args.outputs[0].data,
                       .rows = x.shape[0],
                       .heads = x.shape[1],
                       .size = x.shape[2]});
  return absl::OkStatus();
}

}  // namespace

void AddRotary(CudaFunctionTable& table) { table["rope"] = Rope; }

}  // namespace metronome::kernels::cuda
