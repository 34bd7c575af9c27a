#include <algorithm>
#include <vector>

#include "kernels/base/status_macros.h"
#include "kernels/cpu/element_at.h"
#include "kernels/cpu/optimised/optimised.h"
#include "kernels/cpu/optimised/row_product.h"
#include "kernels/cpu/optimised/row_steps.h"
#include "kernels/cpu/vector/select.h"

namespace metronome::kernels::cpu {
namespace {

// One product of the shared x: y = activation(x * w^T + bias + residual). Absent operands are nullptr.
struct Product {
  const TensorView* w;
  const TensorView* bias;
  const TensorView* residual;
  const TensorView* y;
  absl::string_view activation;
};

// Completes and stores columns [begin, begin + count) of row `row`, given in `sums`, rounded once before an activation.
// `work` has `count` elements.
void FinishRow(const VectorKernels& kernels, const Product& product, int64_t row, int64_t begin, int64_t count,
               float* sums, float* work) {
  const VectorDType dtype = ToVectorDType(product.w->dtype), stored = ToVectorDType(product.y->dtype);
  const int64_t at = row * product.w->shape[0] + begin;
  if (product.bias != nullptr) {
    kernels.widen(dtype, ElementAt(*product.bias, begin), count, work);
    kernels.add(sums, work, count);
  }
  if (product.residual != nullptr) {
    kernels.widen(dtype, ElementAt(*product.residual, at), count, work);
    kernels.add(sums, work, count);
  }
  if (!product.activation.empty()) {
    RoundRow(kernels, stored, sums, count, work);
    ActivateRow(kernels, stored, product.activation, sums, count, work);
  }
  kernels.narrow(stored, sums, count, const_cast<void*>(ElementAt(*product.y, at)));
}

// x of a launch, prepared.
RowProduct ProductOf(CpuContext& context, TunedForm form, const KernelArgs& args) {
  const TensorView& x = args.inputs[0];
  RowProduct product(context, form, x.dtype, x.shape[0], x.shape[1], *args.attributes);
  product.Prepare(x.data, context.SharedScratch(product.PreparedElements()));
  return product;
}

// The slices of all products together keep the members busy where those of a small product alone would not.
absl::Status Multiply(CpuContext& context, const RowProduct& x, absl::Span<const Product> products) {
  if (x.rows() == 0) return absl::OkStatus();
  const VectorKernels& kernels = SelectVectorKernels(context.instruction_set());
  std::vector<RowsToSlice> matrices;
  for (const Product& product : products) matrices.push_back(x.Slices(product.w->shape[0]));
  return ForSlices(context, matrices, [&](const RowSlice& slice, int member) -> absl::Status {
    const Product* const product = &products[slice.matrix];
    const int64_t begin = slice.begin, count = slice.count;
    const int64_t elements = (x.rows() + 1) * count + x.WorkElements();
    auto* const sums = static_cast<float*>(context.Scratch(member, sizeof(float) * elements));
    float *const work = sums + x.rows() * count, *const weights = work + count;
    RETURN_IF_ERROR(x.Multiply(member, ElementAt(*product->w, begin * product->w->shape[1]), count, sums, weights));
    for (int64_t row = 0; row < x.rows(); ++row)
      FinishRow(kernels, *product, row, begin, count, sums + row * count, work);
    return absl::OkStatus();
  });
}

}  // namespace

absl::Status OptimisedLinear(CpuContext& context, const KernelArgs& args) {
  const bool has_bias = args.attributes->Int("has_bias") != 0, has_residual = args.attributes->Int("has_residual") != 0;
  const Product product = {.w = &args.inputs[1],
                           .bias = has_bias ? &args.inputs[2] : nullptr,
                           .residual = has_residual ? &args.inputs.back() : nullptr,
                           .y = args.outputs.data(),
                           .activation = args.attributes->String("activation")};
  return Multiply(context, ProductOf(context, TunedForm::kProduct, args), {&product, 1});
}

absl::Status OptimisedLinearGroup(CpuContext& context, const KernelArgs& args) {
  const size_t count = args.outputs.size();
  const bool has_bias = args.attributes->Int("has_bias") != 0;
  std::vector<Product> products(count);
  for (size_t i = 0; i < count; ++i) {
    products[i] = {.w = &args.inputs[1 + i],
                   .bias = has_bias ? &args.inputs[1 + count + i] : nullptr,
                   .residual = nullptr,
                   .y = &args.outputs[i],
                   .activation = {}};
  }
  return Multiply(context, ProductOf(context, TunedForm::kProduct, args), products);
}

// A member multiplies both weights' rows of a slice, so that neither product leaves its caches.
absl::Status OptimisedGatedLinear(CpuContext& context, const KernelArgs& args) {
  const VectorKernels& kernels = SelectVectorKernels(context.instruction_set());
  const RowProduct x = ProductOf(context, TunedForm::kGated, args);
  if (x.rows() == 0) return absl::OkStatus();
  const TensorView &gate = args.inputs[1], &up = args.inputs[2], &y = args.outputs[0];
  const VectorDType dtype = ToVectorDType(y.dtype);
  const int64_t columns = gate.shape[0];
  const absl::string_view activation = args.attributes->String("activation");
  const RowsToSlice both = x.Slices(columns);
  return ForSlices(context, {&both, 1}, [&](const RowSlice& slice, int member) -> absl::Status {
    const int64_t begin = slice.begin, count = slice.count;
    const int64_t elements = (2 * x.rows() + 1) * count + x.WorkElements();
    auto* const gates = static_cast<float*>(context.Scratch(member, sizeof(float) * elements));
    float *const ups = gates + x.rows() * count, *const work = ups + x.rows() * count, *const weights = work + count;
    RETURN_IF_ERROR(x.Multiply(member, ElementAt(gate, begin * gate.shape[1]), count, gates, weights));
    RETURN_IF_ERROR(x.Multiply(member, ElementAt(up, begin * up.shape[1]), count, ups, weights));
    for (int64_t row = 0; row < x.rows(); ++row) {
      float *const gated = gates + row * count, *const factor = ups + row * count;
      GateRow(kernels, dtype, activation, gated, factor, count, work);
      kernels.narrow(dtype, gated, count, const_cast<void*>(ElementAt(y, row * columns + begin)));
    }
    return absl::OkStatus();
  });
}

}  // namespace metronome::kernels::cpu
