#include <algorithm>

#include "kernels/cpu/element_at.h"
#include "kernels/cpu/optimised/optimised.h"
#include "kernels/cpu/reference/typed.h"
#include "kernels/cpu/vector/select.h"

namespace metronome::kernels::cpu {
namespace {

// Rows of the left operand that a member takes at a time.
constexpr int64_t kRowGrain = 8;

// Strides, in matrices, of an operand's batch axes under the output's.
std::array<int64_t, kMaxRank> MatrixStrides(Shape operand, Shape output) {
  operand[operand.rank() - 1] = operand[operand.rank() - 2] = 1;
  output[output.rank() - 2] = 1;
  return BroadcastStrides(operand, output);
}

}  // namespace

// Weights go through linear's paths. Batched products, which only the eager path has, are dot products over rows of a
// transposed right operand and sums of its rows otherwise.
absl::Status OptimisedMatmul(CpuContext& context, const KernelArgs& args) {
  const TensorView &a = args.inputs[0], &b = args.inputs[1], &c = args.outputs[0];
  const bool transposed = args.attributes->Int("transpose_b") != 0;
  if (transposed && a.shape.rank() == 2 && b.shape.rank() == 2) return OptimisedLinear(context, args);

  const int64_t rows = c.shape[c.shape.rank() - 2], columns = c.shape.back(), inner = a.shape.back();
  if (c.elements() == 0) return absl::OkStatus();
  const auto a_strides = MatrixStrides(a.shape, c.shape), b_strides = MatrixStrides(b.shape, c.shape);
  Shape matrices = c.shape;
  matrices[c.shape.rank() - 2] = 1;
  const VectorKernels& kernels = SelectVectorKernels(context.instruction_set());
  const VectorDType dtype = ToVectorDType(a.dtype);
  const int64_t blocks = (rows + kRowGrain - 1) / kRowGrain;
  context.pool().ParallelFor(c.elements() / (rows * columns) * blocks, 1, [&](int64_t index, int64_t, int member) {
    const int64_t matrix = index / blocks, first = index % blocks * kRowGrain,
                  count = std::min(kRowGrain, rows - first);
    auto* const left =
        static_cast<float*>(context.Scratch(member, sizeof(float) * static_cast<size_t>(count * (inner + columns))));
    float* const products = left + count * inner;
    kernels.widen(dtype, ElementAt(a, RowOffset(matrix, matrices, a_strides) * rows * inner + first * inner),
                  count * inner, left);
    const void* right = ElementAt(b, RowOffset(matrix, matrices, b_strides) * inner * columns);
    if (transposed) {
      kernels.dot_rows(dtype, left, count, inner, right, inner, columns, products, columns);
    } else {
      std::fill(products, products + count * columns, 0.0f);
      kernels.mix_rows(dtype, left, inner, count, right, columns, inner, columns, products);
    }
    kernels.narrow(ToVectorDType(c.dtype), products, count * columns,
                   const_cast<void*>(ElementAt(c, (matrix * rows + first) * columns)));
  });
  return absl::OkStatus();
}

}  // namespace metronome::kernels::cpu
