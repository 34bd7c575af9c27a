#include <algorithm>
#include <cmath>

#include "kernels/cpu/element_at.h"
#include "kernels/cpu/optimised.h"
#include "kernels/cpu/vector/select.h"

namespace metronome::cpu {
namespace {

// Elements a member takes at a time.
constexpr int64_t kGrainElements = 8192;

const void* RowAt(const TensorView& view, int64_t row) { return ElementAt(view, row * view.shape.back()); }

// Widens each row of the first input, lets `transform(kernels, row index, row, work)` change it in place, and stores it
// rounded. `work` has as many elements as the row.
template <typename Transform>
absl::Status TransformRows(CpuContext& context, const KernelArgs& args, Transform transform) {
  const TensorView &x = args.inputs[0], &y = args.outputs[0];
  const int64_t size = x.shape.back();
  if (x.elements() == 0) return absl::OkStatus();
  const VectorKernels& kernels = SelectVectorKernels(context.instruction_set());
  const VectorDType dtype = ToVectorDType(x.dtype);
  context.pool().ParallelFor(
      x.rows(), std::max<int64_t>(1, kGrainElements / size), [&](int64_t begin, int64_t end, int member) {
        auto* const row = static_cast<float*>(context.Scratch(member, static_cast<size_t>(2 * size) * sizeof(float)));
        for (int64_t i = begin; i < end; ++i) {
          kernels.widen(dtype, RowAt(x, i), size, row);
          transform(kernels, i, row, row + size);
          kernels.narrow(dtype, row, size, const_cast<void*>(RowAt(y, i)));
        }
      });
  return absl::OkStatus();
}

// Rounds to `dtype` and back. `work` has as many elements as the row.
void RoundRow(const VectorKernels& kernels, VectorDType dtype, float* row, int64_t size, float* work) {
  if (dtype == VectorDType::kFloat32) return;
  kernels.narrow(dtype, row, size, work);
  kernels.widen(dtype, work, size, row);
}

}  // namespace

absl::Status OptimisedSoftmax(CpuContext& context, const KernelArgs& args) {
  const int64_t size = args.inputs[0].shape.back();
  return TransformRows(context, args, [&](const VectorKernels& kernels, int64_t, float* row, float*) {
    const float sum = kernels.exp_sum(row, size, kernels.maximum(row, size));
    kernels.scale(row, size, 1 / sum);
  });
}

absl::Status OptimisedRmsNorm(CpuContext& context, const KernelArgs& args) {
  const int64_t size = args.inputs[0].shape.back();
  const VectorDType dtype = ToVectorDType(args.inputs[0].dtype);
  const auto eps = static_cast<float>(args.attributes->Float("eps")),
             offset = static_cast<float>(args.attributes->Float("weight_offset"));
  const bool round_first = args.attributes->Int("round_before_weight") != 0;
  return TransformRows(context, args, [&](const VectorKernels& kernels, int64_t, float* row, float* work) {
    kernels.scale(row, size, 1 / std::sqrt(kernels.sum_squares(row, size) / static_cast<float>(size) + eps));
    if (args.inputs.size() < 2) return;
    if (round_first) RoundRow(kernels, dtype, row, size, work);
    kernels.widen(dtype, args.inputs[1].data, size, work);
    kernels.multiply(row, work, size, offset);
  });
}

absl::Status OptimisedRope(CpuContext& context, const KernelArgs& args) {
  const int64_t heads = args.inputs[0].shape[1], d = args.inputs[0].shape[2];
  const VectorDType dtype = ToVectorDType(args.inputs[0].dtype);
  // A row is a head; the tables are per position.
  const int64_t positions = args.inputs[0].shape[0];
  const VectorKernels& kernels = SelectVectorKernels(context.instruction_set());
  float* tables = context.SharedScratch(2 * positions * d);
  float* const sines = tables + positions * d;
  kernels.widen(dtype, args.inputs[1].data, positions * d, tables);
  kernels.widen(dtype, args.inputs[2].data, positions * d, sines);
  return TransformRows(context, args, [&](const VectorKernels& row_kernels, int64_t i, float* row, float*) {
    const int64_t at = i / heads * d;
    row_kernels.rotate(row, tables + at, sines + at, d);
  });
}

absl::Status OptimisedGatedActivation(CpuContext& context, const KernelArgs& args) {
  const int64_t size = args.inputs[0].shape.back();
  const VectorDType dtype = ToVectorDType(args.inputs[0].dtype);
  const bool silu = args.attributes->String("activation") == "silu";
  return TransformRows(context, args, [&](const VectorKernels& kernels, int64_t i, float* row, float* work) {
    (silu ? kernels.silu : kernels.gelu_tanh)(row, size);
    RoundRow(kernels, dtype, row, size, work);
    kernels.widen(dtype, RowAt(args.inputs[1], i), size, work);
    kernels.multiply(row, work, size, 0);
  });
}

}  // namespace metronome::cpu
