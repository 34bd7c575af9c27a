#include "kernels/cuda/draw/selection.h"
#include "kernels/cuda/primitives/group.cuh"
#include "kernels/cuda/primitives/pack.cuh"

namespace metronome::kernels::cuda {
namespace {

// A value and its column as one number, so that the largest key is the largest value, and of equals the first column.
// Keys of a row differ, and none is 0.
using Key = unsigned long long;

struct LargerKey {
  __device__ __forceinline__ Key operator()(Key a, Key b) const { return a > b ? a : b; }
};

__device__ __forceinline__ Key MakeKey(uint32_t order, int64_t column) {
  return static_cast<Key>(order) << 32 | (0xffffffffu - static_cast<uint32_t>(column));
}
__device__ __forceinline__ int64_t ColumnOf(Key key) { return 0xffffffffu - static_cast<uint32_t>(key); }

// Grows with the value; NaN is above all or equal to -infinity. Both zeros are equal.
template <bool kNanIsLargest>
__device__ __forceinline__ uint32_t OrderOf(float value) {
  if (value != value) {
    if (kNanIsLargest) return 0xffffffffu;
    value = -INFINITY;
  }
  const uint32_t bits = __float_as_uint(value + 0.0f);  // -0 + 0 is 0.
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}

constexpr int kArgmaxThreads = 512;

// The blocks of a row leave their best key here; the last of them to come clears it.
struct ArgmaxMeeting {
  Key best;
  unsigned arrived;
  unsigned unused;
};

template <int N, typename T>
__global__ void METRONOME_BLOCK_THREADS(kArgmaxThreads)
    ArgmaxKernel(const __grid_constant__ ArgmaxArgs args, ArgmaxMeeting* meetings) {
  const int64_t packs = args.columns / N;
  for (int64_t row = blockIdx.y; row < args.rows; row += gridDim.y) {
    const T* const x = static_cast<const T*>(args.x) + row * args.columns;
    Key best = 0;
    for (int64_t at = static_cast<int64_t>(blockIdx.x) * kArgmaxThreads + threadIdx.x; at < packs;
         at += static_cast<int64_t>(gridDim.x) * kArgmaxThreads) {
      const Pack<T, N> pack = Load<T, N>(x + at * N);
      METRONOME_UNROLL
      for (int i = 0; i < N; ++i) best = LargerKey()(best, MakeKey(OrderOf<true>(ToFloat(pack[i])), at * N + i));
    }
    best = BlockReduce<kArgmaxThreads>(best, LargerKey(), Key{0});
    if (threadIdx.x != 0) continue;
    if (gridDim.x > 1) {
      ArgmaxMeeting& meeting = meetings[row];
      atomicMax(&meeting.best, best);
      __threadfence();  // The key is out before the arrival counts.
      if (atomicAdd(&meeting.arrived, 1u) != gridDim.x - 1) continue;
      __threadfence();
      best = atomicExch(&meeting.best, Key{0});
      meeting.arrived = 0;
    }
    const bool nan = best >> 32 == 0xffffffffu;
    args.index[row] = static_cast<int32_t>(nan ? args.columns : ColumnOf(best));
  }
}

// Finds the largest key, then the largest below it, and so on: keys never change, so threads need no memory of what was
// taken. Each keeps the keys of its first columns.
template <typename Group, typename T>
__global__ void METRONOME_BLOCK_THREADS(Group::kBlockThreads) TopKKernel(const __grid_constant__ TopKArgs args) {
  constexpr int kHeld = 8;
  for (int64_t base = static_cast<int64_t>(blockIdx.x) * Group::kRows; base < args.rows;
       base += static_cast<int64_t>(gridDim.x) * Group::kRows) {
    const int64_t row = base + Group::Row();
    const bool mine = row < args.rows;
    const int64_t end = mine ? args.columns : 0;
    const T* const x = static_cast<const T*>(args.x) + row * args.columns;
    const auto key_at = [&](int64_t column) { return MakeKey(OrderOf<false>(ToFloat(x[column])), column); };
    Key held[kHeld];
    METRONOME_UNROLL
    for (int i = 0; i < kHeld; ++i) {
      const int64_t column = Group::Rank() + i * Group::kSize;
      held[i] = column < end ? key_at(column) : Key{0};
    }
    Key last = ~Key{0};
    for (int64_t rank = 0; rank < args.k; ++rank) {
      Key best = 0;
      METRONOME_UNROLL
      for (int i = 0; i < kHeld; ++i) {
        if (held[i] < last) best = LargerKey()(best, held[i]);
      }
      for (int64_t column = Group::Rank() + kHeld * Group::kSize; column < end; column += Group::kSize) {
        const Key key = key_at(column);
        if (key < last) best = LargerKey()(best, key);
      }
      last = Group::Reduce(best, LargerKey(), Key{0});
      if (mine && Group::Rank() == 0) {
        const int64_t column = ColumnOf(last);
        static_cast<T*>(args.values)[row * args.k + rank] = x[column];
        args.index[row * args.k + rank] = static_cast<int32_t>(column);
      }
    }
  }
}

}  // namespace

void LaunchArgmax(const DeviceContext& context, const ArgmaxArgs& args) {
  if (args.rows == 0) return;
  constexpr int64_t kMaxRowBlocks = 65535;  // Of a grid's second size.
  WithFloatType(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    const bool vectors = RowsAreVectors<T>(args.columns, static_cast<const T*>(args.x));
    const int64_t packs = vectors ? args.columns / kVectorWidth<T> : args.columns;
    // Enough blocks for each to have two packs a thread, as long as there are multiprocessors without one.
    constexpr int64_t kPacksPerBlock = 2 * kArgmaxThreads;
    int64_t splits = (packs + kPacksPerBlock - 1) / kPacksPerBlock;
    const int64_t idle = context.multiprocessors / args.rows;
    if (splits > idle) splits = idle;
    if (splits < 1 || args.rows * static_cast<int64_t>(sizeof(ArgmaxMeeting)) > context.workspace.bytes) splits = 1;
    const int64_t row_blocks = args.rows < kMaxRowBlocks ? args.rows : kMaxRowBlocks;
    Launch(
        context, vectors ? ArgmaxKernel<kVectorWidth<T>, T> : ArgmaxKernel<1, T>,
        {.grid = dim3(static_cast<unsigned>(splits), static_cast<unsigned>(row_blocks)), .block = dim3(kArgmaxThreads)},
        args, static_cast<ArgmaxMeeting*>(context.workspace.data));
  });
}

void LaunchTopK(const DeviceContext& context, const TopKArgs& args) {
  if (args.rows == 0) return;
  constexpr int64_t kLongestOfAWarp = 2048;
  WithFloatType(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    const auto launch = [&](auto group) {
      using Group = typename decltype(group)::Type;
      Launch(context, TopKKernel<Group, T>,
             {.grid = dim3(BlocksFor(context, args.rows, Group::kRows)), .block = dim3(Group::kBlockThreads)}, args);
    };
    if (args.columns <= kLongestOfAWarp) {
      launch(Tag<Lanes<kWarpLanes>>());
    } else {
      launch(Tag<WholeBlock>());
    }
  });
}

}  // namespace metronome::kernels::cuda
