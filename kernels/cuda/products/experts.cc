#include "kernels/cuda/products/experts.h"

#include "kernels/cuda/kernel_table.h"
#include "kernels/cuda/tuning.h"

namespace metronome::kernels::cuda {
namespace {

// What expert_linear and gated_experts share; `n` columns of y.
LinearArgs ProductOf(const KernelArgs& args, int64_t n) {
  const TensorView &x = args.inputs[0], &y = args.outputs[0];
  LinearArgs linear;
  linear.dtype = x.dtype;
  linear.x = x.data;
  linear.m = y.shape[0];
  linear.k = x.shape[1];
  linear.part[0] = {.w = args.inputs[1].data, .y = y.data, .n = n};
  linear.tuning = LinearTuningOf(*args.attributes);
  return linear;
}

ExpertRows RowsOf(const KernelArgs& args) {
  const Shape& experts = args.inputs[1].shape;
  const int64_t rows = args.inputs[0].shape[0], slots = args.inputs[2].shape[0];
  return {.index = args.inputs[2].as<int32_t>(),
          .slots = slots,
          .repeat = rows > 0 ? slots / rows : 1,
          .experts = experts[0],
          .stride = experts[1] * experts[2]};
}

absl::Status ExpertLinear(const DeviceContext& context, const KernelArgs& args) {
  LaunchExperts(context, ProductOf(args, args.inputs[1].shape[1]), RowsOf(args));
  return absl::OkStatus();
}

absl::Status GatedExperts(const DeviceContext& context, const KernelArgs& args) {
  const TensorView& experts = args.inputs[1];
  const int64_t n = experts.shape[1] / 2;
  LinearArgs linear = ProductOf(args, n);
  linear.up = static_cast<const char*>(experts.data) + n * linear.k * static_cast<int64_t>(SizeOf(experts.dtype));
  linear.activation = ActivationOf(*args.attributes);
  LaunchExperts(context, linear, RowsOf(args));
  return absl::OkStatus();
}

absl::Status ExpertMix(const DeviceContext& context, const KernelArgs& args) {
  const Shape &experts = args.inputs[1].shape, &weights = args.inputs[3].shape;
  LaunchExpertMix(context, {.dtype = args.inputs[0].dtype,
                            .x = args.inputs[0].data,
                            .w = args.inputs[1].data,
                            .index = args.inputs[2].as<int32_t>(),
                            .weights = args.inputs[3].data,
                            .y = args.outputs[0].data,
                            .m = weights[0],
                            .slots = weights[1],
                            .n = experts[1],
                            .k = experts[2],
                            .experts = experts[0],
                            .tuning = LinearTuningOf(*args.attributes)});
  return absl::OkStatus();
}

}  // namespace

void AddExperts(CudaFunctionTable& table) {
  table["expert_linear"] = ExpertLinear;
  table["gated_experts"] = GatedExperts;
  table["expert_mix"] = ExpertMix;
}

}  // namespace metronome::kernels::cuda
