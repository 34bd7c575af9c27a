#include "kernels/cuda/rows/norm_rows.h"

#include <algorithm>
#include <type_traits>

#include "kernels/cuda/products/gemv.h"
#include "kernels/cuda/rows/normalisation.h"

namespace metronome::kernels::cuda {
namespace {

template <typename Pointer>
Pointer* Advance(Pointer* at, int64_t bytes) {
  if (at == nullptr) return nullptr;
  using Byte = std::conditional_t<std::is_const_v<Pointer>, const char, char>;
  return static_cast<Byte*>(at) + bytes;
}

// Rows [first, first + count) of a product.
LinearArgs RowsOf(const LinearArgs& args, int64_t first, int64_t count) {
  const auto size = static_cast<int64_t>(SizeOf(args.dtype)), y_size = args.wide ? 4 : size;
  LinearArgs rows = args;
  rows.m = count;
  rows.x = Advance(args.x, first * args.k * size);
  rows.residual = Advance(args.residual, first * args.part[0].n * size);
  for (int part = 0; part < args.parts; ++part)
    rows.part[part].y = Advance(args.part[part].y, first * args.part[part].n * y_size);
  return rows;
}

}  // namespace

bool LaunchNormLinear(const DeviceContext& context, const LinearArgs& args) {
  if (args.m == 0) return true;
  if (GemvStages(args)) {
    LaunchNormGemv(context, args);
    return true;
  }
  constexpr int64_t kAlignment = 128;
  const int64_t row_bytes = args.k * static_cast<int64_t>(SizeOf(args.dtype)),
                most = row_bytes == 0 ? args.m : context.scratch.bytes / row_bytes;
  if (most == 0) return false;
  for (int64_t first = 0; first < args.m; first += most) {
    LinearArgs rows = RowsOf(args, first, std::min(most, args.m - first));
    LaunchRmsNorm(context, {.dtype = args.dtype,
                            .x = rows.x,
                            .weight = args.norm.weight,
                            .y = context.scratch.data,
                            .rows = rows.m,
                            .columns = args.k,
                            .epsilon = args.norm.epsilon,
                            .weight_offset = args.norm.weight_offset,
                            .round_before_weight = args.norm.round_before_weight});
    rows.x = context.scratch.data;
    rows.norm = {};
    DeviceContext product = context;  // Has what the rows leave of the scratch.
    const int64_t taken =
        std::min(context.scratch.bytes, (rows.m * row_bytes + kAlignment - 1) / kAlignment * kAlignment);
    product.scratch = {.data = Advance(context.scratch.data, taken), .bytes = context.scratch.bytes - taken};
    LaunchLinear(product, rows);
  }
  return true;
}

}  // namespace metronome::kernels::cuda
