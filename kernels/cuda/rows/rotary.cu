#include "kernels/cuda/primitives/pack.cuh"
#include "kernels/cuda/rows/rotary.h"

namespace metronome::kernels::cuda {
namespace {

constexpr int kThreads = 256;

// A thread turns N pairs (i, i + size / 2) of one head.
template <int N, typename T>
__global__ void METRONOME_BLOCK_THREADS(kThreads) RopeKernel(const __grid_constant__ RopeArgs args) {
  const int64_t half = args.size / 2, packs = half / N, units = args.rows * args.heads * packs;
  const auto* const x = static_cast<const T*>(args.x);
  const auto* const cosines = static_cast<const T*>(args.cos);
  const auto* const sines = static_cast<const T*>(args.sin);
  auto* const y = static_cast<T*>(args.y);
  for (int64_t unit = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; unit < units;
       unit += static_cast<int64_t>(gridDim.x) * kThreads) {
    const int64_t head = unit / packs, column = (unit - head * packs) * N;
    const int64_t at = head * args.size + column, table = head / args.heads * args.size + column;
    const Pack<T, N> low = Load<T, N>(x + at), high = Load<T, N>(x + at + half);
    const Pack<T, N> low_cos = Load<T, N>(cosines + table), high_cos = Load<T, N>(cosines + table + half);
    const Pack<T, N> low_sin = Load<T, N>(sines + table), high_sin = Load<T, N>(sines + table + half);
    Pack<T, N> new_low, new_high;
    METRONOME_UNROLL
    for (int i = 0; i < N; ++i) {
      const float a = ToFloat(low[i]), b = ToFloat(high[i]);
      new_low[i] = FromFloat<T>(a * ToFloat(low_cos[i]) - b * ToFloat(low_sin[i]));
      new_high[i] = FromFloat<T>(b * ToFloat(high_cos[i]) + a * ToFloat(high_sin[i]));
    }
    Store(y + at, new_low);
    Store(y + at + half, new_high);
  }
}

}  // namespace

void LaunchRope(const DeviceContext& context, const RopeArgs& args) {
  WithFloatType(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    constexpr int kWidth = kVectorWidth<T>;
    const bool vectors = RowsAreVectors<T>(args.size / 2, static_cast<const T*>(args.x), static_cast<const T*>(args.y),
                                           static_cast<const T*>(args.cos), static_cast<const T*>(args.sin));
    const int64_t units = args.rows * args.heads * (args.size / 2) / (vectors ? kWidth : 1);
    Launch(context, vectors ? RopeKernel<kWidth, T> : RopeKernel<1, T>,
           {.grid = dim3(BlocksFor(context, units, kThreads)), .block = dim3(kThreads)}, args);
  });
}

}  // namespace metronome::kernels::cuda
