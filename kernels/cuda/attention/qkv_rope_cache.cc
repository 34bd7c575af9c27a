#include "kernels/cuda/attention/qkv_rope_cache.h"

#include "absl/strings/str_cat.h"
#include "kernels/catalogue/qkv_rope_cache.h"
#include "kernels/cuda/attention/qkv_rows.h"
#include "kernels/cuda/kernel_table.h"
#include "kernels/cuda/products/norm_linear.h"
#include "kernels/cuda/tuning.h"

namespace metronome::kernels::cuda {
namespace {

QkvArgs ArgsOf(const DeviceContext& context, const KernelArgs& args) {
  const QkvRopeCacheOperands operands(args);
  const Attributes& attributes = *args.attributes;
  QkvArgs qkv;
  LinearArgs& product = qkv.product;
  product.dtype = operands.x->dtype;
  product.x = operands.x->data;
  product.m = operands.rows();
  product.k = operands.x->shape[1];
  product.parts = 3;
  for (int i = 0; i < 3; ++i) {
    product.part[i] = {.w = operands.w[i]->data,
                       .bias = operands.bias[i] == nullptr ? nullptr : operands.bias[i]->data,
                       .n = operands.w[i]->shape[0]};
  }
  product.tuning = LinearTuningOf(attributes);
  product.norm = NormPrologueOf(args);
  qkv.heads = operands.heads();
  qkv.kv_heads = operands.kv_heads();
  qkv.size = operands.head_size();
  qkv.cos = operands.cos->data;
  qkv.sin = operands.sin->data;
  for (int i = 0; i < 2 && operands.head_norm[i] != nullptr; ++i) {
    qkv.head_norm[i] = {.weight = operands.head_norm[i]->data,
                        .epsilon = static_cast<float>(attributes.Float("head_eps")),
                        .weight_offset = static_cast<float>(attributes.Float("head_weight_offset")),
                        .round_before_weight = attributes.Int("head_round_before_weight") != 0};
  }
  qkv.q = operands.q->data;
  qkv.k_cache = operands.k->data;
  qkv.v_cache = operands.v->data;
  qkv.first_row = StepSizeOf(context, operands.first_row(), args.follows_past);
  return qkv;
}

absl::Status QkvRopeCache(const DeviceContext& context, const KernelArgs& args) {
  const QkvArgs qkv = ArgsOf(context, args);
  const LinearArgs& product = qkv.product;
  if (product.m == 0 || LaunchQkvGemv(context, qkv)) return absl::OkStatus();
  if (LaunchQkvRows(context, qkv)) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat("a row of keys and values takes ", QkvRowBytes(qkv),
                                                   " bytes of the scratch, which has ", context.scratch.bytes));
}

}  // namespace

void AddQkvRopeCache(CudaFunctionTable& table) { table["qkv_rope_cache"] = QkvRopeCache; }

}  // namespace metronome::kernels::cuda
