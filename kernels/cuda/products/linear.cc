#include "kernels/cuda/products/linear.h"

#include "kernels/catalogue/norm_prologue.h"
#include "kernels/cuda/kernel_table.h"
#include "kernels/cuda/products/gemm.h"
#include "kernels/cuda/products/gemv.h"
#include "kernels/cuda/products/library/library_matmul.h"
#include "kernels/cuda/products/norm_linear.h"
#include "kernels/cuda/tuning.h"

namespace metronome::kernels::cuda {
namespace {

LinearArgs ProductOf(const KernelArgs& args) {
  const TensorView& x = args.inputs[0];
  LinearArgs linear;
  linear.dtype = x.dtype;
  linear.x = x.data;
  linear.m = x.shape[0];
  linear.k = x.shape[1];
  linear.tuning = LinearTuningOf(*args.attributes);
  linear.norm = NormPrologueOf(args);
  return linear;
}

LinearPart PartOf(const TensorView& w, const TensorView* bias, const TensorView& y) {
  return {.w = w.data, .bias = bias == nullptr ? nullptr : bias->data, .y = y.data, .n = w.shape[0]};
}

absl::Status Linear(const DeviceContext& context, const KernelArgs& args) {
  const bool has_bias = args.attributes->Int("has_bias") != 0;
  LinearArgs linear = ProductOf(args);
  linear.part[0] = PartOf(args.inputs[1], has_bias ? &args.inputs[2] : nullptr, args.outputs[0]);
  if (args.attributes->Int("has_residual") != 0) linear.residual = WithoutNorm(args).inputs.back().data;
  linear.wide = args.outputs[0].dtype != linear.dtype;
  linear.activates = !args.attributes->String("activation").empty();
  linear.activation = ActivationOf(*args.attributes);
  return LaunchProduct(context, linear);
}

absl::Status LinearGroup(const DeviceContext& context, const KernelArgs& args) {
  const bool has_bias = args.attributes->Int("has_bias") != 0;
  LinearArgs linear = ProductOf(args);
  linear.parts = static_cast<int>(args.outputs.size());
  for (int i = 0; i < linear.parts; ++i)
    linear.part[i] =
        PartOf(args.inputs[1 + i], has_bias ? &args.inputs[1 + linear.parts + i] : nullptr, args.outputs[i]);
  return LaunchProduct(context, linear);
}

absl::Status GatedLinear(const DeviceContext& context, const KernelArgs& args) {
  LinearArgs linear = ProductOf(args);
  linear.part[0] = PartOf(args.inputs[1], nullptr, args.outputs[0]);
  linear.up = args.inputs[2].data;
  linear.activation = ActivationOf(*args.attributes);
  return LaunchProduct(context, linear);
}

}  // namespace

void LaunchLinear(const DeviceContext& context, const LinearArgs& args) {
  if (args.m == 0) return;
  if (args.m <= kMaxGemvRows) {
    LaunchGemv(context, args, {}, args.m);
  } else if (!LaunchLinearByLibrary(context, args)) {
    LaunchGemm(context, args, {});
  }
}

void AddLinear(CudaFunctionTable& table) {
  table["linear"] = Linear;
  table["linear_group"] = LinearGroup;
  table["gated_linear"] = GatedLinear;
}

}  // namespace metronome::kernels::cuda
