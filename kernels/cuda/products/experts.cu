#include "kernels/cuda/primitives/group.cuh"
#include "kernels/cuda/products/experts.cuh"
#include "kernels/cuda/products/gemm.h"
#include "kernels/cuda/products/gemv.cuh"
#include "kernels/cuda/products/gemv.h"

namespace metronome::kernels::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarpLanes;

// Where the slots are sorted, in the workspace.
struct Grouping {
  int32_t* order = nullptr;  // [slots], by expert and then as they came; those of no expert are at the end, unused.
  RowTile* tiles = nullptr;  // [max_tiles].
  int64_t max_tiles = 0;
};

// One block for each expert. Warps go through equal stretches of the slots, so that the order among an expert's slots
// is theirs, whichever warp is first.
__global__ void METRONOME_BLOCK_THREADS(kThreads)
    GroupKernel(const __grid_constant__ ExpertRows rows, const __grid_constant__ Grouping grouping, int rows_of_tile,
                IndexFault* fault) {
  METRONOME_SHARED(int, before_of_warp, kWarps);  // Slots of the experts before this one.
  METRONOME_SHARED(int, own_of_warp, kWarps);
  const int thread = static_cast<int>(threadIdx.x), warp = thread / kWarpLanes, lane = thread % kWarpLanes,
            expert = static_cast<int>(blockIdx.x), slots = static_cast<int>(rows.slots);
  const int stretch = (slots + kThreads - 1) / kThreads * kWarpLanes, begin = warp * stretch,
            end = begin + stretch < slots ? begin + stretch : slots;
  int before = 0, own = 0;
  for (int at = begin + lane; at < end; at += kWarpLanes) {
    const int32_t index = rows.index[at];
    if (index == expert) ++own;
    if (index >= 0 && index < expert) ++before;
    if (expert == 0 && (index < 0 || index >= rows.experts)) RaiseFault(fault, index, at, rows.experts);
  }
  before = WarpReduce(before, Sum());
  own = WarpReduce(own, Sum());
  if (lane == 0) {
    before_of_warp[warp] = before;
    own_of_warp[warp] = own;
  }
  __syncthreads();
  int first = 0, count = 0, place = 0;
  for (int i = 0; i < kWarps; ++i) {
    if (i == warp) place = count;
    first += before_of_warp[i];
    count += own_of_warp[i];
  }
  place += first;
  for (int base = begin; base < end; base += kWarpLanes) {
    const int at = base + lane;
    const bool mine = at < end && rows.index[at] == expert;
    const uint32_t all_mine = __ballot_sync(kAllLanes, mine);
    if (mine) grouping.order[place + __popc(all_mine & ((1u << lane) - 1))] = at;
    place += __popc(all_mine);
  }
  // Tiles from first / rows_of_tile + expert on: no earlier expert's reach that far, for each begins at its own and has
  // at most count / rows_of_tile + 1. What is left between them stays zero, which is no tile.
  const int tiles = (count + rows_of_tile - 1) / rows_of_tile;
  for (int i = thread; i < tiles; i += kThreads) {
    const int done = i * rows_of_tile, left = count - done;
    grouping.tiles[first / rows_of_tile + expert + i] = {
        .expert = expert, .first = first + done, .rows = left < rows_of_tile ? left : rows_of_tile};
  }
}

// Leaves the workspace as it was.
__global__ void METRONOME_BLOCK_THREADS(kThreads) ClearKernel(uint32_t* words, int64_t packs) {
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < packs;
       i += static_cast<int64_t>(gridDim.x) * kThreads)
    Store(words + i * kVectorWidth<uint32_t>, Vector<uint32_t>{});
}

// A slot's share of y.
template <typename T>
__device__ __forceinline__ float Weighted(float product, T weight) {
  return Round<T>(Round<T>(product) * ToFloat(weight));
}

// Blocks (x, y) compute kRows columns x of row y; the slots' sums are dealt to the warps, each in `sharers` parts.
template <int N, int kRows, typename T>
__global__ void METRONOME_BLOCK_THREADS(kThreads)
    MixKernel(const __grid_constant__ ExpertMixArgs args, int sharers, IndexFault* fault) {
  METRONOME_DYNAMIC_SHARED(float, partials);  // [slots, sharers, kRows].
  const int thread = static_cast<int>(threadIdx.x), warp = thread / kWarpLanes, lane = thread % kWarpLanes;
  const int64_t first = int64_t{blockIdx.x} * kRows;
  for (int64_t row = blockIdx.y; row < args.m; row += gridDim.y) {
    for (int part = warp; part < args.slots * sharers; part += kWarps) {
      const int64_t slot = row * args.slots + part / sharers;
      const int32_t expert = args.index[slot];
      float sums[kRows] = {};
      if (expert >= 0 && expert < args.experts) {
        const T* w[kRows];
        METRONOME_UNROLL
        for (int r = 0; r < kRows; ++r) {
          const int64_t column = first + r < args.n ? first + r : args.n - 1;
          w[r] = static_cast<const T*>(args.w) + (expert * args.n + column) * args.k;
        }
        const int32_t x_at[1] = {0};
        AddDots<N, 1, kRows, kUsualPacks<1>>(
            w, static_cast<const T*>(args.x) + slot * args.k, x_at, part % sharers * kWarpPacks<kRows, kUsualPacks<1>>,
            static_cast<int>(args.k / N), sharers * kWarpPacks<kRows, kUsualPacks<1>>, sums);
      } else if (lane == 0) {
        RaiseFault(fault, expert, slot, args.experts);
      }
      constexpr int kLanesOfSum = kWarpLanes / kRows;
      const float sum = ScatterSums(sums);
      if (lane % kLanesOfSum == 0) partials[part * kRows + lane / kLanesOfSum] = sum;
    }
    __syncthreads();
    if (thread < kRows && first + thread < args.n) {
      float total = 0;
      for (int slot = 0; slot < args.slots; ++slot) {
        float product = 0;
        for (int i = 0; i < sharers; ++i) product += partials[(slot * sharers + i) * kRows + thread];
        total += Weighted(product, static_cast<const T*>(args.weights)[row * args.slots + slot]);
      }
      static_cast<T*>(args.y)[row * args.n + first + thread] = FromFloat<T>(total);
    }
    __syncthreads();  // The partials were read.
  }
}

// The sums of products [m * slots, n] that are there already.
template <typename T>
__global__ void METRONOME_BLOCK_THREADS(kThreads)
    CombineKernel(const __grid_constant__ ExpertMixArgs args, const T* products) {
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < args.m * args.n;
       i += static_cast<int64_t>(gridDim.x) * kThreads) {
    const int64_t row = i / args.n, column = i - row * args.n;
    float total = 0;
    for (int64_t slot = row * args.slots; slot < (row + 1) * args.slots; ++slot)
      total += Weighted(ToFloat(products[slot * args.n + column]), static_cast<const T*>(args.weights)[slot]);
    static_cast<T*>(args.y)[i] = FromFloat<T>(total);
  }
}

int64_t RoundUp(int64_t bytes) {
  constexpr int64_t kAlignment = 256;
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

// Takes bytes off the front of a workspace; nullptr where there are too few.
void* Take(Workspace& workspace, int64_t bytes) {
  bytes = RoundUp(bytes);
  if (bytes > workspace.bytes) return nullptr;
  void* const taken = workspace.data;
  workspace.data = static_cast<unsigned char*>(taken) + bytes;
  workspace.bytes -= bytes;
  return taken;
}

// Clears what was taken off `whole`.
void Clear(const DeviceContext& context, const Workspace& whole, const Workspace& rest) {
  const int64_t packs = (whole.bytes - rest.bytes) / kVectorBytes;
  Launch(context, ClearKernel, {.grid = dim3(BlocksFor(context, packs, kThreads)), .block = dim3(kThreads)},
         static_cast<uint32_t*>(whole.data), packs);
}

// The products by tiles of slots that share an expert. Takes from the context's workspace, and leaves the clearing to
// the caller; false, and nothing launched, where that is too small.
bool LaunchGrouped(DeviceContext& context, const LinearArgs& args, const ExpertRows& rows) {
  const int tile = ChooseGemmTile(context, args, rows.slots / (rows.experts > 0 ? rows.experts : 1));
  const int64_t rows_of_tile = GemmTileRows(args.dtype, tile);
  Grouping grouping;
  grouping.max_tiles = rows.slots / rows_of_tile + rows.experts;
  Workspace rest = context.workspace;
  grouping.order = static_cast<int32_t*>(Take(rest, rows.slots * static_cast<int64_t>(sizeof(int32_t))));
  grouping.tiles = static_cast<RowTile*>(Take(rest, grouping.max_tiles * static_cast<int64_t>(sizeof(RowTile))));
  if (grouping.order == nullptr || grouping.tiles == nullptr) return false;
  context.workspace = rest;
  Launch(context, GroupKernel,
         {.grid = dim3(static_cast<unsigned>(rows.experts > 0 ? rows.experts : 1)), .block = dim3(kThreads)}, rows,
         grouping, static_cast<int>(rows_of_tile), context.fault);
  LaunchGemm(context, args,
             {.tiles = grouping.tiles,
              .order = grouping.order,
              .max_tiles = grouping.max_tiles,
              .tile = tile,
              .repeat = rows.repeat,
              .stride = rows.stride});
  return true;
}

}  // namespace

void LaunchExperts(const DeviceContext& context, const LinearArgs& args, const ExpertRows& rows) {
  if (rows.slots == 0 || args.part[0].n == 0) return;
  // A row usually takes each expert once, so as many slots share one as there are rows; of slots that are rows
  // themselves, about one in 8.
  constexpr int64_t kUsualSlots = 8;
  const int64_t sharing = rows.repeat > 1 ? rows.slots / rows.repeat : (rows.slots + kUsualSlots - 1) / kUsualSlots;
  DeviceContext grouped = context;
  if (rows.slots > kMaxGemvSlots && LaunchGrouped(grouped, args, rows))
    return Clear(context, context.workspace, grouped.workspace);
  LaunchGemv(context, args, rows, sharing);
}

void LaunchExpertMix(const DeviceContext& context, const ExpertMixArgs& args) {
  if (args.m == 0 || args.n == 0) return;
  WithFloatType(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    if (args.m > kMaxGemvRows) {
      DeviceContext grouped = context;
      if (void* const products =
              Take(grouped.workspace, args.m * args.slots * args.n * static_cast<int64_t>(sizeof(T)))) {
        LinearArgs linear;
        linear.dtype = args.dtype;
        linear.x = args.x;
        linear.m = args.m * args.slots;
        linear.k = args.k;
        linear.part[0] = {.w = args.w, .y = products, .n = args.n};
        linear.tuning = args.tuning;
        if (LaunchGrouped(grouped, linear,
                          {.index = args.index,
                           .slots = args.m * args.slots,
                           .experts = args.experts,
                           .stride = args.n * args.k})) {
          Launch(context, CombineKernel<T>,
                 {.grid = dim3(BlocksFor(context, args.m * args.n, kThreads)), .block = dim3(kThreads)}, args,
                 static_cast<const T*>(products));
          return Clear(context, context.workspace, grouped.workspace);
        }
      }
    }
    constexpr int kRows = 4;
    int sharers = kWarps;
    while (sharers > 1 && sharers * args.slots > kWarps) sharers /= 2;
    const LaunchShape shape = {
        .grid = dim3(static_cast<unsigned>((args.n + kRows - 1) / kRows), BlocksFor(context, args.m, 1)),
        .block = dim3(kThreads),
        .shared_bytes = static_cast<size_t>(args.slots) * sharers * kRows * sizeof(float)};
    const bool vectors = RowsAreVectors<T>(args.k, static_cast<const T*>(args.x), static_cast<const T*>(args.w));
    Launch(context, vectors ? MixKernel<kVectorWidth<T>, kRows, T> : MixKernel<1, kRows, T>, shape, args, sharers,
           context.fault);
  });
}

}  // namespace metronome::kernels::cuda
