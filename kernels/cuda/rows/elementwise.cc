#include "kernels/cuda/rows/elementwise.h"

#include "kernels/cuda/kernel_table.h"
#include "kernels/cuda/primitives/strided_walk.h"

namespace metronome::kernels::cuda {
namespace {

template <Op kOp>
absl::Status Unary(const DeviceContext& context, const KernelArgs& args) {
  const TensorView &x = args.inputs[0], &y = args.outputs[0];
  LaunchUnary(context, {.op = kOp, .dtype = x.dtype, .x = x.data, .y = y.data, .elements = y.elements()});
  return absl::OkStatus();
}

template <Op kOp>
absl::Status Binary(const DeviceContext& context, const KernelArgs& args) {
  const TensorView &a = args.inputs[0], &b = args.inputs[1], &y = args.outputs[0];
  LaunchBinary(context, {.op = kOp,
                         .dtype = y.dtype,
                         .a = a.data,
                         .b = b.data,
                         .y = y.data,
                         .walk = BroadcastWalk<2>(args.inputs, y.shape)});
  return absl::OkStatus();
}

template <Op kOp>
absl::Status Compare(const DeviceContext& context, const KernelArgs& args) {
  const TensorView &a = args.inputs[0], &b = args.inputs[1], &y = args.outputs[0];
  LaunchCompare(context, {.op = kOp,
                          .dtype = a.dtype,
                          .a = a.data,
                          .b = b.data,
                          .y = y.data,
                          .walk = BroadcastWalk<2>(args.inputs, y.shape)});
  return absl::OkStatus();
}

absl::Status And(const DeviceContext& context, const KernelArgs& args) {
  const TensorView& y = args.outputs[0];
  LaunchAnd(context, {.a = args.inputs[0].data,
                      .b = args.inputs[1].data,
                      .y = y.data,
                      .walk = BroadcastWalk<2>(args.inputs, y.shape)});
  return absl::OkStatus();
}

absl::Status Select(const DeviceContext& context, const KernelArgs& args) {
  const TensorView& y = args.outputs[0];
  LaunchSelect(context, {.element_bytes = static_cast<int>(SizeOf(y.dtype)),
                         .condition = args.inputs[0].data,
                         .a = args.inputs[1].data,
                         .b = args.inputs[2].data,
                         .y = y.data,
                         .walk = BroadcastWalk<3>(args.inputs, y.shape)});
  return absl::OkStatus();
}

absl::Status Cast(const DeviceContext& context, const KernelArgs& args) {
  const TensorView &x = args.inputs[0], &y = args.outputs[0];
  LaunchCast(context, {.from = x.dtype, .to = y.dtype, .x = x.data, .y = y.data, .elements = y.elements()});
  return absl::OkStatus();
}

}  // namespace

void AddElementwise(CudaFunctionTable& table) {
#define METRONOME_ADD_UNARY(id, name, ...) table[name] = Unary<Op::k##id>;
#define METRONOME_ADD_BINARY(id, name, ...) table[name] = Binary<Op::k##id>;
#define METRONOME_ADD_COMPARE(id, name, ...) table[name] = Compare<Op::k##id>;
  METRONOME_UNARY_OPS(METRONOME_ADD_UNARY)
  METRONOME_BINARY_OPS(METRONOME_ADD_BINARY)
  METRONOME_COMPARE_OPS(METRONOME_ADD_COMPARE)
#undef METRONOME_ADD_UNARY
#undef METRONOME_ADD_BINARY
#undef METRONOME_ADD_COMPARE
  table["and"] = And;
  table["select"] = Select;
  table["cast"] = Cast;
}

}  // namespace metronome::kernels::cuda
