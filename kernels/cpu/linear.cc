#include <algorithm>
#include <mutex>

#include "kernels/cpu/element_at.h"
#include "kernels/cpu/optimised.h"
#include "kernels/cpu/vector/select.h"

namespace metronome::cpu {
namespace {

// Rows of x up to which reading the weights dominates, so that dot products over their rows are the fastest way.
constexpr int64_t kMaxDotRows = 4;
// Rows of w that a member claims at a time. Dot products: enough to amortise the claim, few enough to balance stalls.
// oneDNN: a multiple of its blocks whose slice of w (64 x 8192 bfloat16, 1 MiB) stays in the second-level cache.
constexpr int64_t kDotGrain = 64;
constexpr int64_t kProductGrain = 64;

struct LinearOperands {
  const TensorView& x;
  const TensorView& w;
  const TensorView* bias;
  const TensorView* residual;
  const TensorView& y;
  int64_t m, n, k;
};

LinearOperands Unpack(const KernelArgs& args) {
  const bool has_bias = args.attributes->Int("has_bias") != 0, has_residual = args.attributes->Int("has_residual") != 0;
  return {.x = args.inputs[0],
          .w = args.inputs[1],
          .bias = has_bias ? &args.inputs[2] : nullptr,
          .residual = has_residual ? &args.inputs.back() : nullptr,
          .y = args.outputs[0],
          .m = args.inputs[0].shape[0],
          .n = args.inputs[1].shape[0],
          .k = args.inputs[0].shape[1]};
}

// Adds bias and residual to columns [begin, begin + count) of row `row`, given in `sums`, and stores them rounded once.
// `work` has `count` elements.
void FinishRow(const VectorKernels& kernels, const LinearOperands& op, int64_t row, int64_t begin, int64_t count,
               float* sums, float* work) {
  const VectorDType dtype = ToVectorDType(op.x.dtype);
  if (op.bias != nullptr) {
    kernels.widen(dtype, ElementAt(*op.bias, begin), count, work);
    kernels.add(sums, work, count);
  }
  if (op.residual != nullptr) {
    kernels.widen(dtype, ElementAt(*op.residual, row * op.n + begin), count, work);
    kernels.add(sums, work, count);
  }
  kernels.narrow(ToVectorDType(op.y.dtype), sums, count, const_cast<void*>(ElementAt(op.y, row * op.n + begin)));
}

void LinearByDots(CpuContext& context, const LinearOperands& op) {
  const VectorKernels& kernels = SelectVectorKernels(context.instruction_set());
  const VectorDType dtype = ToVectorDType(op.x.dtype);
  const bool as_bfloat = op.x.dtype == DType::kBFloat16 && kernels.stream_bfloat_rows != nullptr;
  float* const x = as_bfloat ? nullptr : context.SharedScratch(op.m * op.k);
  if (!as_bfloat) kernels.widen(dtype, op.x.data, op.m * op.k, x);
  context.pool().ParallelFor(op.n, kDotGrain, [&](int64_t begin, int64_t end, int) {
    float dots[kDotGrain * kMaxDotRows], work[kDotGrain];
    const int64_t count = end - begin;
    const void* const w = ElementAt(op.w, begin * op.k);
    if (as_bfloat) {
      kernels.stream_bfloat_rows(op.x.data, op.m, op.k, w, count, dots, count);
    } else {
      kernels.stream_rows(dtype, x, op.m, op.k, w, count, dots, count);
    }
    for (int64_t row = 0; row < op.m; ++row) FinishRow(kernels, op, row, begin, count, dots + row * count, work);
  });
}

// oneDNN multiplies bfloat16 well only where the processor does; everything else it gets as float32.
absl::Status LinearByProducts(CpuContext& context, const LinearOperands& op) {
  const VectorKernels& kernels = SelectVectorKernels(context.instruction_set());
  const VectorDType dtype = ToVectorDType(op.x.dtype);
  const bool native = op.x.dtype == DType::kFloat32 ||
                      (op.x.dtype == DType::kBFloat16 && context.instruction_set() >= InstructionSet::kAvx512Bf16);
  const void* x = op.x.data;
  if (!native) {
    float* widened = context.SharedScratch(op.m * op.k);
    context.pool().ParallelFor(op.m, 1, [&](int64_t row, int64_t, int) {
      kernels.widen(dtype, ElementAt(op.x, row * op.k), op.k, widened + row * op.k);
    });
    x = widened;
  }
  std::mutex mutex;
  absl::Status failure;
  context.pool().ParallelFor(op.n, kProductGrain, [&](int64_t begin, int64_t end, int member) {
    const int64_t count = end - begin, widened_elements = native ? 0 : count * op.k;
    auto* const scratch =
        static_cast<float*>(context.Scratch(member, sizeof(float) * (op.m * count + count + widened_elements)));
    float *const sums = scratch, *const work = sums + op.m * count, *const weights = work + count;
    const void* w = ElementAt(op.w, begin * op.k);
    if (!native) {
      kernels.widen(dtype, w, widened_elements, weights);
      w = weights;
    }
    const absl::Status status =
        context.onednn().Multiply(member, native ? op.x.dtype : DType::kFloat32, x, w, sums, op.m, count, op.k, count);
    if (!status.ok()) {
      const std::lock_guard<std::mutex> lock(mutex);
      failure = status;
      return;
    }
    for (int64_t row = 0; row < op.m; ++row) FinishRow(kernels, op, row, begin, count, sums + row * count, work);
  });
  return failure;
}

}  // namespace

absl::Status OptimisedLinear(CpuContext& context, const KernelArgs& args) {
  const LinearOperands op = Unpack(args);
  if (op.m == 0 || op.n == 0) return absl::OkStatus();
  if (op.m > kMaxDotRows && op.k > 0) return LinearByProducts(context, op);
  LinearByDots(context, op);
  return absl::OkStatus();
}

}  // namespace metronome::cpu
