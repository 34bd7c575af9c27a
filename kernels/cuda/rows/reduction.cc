#include "kernels/cuda/rows/reduction.h"

#include "kernels/cuda/kernel_table.h"

namespace metronome::kernels::cuda {
namespace {

template <ReduceOp kOp>
absl::Status Reduce(const DeviceContext& context, const KernelArgs& args) {
  const TensorView &x = args.inputs[0], &y = args.outputs[0];
  const int axis = static_cast<int>(args.attributes->Int("axis"));
  int64_t outer = 1, inner = 1;
  for (int i = 0; i < axis; ++i) outer *= x.shape[i];
  for (int i = axis + 1; i < x.shape.rank(); ++i) inner *= x.shape[i];
  LaunchReduce(
      context,
      {.op = kOp, .dtype = x.dtype, .x = x.data, .y = y.data, .outer = outer, .size = x.shape[axis], .inner = inner});
  return absl::OkStatus();
}

}  // namespace

void AddReduction(CudaFunctionTable& table) {
  table["reduce_sum"] = Reduce<ReduceOp::kSum>;
  table["reduce_max"] = Reduce<ReduceOp::kMax>;
}

}  // namespace metronome::kernels::cuda
