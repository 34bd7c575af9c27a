#include <algorithm>

#include "kernels/catalogue/checks.h"
#include "kernels/catalogue/norm_prologue.h"

namespace metronome::kernels {
namespace {

int64_t OperandBytes(const KernelArgs& args) {
  int64_t bytes = 0;
  for (const TensorView& in : args.inputs) bytes += in.bytes();
  for (const TensorView& out : args.outputs) bytes += out.bytes();
  return bytes;
}

int64_t NormFlops(const KernelArgs& args) { return HasNorm(args) ? 4 * args.inputs[0].elements() : 0; }

}  // namespace

KernelCost MoveCost(const KernelArgs& args) { return {.flops = 0, .bytes = 2 * args.outputs[0].bytes()}; }
KernelCost ElementwiseCost(const KernelArgs& args) {
  return {.flops = args.outputs[0].elements(), .bytes = OperandBytes(args)};
}
KernelCost ReduceCost(const KernelArgs& args) {
  return {.flops = args.inputs[0].elements(), .bytes = OperandBytes(args)};
}
KernelCost RowCost(const KernelArgs& args) {
  return {.flops = 4 * args.outputs[0].elements(), .bytes = OperandBytes(args)};
}
KernelCost ProductCost(const KernelArgs& args) {
  return {.flops = 2 * args.outputs[0].elements() * args.inputs[0].shape.back() + NormFlops(args),
          .bytes = OperandBytes(args)};
}
KernelCost GroupCost(const KernelArgs& args) {
  KernelCost cost = {.flops = NormFlops(args), .bytes = OperandBytes(args)};
  for (const TensorView& w : WithoutNorm(args).inputs.subspan(1))
    cost.flops += 2 * args.inputs[0].shape[0] * w.elements();
  return cost;
}
// Inactive experts are not touched; indices may name as many experts as there are.
KernelCost ExpertCost(const KernelArgs& args) {
  const TensorView &experts = args.inputs[1], &index = args.inputs[2];
  const int64_t count = experts.shape[0], one = count == 0 ? 0 : experts.elements() / count;
  const int64_t active = std::min(count, index.elements());
  return {.flops = 2 * index.elements() * one,
          .bytes = OperandBytes(args) - experts.bytes() + active * one * static_cast<int64_t>(SizeOf(experts.dtype))};
}
KernelCost CacheWriteCost(const KernelArgs& args) { return {.flops = 0, .bytes = 2 * args.inputs[1].bytes()}; }
KernelCost GatherCost(const KernelArgs& args) {
  return {.flops = 0, .bytes = 2 * args.outputs[0].bytes() + args.inputs[1].bytes()};
}
KernelCost AttentionCost(const KernelArgs& args) {
  const Shape &q = args.inputs[0].shape, &k = args.inputs[1].shape, &v = args.inputs[2].shape;
  const int64_t window = args.attributes->Int("window");
  const int64_t visible = window > 0 ? std::min(window + q[0] - 1, k[0]) : k[0];
  const int64_t row_bytes = (k[1] * k[2] + v[1] * v[2]) * static_cast<int64_t>(SizeOf(args.inputs[1].dtype));
  return {.flops = 2 * q[0] * q[1] * visible * (q[2] + v[2]),
          .bytes = args.inputs[0].bytes() + args.outputs[0].bytes() + visible * row_bytes};
}

}  // namespace metronome::kernels
