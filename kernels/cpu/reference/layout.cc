#include <cstring>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "kernels/cpu/check_indices.h"
#include "kernels/cpu/reference/reference.h"
#include "kernels/cpu/reference/typed.h"

namespace metronome::kernels::cpu {
namespace {

constexpr int64_t kGrainBytes = 65536;

int64_t RowsPerGrain(int64_t row_bytes) { return std::max<int64_t>(1, kGrainBytes / std::max<int64_t>(row_bytes, 1)); }

// output element (i0, ..., in) = input element at the sum of ik * strides[k].
void CopyStrided(CpuContext& context, const TensorView& input, const TensorView& output,
                 const std::array<int64_t, kMaxRank>& strides) {
  if (output.elements() == 0) return;
  const int64_t columns = output.shape.rank() == 0 ? 1 : output.shape.back();
  const int64_t step = output.shape.rank() == 0 ? 0 : strides[output.shape.rank() - 1];
  WithAnyType(output.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    context.pool().ParallelFor(output.rows(), RowsPerGrain(columns * sizeof(T)), [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row) {
        const T* in = input.as<T>() + RowOffset(row, output.shape, strides);
        T* out = output.as<T>() + row * columns;
        for (int64_t column = 0; column < columns; ++column) out[column] = in[column * step];
      }
    });
  });
}

absl::Status Transpose(CpuContext& context, const KernelArgs& args) {
  const Shape& shape = args.inputs[0].shape;
  std::array<int64_t, kMaxRank> input_strides{}, strides{};
  int64_t stride = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    input_strides[axis] = stride;
    stride *= shape[axis];
  }
  const std::vector<int64_t>& permutation = args.attributes->Ints("permutation");
  for (int axis = 0; axis < shape.rank(); ++axis) strides[axis] = input_strides[permutation[axis]];
  CopyStrided(context, args.inputs[0], args.outputs[0], strides);
  return absl::OkStatus();
}

absl::Status Broadcast(CpuContext& context, const KernelArgs& args) {
  CopyStrided(context, args.inputs[0], args.outputs[0], BroadcastStrides(args.inputs[0].shape, args.outputs[0].shape));
  return absl::OkStatus();
}

// Elements before and after an axis: a tensor is [outer, axis, inner].
struct AxisSplit {
  int64_t outer = 1;
  int64_t inner_bytes = 1;
};

AxisSplit SplitAt(const TensorView& view, int axis) {
  AxisSplit split{.inner_bytes = static_cast<int64_t>(SizeOf(view.dtype))};
  for (int i = 0; i < axis; ++i) split.outer *= view.shape[i];
  for (int i = axis + 1; i < view.shape.rank(); ++i) split.inner_bytes *= view.shape[i];
  return split;
}

absl::Status Slice(CpuContext& context, const KernelArgs& args) {
  const TensorView &input = args.inputs[0], &output = args.outputs[0];
  const int axis = static_cast<int>(args.attributes->Int("axis"));
  const AxisSplit split = SplitAt(input, axis);
  const int64_t bytes = output.shape[axis] * split.inner_bytes, stride = input.shape[axis] * split.inner_bytes;
  const auto* from = static_cast<const std::byte*>(input.data) + args.attributes->Int("start") * split.inner_bytes;
  auto* to = static_cast<std::byte*>(output.data);
  if (bytes == 0) return absl::OkStatus();
  context.pool().ParallelFor(split.outer, RowsPerGrain(bytes), [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) std::memcpy(to + i * bytes, from + i * stride, static_cast<size_t>(bytes));
  });
  return absl::OkStatus();
}

absl::Status Concat(CpuContext& context, const KernelArgs& args) {
  const TensorView& output = args.outputs[0];
  const int axis = static_cast<int>(args.attributes->Int("axis"));
  const AxisSplit split = SplitAt(output, axis);
  const int64_t stride = output.shape[axis] * split.inner_bytes;
  auto* to = static_cast<std::byte*>(output.data);
  for (const TensorView& input : args.inputs) {
    const int64_t bytes = input.shape[axis] * split.inner_bytes;
    if (bytes == 0) continue;
    const auto* from = static_cast<const std::byte*>(input.data);
    context.pool().ParallelFor(split.outer, RowsPerGrain(bytes), [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) std::memcpy(to + i * stride, from + i * bytes, static_cast<size_t>(bytes));
    });
    to += bytes;
  }
  return absl::OkStatus();
}

absl::Status Gather(CpuContext&, const KernelArgs& args) {
  const TensorView &table = args.inputs[0], &indices = args.inputs[1], &output = args.outputs[0];
  const int64_t rows = table.shape[0];
  const int64_t row_bytes = rows == 0 ? 0 : table.bytes() / rows;
  RETURN_IF_ERROR(CheckIndices(indices, rows));
  for (int64_t i = 0; i < indices.elements(); ++i) {
    std::memcpy(static_cast<std::byte*>(output.data) + i * row_bytes,
                static_cast<const std::byte*>(table.data) + indices.as<int32_t>()[i] * row_bytes,
                static_cast<size_t>(row_bytes));
  }
  return absl::OkStatus();
}

absl::Status Embedding(CpuContext& context, const KernelArgs& args) {
  RETURN_IF_ERROR(Gather(context, args));
  const TensorView& output = args.outputs[0];
  const auto scale = static_cast<float>(args.attributes->Float("scale", 1));
  WithFloatType(output.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    T* const values = output.as<T>();
    for (int64_t i = 0; i < output.elements(); ++i) values[i] = static_cast<T>(static_cast<float>(values[i]) * scale);
  });
  return absl::OkStatus();
}

absl::Status CacheWrite(CpuContext&, const KernelArgs& args) {
  const TensorView &rows = args.inputs[1], &output = args.outputs[0];
  auto* const end = static_cast<std::byte*>(output.data) + output.bytes();
  if (rows.bytes() > 0) std::memcpy(end - rows.bytes(), rows.data, static_cast<size_t>(rows.bytes()));
  return absl::OkStatus();
}

absl::Status Iota(CpuContext&, const KernelArgs& args) {
  const auto start = static_cast<int32_t>(args.attributes->Int("start"));
  auto* out = args.outputs[0].as<int32_t>();
  for (int32_t i = 0; i < args.outputs[0].elements(); ++i) out[i] = start + i;
  return absl::OkStatus();
}

}  // namespace

void AddReferenceLayout(CpuFunctionTable& table) {
  table["transpose"] = Transpose;
  table["broadcast"] = Broadcast;
  table["slice"] = Slice;
  table["concat"] = Concat;
  table["gather"] = Gather;
  table["embedding"] = Embedding;
  table["cache_write"] = CacheWrite;
  table["iota"] = Iota;
}

}  // namespace metronome::kernels::cpu
