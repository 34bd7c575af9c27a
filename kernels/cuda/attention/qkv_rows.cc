#include "kernels/cuda/attention/qkv_rows.h"

#include <algorithm>
#include <tuple>

#include "kernels/cuda/rows/layout.h"
#include "kernels/cuda/rows/norm_rows.h"
#include "kernels/cuda/rows/normalisation.h"
#include "kernels/cuda/rows/rotary.h"

namespace metronome::kernels::cuda {
namespace {

char* At(void* base, int64_t bytes) { return static_cast<char*>(base) + bytes; }
const char* At(const void* base, int64_t bytes) { return static_cast<const char*>(base) + bytes; }

// Rows [first, first + count) by a launch for each step: products into q and the scratch, where heads are normalised
// and turned, and from there into the caches, whose rows may only be known when the launches run. False where a
// normalised row of x has no room.
bool LaunchRows(const DeviceContext& context, const QkvArgs& args, int64_t first, int64_t count) {
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
  if (product.norm.weight == nullptr) {
    LaunchLinear(rest, product);
  } else if (!LaunchNormLinear(rest, product)) {
    return false;
  }

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
  return true;
}

}  // namespace

int64_t QkvRowBytes(const QkvArgs& args) {
  const LinearArgs& product = args.product;
  return (product.part[1].n + product.part[2].n + (product.norm.weight == nullptr ? 0 : product.k)) *
         static_cast<int64_t>(SizeOf(product.dtype));
}

bool LaunchQkvRows(const DeviceContext& context, const QkvArgs& args) {
  constexpr int64_t kSlack = 128;  // Of alignment.
  const int64_t row_bytes = QkvRowBytes(args),
                most = row_bytes == 0 ? args.product.m : (context.scratch.bytes - kSlack) / row_bytes;
  if (most < 1) return false;
  for (int64_t first = 0; first < args.product.m; first += most) {
    if (!LaunchRows(context, args, first, std::min(most, args.product.m - first))) return false;
  }
  return true;
}

}  // namespace metronome::kernels::cuda
