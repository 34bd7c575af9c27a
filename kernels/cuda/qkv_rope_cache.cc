#include "kernels/cuda/qkv_rope_cache.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "kernels/cuda/kernel_table.h"
#include "kernels/cuda/layout.h"
#include "kernels/cuda/norm_linear.h"
#include "kernels/cuda/normalisation.h"
#include "kernels/cuda/rotary.h"
#include "kernels/cuda/tuning.h"
#include "kernels/qkv_rope_cache.h"

namespace metronome::cuda {
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

char* At(void* base, int64_t bytes) { return static_cast<char*>(base) + bytes; }
const char* At(const void* base, int64_t bytes) { return static_cast<const char*>(base) + bytes; }

// Rows [first, first + count) by a launch for each step: products into q and the scratch, where heads are normalised
// and turned, and from there into the caches, whose rows may only be known when the launches run. ResourceExhausted as
// LaunchProduct.
absl::Status LaunchRows(const DeviceContext& context, const QkvArgs& args, int64_t first, int64_t count) {
  constexpr int64_t kAlignment = 128;
  const auto bytes = static_cast<int64_t>(SizeOf(args.product.dtype));
  const int64_t table_at = first * args.size * bytes, k_bytes = args.product.part[1].n * bytes,
                v_bytes = args.product.part[2].n * bytes,
                taken = std::min(context.scratch.bytes,
                                 (count * (k_bytes + v_bytes) + kAlignment - 1) / kAlignment * kAlignment);
  void *const q = At(args.q, first * args.product.part[0].n * bytes), *const k = context.scratch.data,
              *const v = At(k, count * k_bytes);
  LinearArgs product = args.product;
  product.x = At(product.x, first * product.k * bytes);
  product.m = count;
  product.part[0].y = q;
  product.part[1].y = k;
  product.part[2].y = v;
  DeviceContext rest = context;
  rest.scratch = {.data = At(context.scratch.data, taken), .bytes = context.scratch.bytes - taken};
  if (absl::Status status = LaunchProduct(rest, product); !status.ok()) return status;

  for (int i = 0; i < 2; ++i) {
    void* const heads = i == 0 ? q : k;
    const int64_t of_row = i == 0 ? args.heads : args.kv_heads;
    if (const NormPrologue& norm = args.head_norm[i]; norm.weight != nullptr) {
      LaunchRmsNorm(context, {.dtype = product.dtype,
                              .x = heads,
                              .weight = norm.weight,
                              .y = heads,
                              .rows = count * of_row,
                              .columns = args.size,
                              .epsilon = norm.epsilon,
                              .weight_offset = norm.weight_offset,
                              .round_before_weight = norm.round_before_weight});
    }
    LaunchRope(context, {.dtype = product.dtype,
                         .x = heads,
                         .cos = At(args.cos, table_at),
                         .sin = At(args.sin, table_at),
                         .y = heads,
                         .rows = count,
                         .heads = of_row,
                         .size = args.size});
  }
  StepSize row = args.first_row;
  row.offset += first;
  for (const auto& [from, to, row_bytes] : {std::tuple(k, args.k_cache, k_bytes), {v, args.v_cache, v_bytes}}) {
    LaunchCopyRows(context, {.input = from,
                             .output = to,
                             .rows = count,
                             .row_bytes = row_bytes,
                             .input_stride = row_bytes,
                             .output_stride = row_bytes,
                             .first_output_row = row});
  }
  return absl::OkStatus();
}

absl::Status QkvRopeCache(const DeviceContext& context, const KernelArgs& args) {
  const QkvArgs qkv = ArgsOf(context, args);
  const LinearArgs& product = qkv.product;
  if (product.m == 0 || LaunchQkvGemv(context, qkv)) return absl::OkStatus();
  // As many rows at a time as have room with their normalised x.
  const int64_t row_bytes = (product.part[1].n + product.part[2].n + (product.norm.weight == nullptr ? 0 : product.k)) *
                            static_cast<int64_t>(SizeOf(product.dtype));
  constexpr int64_t kSlack = 128;  // Of alignment.
  const int64_t most = row_bytes == 0 ? product.m : (context.scratch.bytes - kSlack) / row_bytes;
  if (most < 1) {
    return absl::ResourceExhaustedError(absl::StrCat("a row of keys and values takes ", row_bytes,
                                                     " bytes of the scratch, which has ", context.scratch.bytes));
  }
  for (int64_t first = 0; first < product.m; first += most) {
    if (absl::Status status = LaunchRows(context, qkv, first, std::min(most, product.m - first)); !status.ok())
      return status;
  }
  return absl::OkStatus();
}

}  // namespace

void AddQkvRopeCache(CudaFunctionTable& table) { table["qkv_rope_cache"] = QkvRopeCache; }

}  // namespace metronome::cuda
