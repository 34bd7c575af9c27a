#include <algorithm>
#include <cmath>

#include "kernels/cpu/element_at.h"
#include "kernels/cpu/optimised/optimised.h"
#include "kernels/cpu/optimised/row_steps.h"
#include "kernels/cpu/vector/select.h"

namespace metronome::kernels::cpu {
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

// RMSNorm of a row in place, by the attributes of rms_norm; `weight` may be nullptr.
struct RmsNormalisation {
  explicit RmsNormalisation(const Attributes& attributes)
      : eps(static_cast<float>(attributes.Float("eps"))),
        offset(static_cast<float>(attributes.Float("weight_offset"))),
        round_first(attributes.Int("round_before_weight") != 0) {}

  void Apply(const VectorKernels& kernels, VectorDType dtype, const void* weight, float* row, int64_t size,
             float* work) const {
    kernels.scale(row, size, 1 / std::sqrt(kernels.sum_squares(row, size) / static_cast<float>(size) + eps));
    if (weight == nullptr) return;
    if (round_first) RoundRow(kernels, dtype, row, size, work);
    kernels.widen(dtype, weight, size, work);
    kernels.multiply(row, work, size, offset);
  }

  float eps, offset;
  bool round_first;
};

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
  const RmsNormalisation norm(*args.attributes);
  const void* const weight = args.inputs.size() < 2 ? nullptr : args.inputs[1].data;
  return TransformRows(context, args, [&](const VectorKernels& kernels, int64_t, float* row, float* work) {
    norm.Apply(kernels, dtype, weight, row, size, work);
  });
}

// The first output takes the rounded sum, which is then normalised into the second.
absl::Status OptimisedAddRmsNorm(CpuContext& context, const KernelArgs& args) {
  const int64_t size = args.inputs[0].shape.back();
  const VectorDType dtype = ToVectorDType(args.inputs[0].dtype);
  const RmsNormalisation norm(*args.attributes);
  const void* const weight = args.inputs.size() < 3 ? nullptr : args.inputs[2].data;
  const KernelArgs rows = {.inputs = args.inputs, .outputs = args.outputs.subspan(1), .attributes = args.attributes};
  return TransformRows(context, rows, [&](const VectorKernels& kernels, int64_t i, float* row, float* work) {
    kernels.widen(dtype, RowAt(args.inputs[1], i), size, work);
    kernels.add(row, work, size);
    void* const sum = const_cast<void*>(RowAt(args.outputs[0], i));
    kernels.narrow(dtype, row, size, sum);
    kernels.widen(dtype, sum, size, row);
    norm.Apply(kernels, dtype, weight, row, size, work);
  });
}

// Members take chunks of a row; the first chunk with the largest maximum has the answer.
absl::Status OptimisedArgmax(CpuContext& context, const KernelArgs& args) {
  constexpr int64_t kChunk = 4096;
  const VectorKernels& kernels = SelectVectorKernels(context.instruction_set());
  const TensorView& x = args.inputs[0];
  const VectorDType dtype = ToVectorDType(x.dtype);
  const int64_t size = x.shape[1], chunks = (size + kChunk - 1) / kChunk;
  float* const maxima = context.SharedScratch(x.shape[0] * chunks);  // NaN where the chunk has one.
  context.pool().ParallelFor(x.shape[0] * chunks, 1, [&](int64_t index, int64_t, int) {
    float values[kChunk];
    const int64_t begin = index % chunks * kChunk, count = std::min(kChunk, size - begin);
    kernels.widen(dtype, ElementAt(x, index / chunks * size + begin), count, values);
    maxima[index] = std::isnan(kernels.sum_squares(values, count)) ? NAN : kernels.maximum(values, count);
  });
  for (int64_t row = 0; row < x.shape[0]; ++row) {
    const float* const own = maxima + row * chunks;
    int64_t best = 0;
    for (int64_t chunk = 0; chunk < chunks && !std::isnan(own[best]); ++chunk)
      if (own[chunk] > own[best] || std::isnan(own[chunk])) best = chunk;
    int64_t column = size;
    if (!std::isnan(own[best])) {
      float values[kChunk];
      const int64_t count = std::min(kChunk, size - best * kChunk);
      kernels.widen(dtype, ElementAt(x, row * size + best * kChunk), count, values);
      column = best * kChunk + (std::find(values, values + count, own[best]) - values);
    }
    args.outputs[0].as<int32_t>()[row] = static_cast<int32_t>(column);
  }
  return absl::OkStatus();
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
  const absl::string_view activation = args.attributes->String("activation");
  return TransformRows(context, args, [&](const VectorKernels& kernels, int64_t i, float* row, float* work) {
    ActivateRow(kernels, dtype, activation, row, size, work);
    kernels.widen(dtype, RowAt(args.inputs[1], i), size, work);
    kernels.multiply(row, work, size, 0);
  });
}

}  // namespace metronome::kernels::cpu
