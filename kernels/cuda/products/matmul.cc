#include "kernels/cuda/products/matmul.h"

#include "kernels/cuda/kernel_table.h"
#include "kernels/cuda/primitives/strided_walk.h"
#include "kernels/cuda/products/library/library_matmul.h"
#include "kernels/cuda/products/linear.h"
#include "kernels/cuda/tuning.h"

namespace metronome::kernels::cuda {
namespace {

// Without the last two axes.
Shape BatchOf(const Shape& shape) { return Shape(shape.dims().subspan(0, shape.rank() - 2)); }

// One matrix for all rows of a, which follow each other.
bool IsLinear(const MatmulArgs& args) {
  const StridedWalk<2>& batch = args.batch;
  return args.transposed && batch.rank == 1 && batch.strides[1][0] == 0 &&
         (batch.elements == 1 || batch.strides[0][0] == 1);
}

absl::Status Matmul(const DeviceContext& context, const KernelArgs& args) {
  const MatmulArgs matmul = MatmulArgsOf(args);
  const LinearTuning tuning = LinearTuningOf(*args.attributes);
  if (LaunchMatmulByLibrary(context, matmul, tuning)) return absl::OkStatus();
  if (!IsLinear(matmul)) {
    LaunchMatmul(context, matmul);
    return absl::OkStatus();
  }
  LinearArgs linear;
  linear.dtype = matmul.dtype;
  linear.x = matmul.a;
  linear.m = matmul.batch.elements * matmul.m;
  linear.k = matmul.k;
  linear.part[0] = {.w = matmul.b, .y = matmul.y, .n = matmul.n};
  linear.wide = matmul.wide;
  linear.tuning = tuning;
  linear.tuning.library = 0;  // It would have served the matmul.
  LaunchLinear(context, linear);
  return absl::OkStatus();
}

}  // namespace

MatmulArgs MatmulArgsOf(const KernelArgs& args) {
  const TensorView &a = args.inputs[0], &b = args.inputs[1], &y = args.outputs[0];
  const int rank = y.shape.rank();
  const TensorView batches[] = {{.shape = BatchOf(a.shape)}, {.shape = BatchOf(b.shape)}};
  return {.dtype = a.dtype,
          .a = a.data,
          .b = b.data,
          .y = y.data,
          .transposed = args.attributes->Int("transpose_b") != 0,
          .wide = y.dtype != a.dtype,
          .m = y.shape[rank - 2],
          .n = y.shape[rank - 1],
          .k = a.shape.back(),
          .batch = BroadcastWalk<2>(batches, BatchOf(y.shape))};
}

void AddMatmul(CudaFunctionTable& table) { table["matmul"] = Matmul; }

}  // namespace metronome::kernels::cuda
