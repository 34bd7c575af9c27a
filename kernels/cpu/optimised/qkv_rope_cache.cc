#include "kernels/cpu/optimised/qkv_rope_cache.h"

#include <vector>

#include "kernels/base/status_macros.h"
#include "kernels/catalogue/qkv_rope_cache.h"

namespace metronome::kernels::cpu {
namespace {

// The last `rows` rows of what a cache holds after the step.
TensorView LastRows(const TensorView& cache, int64_t rows) {
  TensorView last = cache;
  const int64_t row_bytes = cache.shape[1] * cache.shape[2] * static_cast<int64_t>(SizeOf(cache.dtype));
  last.data = static_cast<std::byte*>(cache.data) + (cache.shape[0] - rows) * row_bytes;
  last.shape[0] = rows;
  return last;
}

TensorView AsProduct(TensorView heads) {
  heads.shape = {heads.shape[0], heads.shape[1] * heads.shape[2]};
  return heads;
}

Attributes HeadNormOf(const Attributes& attributes) {
  return {{"eps", attributes.Float("head_eps")},
          {"weight_offset", attributes.Float("head_weight_offset")},
          {"round_before_weight", attributes.Int("head_round_before_weight")}};
}

}  // namespace

absl::Status ComposeQkvRopeCache(CpuContext& context, const KernelArgs& args, const QkvSteps& steps) {
  const QkvRopeCacheOperands operands(args);
  const int64_t rows = operands.rows();
  const TensorView q = *operands.q, k = LastRows(*operands.k, rows), v = LastRows(*operands.v, rows);
  std::vector<TensorView> inputs = {*operands.x, *operands.w[0], *operands.w[1], *operands.w[2]};
  for (const TensorView* const bias : operands.bias) {
    if (bias != nullptr) inputs.push_back(*bias);
  }
  const TensorView products[] = {AsProduct(q), AsProduct(k), AsProduct(v)};
  RETURN_IF_ERROR(steps.linear_group(context, {.inputs = inputs, .outputs = products, .attributes = args.attributes}));
  const TensorView turned[] = {q, k};
  for (int i = 0; i < 2; ++i) {
    const absl::Span<const TensorView> heads = absl::MakeConstSpan(&turned[i], 1);
    if (operands.head_norm[i] != nullptr) {
      const Attributes attributes = HeadNormOf(*args.attributes);
      const TensorView normed[] = {turned[i], *operands.head_norm[i]};
      RETURN_IF_ERROR(steps.rms_norm(context, {.inputs = normed, .outputs = heads, .attributes = &attributes}));
    }
    const TensorView of_rope[] = {turned[i], *operands.cos, *operands.sin};
    RETURN_IF_ERROR(steps.rope(context, {.inputs = of_rope, .outputs = heads, .attributes = args.attributes}));
  }
  return absl::OkStatus();
}

}  // namespace metronome::kernels::cpu
