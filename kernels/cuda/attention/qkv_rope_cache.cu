#include "kernels/cuda/attention/qkv_rope_cache.h"
#include "kernels/cuda/primitives/group.cuh"
#include "kernels/cuda/primitives/step_size.cuh"
#include "kernels/cuda/products/gemv.h"
#include "kernels/cuda/products/gemv_staged.cuh"

namespace metronome::kernels::cuda {
namespace {

constexpr int kQ = 0, kK = 1, kV = 2;  // Parts of the product.

// Finishes the sums of a StagedGemvKernel whose product is `args.product`.
template <typename T>
struct QkvOutput {
  QkvArgs args;
  T* rows;            // [m, heads + kv_heads, size]: products of q and k, rounded.
  unsigned* arrived;  // [heads + kv_heads]: columns of each that are there.

  // One head of one row, by a warp: normalised, turned and written.
  __device__ __forceinline__ void FinishHead(int part, int head, int row) const {
    const int lane = Afresh(static_cast<int>(threadIdx.x)) % kWarpLanes, size = static_cast<int>(args.size),
              half = size / 2, heads = static_cast<int>(args.heads), all = static_cast<int>(args.heads + args.kv_heads);
    const T* const from = rows + (int64_t{row} * all + (part == kQ ? 0 : heads) + head) * size;
    T* const to = part == kQ
                      ? static_cast<T*>(args.q) + (int64_t{row} * heads + head) * size
                      : static_cast<T*>(args.k_cache) + ((Read(args.first_row) + row) * args.kv_heads + head) * size;
    const NormPrologue& norm = args.head_norm[part];
    const auto* const weight = static_cast<const T*>(norm.weight);
    float scale = 1;
    if (weight != nullptr) {
      float squares = 0;
      for (int i = lane; i < size; i += kWarpLanes) squares += ToFloat(from[i]) * ToFloat(from[i]);
      scale = 1.0f / sqrtf(WarpReduce(squares, Sum()) / static_cast<float>(size) + norm.epsilon);
    }
    const auto element = [&](int i) {
      const float value = ToFloat(from[i]);
      if (weight == nullptr) return value;
      const float normalised = norm.round_before_weight ? Round<T>(value * scale) : value * scale;
      return Round<T>(normalised * (norm.weight_offset + ToFloat(weight[i])));
    };
    const T* const cosines = static_cast<const T*>(args.cos) + int64_t{row} * size;
    const T* const sines = static_cast<const T*>(args.sin) + int64_t{row} * size;
    for (int i = lane; i < half; i += kWarpLanes) {
      const float low = element(i), high = element(i + half);
      to[i] = FromFloat<T>(low * ToFloat(cosines[i]) - high * ToFloat(sines[i]));
      to[i + half] = FromFloat<T>(high * ToFloat(cosines[i + half]) + low * ToFloat(sines[i + half]));
    }
  }

  __device__ __forceinline__ void operator()(const LinearArgs& product, const PartColumns& tile, int columns,
                                             int64_t row, int64_t column, bool mine, float sum, float) const {
    const LinearPart& part = product.part[tile.part];
    if (mine && part.bias != nullptr) sum += ToFloat(static_cast<const T*>(part.bias)[column]);
    if (tile.part == kV) {
      if (mine) static_cast<T*>(args.v_cache)[(Read(args.first_row) + row) * part.n + column] = FromFloat<T>(sum);
      return;
    }
    const int64_t before = tile.part == kK ? args.heads : 0;  // Heads.
    if (mine) rows[row * (args.heads + args.kv_heads) * args.size + before * args.size + column] = FromFloat<T>(sum);
    __threadfence();
    __syncthreads();  // All of the block's columns are out before their arrival counts.

    constexpr int kMostHeads = kGemvWarps * 4;  // One for each column of the widest tile.
    METRONOME_SHARED(unsigned, complete, kMostHeads);
    const int64_t end = tile.first + columns < part.n ? tile.first + columns : part.n, first = tile.first / args.size;
    const int thread = Afresh(static_cast<int>(threadIdx.x)),
              count = static_cast<int>((end - 1) / args.size - first) + 1, live = static_cast<int>(product.m);
    if (thread < count) {
      const int64_t head = first + thread, begins = head * args.size, ends = begins + args.size;
      const auto added = static_cast<unsigned>((ends < end ? ends : end) - (begins > tile.first ? begins : tile.first));
      complete[thread] = atomicAdd(&arrived[before + head], added) + added == static_cast<unsigned>(args.size) ? 1 : 0;
      if (complete[thread] != 0) arrived[before + head] = 0;
    }
    __syncthreads();
    __threadfence();  // No column is read from before the arrivals.
    for (int item = thread / kWarpLanes; item < count * live; item += kGemvWarps) {
      if (complete[item / live] != 0) FinishHead(tile.part, static_cast<int>(first) + item / live, item % live);
    }
  }
};

}  // namespace

int64_t QkvScratchBytes(const QkvArgs& args) {
  return args.product.m * (args.heads + args.kv_heads) * args.size * (args.product.dtype == DType::kFloat32 ? 4 : 2);
}

bool LaunchQkvGemv(const DeviceContext& context, const QkvArgs& args) {
  constexpr int64_t kAlignment = 256;
  const int64_t counts = (args.heads + args.kv_heads) * static_cast<int64_t>(sizeof(unsigned)),
                taken = (counts + kAlignment - 1) / kAlignment * kAlignment;
  if (!GemvStages(args.product) || QkvScratchBytes(args) > context.scratch.bytes || taken > context.workspace.bytes)
    return false;
  DeviceContext splitting = context;  // Splits meet in the rest of the workspace.
  splitting.workspace = {.data = static_cast<char*>(context.workspace.data) + taken,
                         .bytes = context.workspace.bytes - taken};
  LaunchStagedGemv(splitting, args.product, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    return QkvOutput<T>{.args = args,
                        .rows = static_cast<T*>(context.scratch.data),
                        .arrived = static_cast<unsigned*>(context.workspace.data)};
  });
  return true;
}

}  // namespace metronome::kernels::cuda
