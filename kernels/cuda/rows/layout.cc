#include "kernels/cuda/rows/layout.h"

#include "kernels/cuda/kernel_table.h"
#include "kernels/cuda/primitives/strided_walk.h"

namespace metronome::kernels::cuda {
namespace {

int64_t ElementBytes(const TensorView& view) { return static_cast<int64_t>(SizeOf(view.dtype)); }

absl::Status Transpose(const DeviceContext& context, const KernelArgs& args) {
  const TensorView &x = args.inputs[0], &y = args.outputs[0];
  int64_t input_strides[kMaxAxes] = {}, stride = 1;
  for (int axis = x.shape.rank() - 1; axis >= 0; --axis) {
    input_strides[axis] = stride;
    stride *= x.shape[axis];
  }
  const std::vector<int64_t>& permutation = args.attributes->Ints("permutation");
  StridedWalk<1> walk;
  walk.rank = y.shape.rank();
  for (int axis = 0; axis < walk.rank; ++axis) {
    walk.sizes[axis] = y.shape[axis];
    walk.strides[0][axis] = input_strides[permutation[axis]];
  }
  LaunchStridedCopy(
      context,
      {.element_bytes = static_cast<int>(ElementBytes(y)), .input = x.data, .output = y.data, .walk = Collapse(walk)});
  return absl::OkStatus();
}

absl::Status Broadcast(const DeviceContext& context, const KernelArgs& args) {
  const TensorView& y = args.outputs[0];
  LaunchStridedCopy(context, {.element_bytes = static_cast<int>(ElementBytes(y)),
                              .input = args.inputs[0].data,
                              .output = y.data,
                              .walk = BroadcastWalk<1>(args.inputs, y.shape)});
  return absl::OkStatus();
}

// A tensor is [outer, axis, inner]; inner_bytes is what one index of the axis takes.
struct AxisSplit {
  int64_t outer = 1;
  int64_t inner_bytes = 1;
};

AxisSplit SplitAt(const TensorView& view, int axis) {
  AxisSplit split = {.outer = 1, .inner_bytes = ElementBytes(view)};
  for (int i = 0; i < axis; ++i) split.outer *= view.shape[i];
  for (int i = axis + 1; i < view.shape.rank(); ++i) split.inner_bytes *= view.shape[i];
  return split;
}

absl::Status Slice(const DeviceContext& context, const KernelArgs& args) {
  const TensorView &x = args.inputs[0], &y = args.outputs[0];
  const int axis = static_cast<int>(args.attributes->Int("axis"));
  const AxisSplit split = SplitAt(x, axis);
  const int64_t row_bytes = y.shape[axis] * split.inner_bytes;
  LaunchCopyRows(context,
                 {.input = static_cast<const char*>(x.data) + args.attributes->Int("start") * split.inner_bytes,
                  .output = y.data,
                  .rows = split.outer,
                  .row_bytes = row_bytes,
                  .input_stride = x.shape[axis] * split.inner_bytes,
                  .output_stride = row_bytes});
  return absl::OkStatus();
}

absl::Status Concat(const DeviceContext& context, const KernelArgs& args) {
  const TensorView& y = args.outputs[0];
  const int axis = static_cast<int>(args.attributes->Int("axis"));
  const AxisSplit split = SplitAt(y, axis);
  auto* to = static_cast<char*>(y.data);
  for (const TensorView& x : args.inputs) {
    const int64_t row_bytes = x.shape[axis] * split.inner_bytes;
    LaunchCopyRows(context, {.input = x.data,
                             .output = to,
                             .rows = split.outer,
                             .row_bytes = row_bytes,
                             .input_stride = row_bytes,
                             .output_stride = y.shape[axis] * split.inner_bytes});
    to += row_bytes;
  }
  return absl::OkStatus();
}

absl::Status CacheWrite(const DeviceContext& context, const KernelArgs& args) {
  const TensorView &rows = args.inputs[1], &y = args.outputs[0];
  const int64_t count = rows.shape[0];
  if (count == 0) return absl::OkStatus();
  const int64_t row_bytes = rows.bytes() / count;
  LaunchCopyRows(context, {.input = rows.data,
                           .output = y.data,
                           .rows = count,
                           .row_bytes = row_bytes,
                           .input_stride = row_bytes,
                           .output_stride = row_bytes,
                           .first_output_row = StepSizeOf(context, y.shape[0] - count, args.follows_past)});
  return absl::OkStatus();
}

absl::Status Gather(const DeviceContext& context, const KernelArgs& args) {
  const TensorView &table = args.inputs[0], &indices = args.inputs[1], &y = args.outputs[0];
  int64_t row_bytes = ElementBytes(y);
  for (int axis = 1; axis < y.shape.rank(); ++axis) row_bytes *= y.shape[axis];
  LaunchGather(context, {.table = table.data,
                         .indices = indices.as<int32_t>(),
                         .output = y.data,
                         .table_rows = table.shape[0],
                         .rows = indices.elements(),
                         .row_bytes = row_bytes});
  return absl::OkStatus();
}

absl::Status Embedding(const DeviceContext& context, const KernelArgs& args) {
  const TensorView &table = args.inputs[0], &indices = args.inputs[1], &y = args.outputs[0];
  int64_t columns = 1;
  for (int axis = 1; axis < y.shape.rank(); ++axis) columns *= y.shape[axis];
  LaunchEmbedding(context, {.dtype = y.dtype,
                            .table = table.data,
                            .indices = indices.as<int32_t>(),
                            .output = y.data,
                            .table_rows = table.shape[0],
                            .rows = indices.elements(),
                            .columns = columns,
                            .scale = static_cast<float>(args.attributes->Float("scale", 1))});
  return absl::OkStatus();
}

absl::Status Iota(const DeviceContext& context, const KernelArgs& args) {
  const TensorView& y = args.outputs[0];
  LaunchIota(context, {.output = y.as<int32_t>(),
                       .elements = y.elements(),
                       .start = StepSizeOf(context, args.attributes->Int("start"), args.follows_past)});
  return absl::OkStatus();
}

}  // namespace

void AddLayout(CudaFunctionTable& table) {
  table["transpose"] = Transpose;
  table["broadcast"] = Broadcast;
  table["slice"] = Slice;
  table["concat"] = Concat;
  table["cache_write"] = CacheWrite;
  table["gather"] = Gather;
  table["embedding"] = Embedding;
  table["iota"] = Iota;
}

}  // namespace metronome::kernels::cuda
