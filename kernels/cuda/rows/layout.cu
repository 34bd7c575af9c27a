#include "kernels/cuda/primitives/index_fault.cuh"
#include "kernels/cuda/primitives/step_size.cuh"
#include "kernels/cuda/primitives/strided.cuh"
#include "kernels/cuda/rows/layout.h"

namespace metronome::kernels::cuda {
namespace {

constexpr int kThreads = 256;

__device__ __forceinline__ int64_t FirstUnit() { return static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; }
__device__ __forceinline__ int64_t UnitStep() { return static_cast<int64_t>(gridDim.x) * kThreads; }

LaunchShape Flat(const DeviceContext& context, int64_t units) {
  return {.grid = dim3(BlocksFor(context, units, kThreads)), .block = dim3(kThreads)};
}

template <int N, typename Index, typename T>
__global__ void METRONOME_BLOCK_THREADS(kThreads)
    StridedCopyKernel(const __grid_constant__ StridedWalk<1> walk, const T* input, T* output) {
  const int64_t units = (walk.elements + N - 1) / N, stride = walk.strides[0][walk.rank - 1];
  for (int64_t unit = FirstUnit(); unit < units; unit += UnitStep()) {
    const int64_t begin = unit * N;
    int64_t at[1];
    FindOperands<Index>(walk, begin, at);
    if (begin + N <= walk.elements) {
      Store(output + begin, LoadStrided<N>(input + at[0], stride));
    } else {
      for (int64_t i = 0; begin + i < walk.elements; ++i) output[begin + i] = input[at[0] + i * stride];
    }
  }
}

// Transposes where consecutive elements of the input lie along `axis` of the output, which is not its last: tiles go
// through shared memory, so that both sides are read and written along their rows.
constexpr int kTile = 32;
constexpr int kTileRows = kThreads / kTile;

template <typename T>
__global__ void METRONOME_BLOCK_THREADS(kThreads)
    TransposeKernel(const __grid_constant__ StridedWalk<1> walk, int axis, const T* input, T* output) {
  // A column more than the tile: a column of it lies in 32 banks.
  METRONOME_SHARED(T, tile, kTile * (kTile + 1));
  const int inner = walk.rank - 1;
  const int64_t columns = walk.sizes[inner], rows = walk.sizes[axis];
  const int64_t tiles_across = (columns + kTile - 1) / kTile, tiles_down = (rows + kTile - 1) / kTile;
  const int64_t tiles = walk.elements / (columns * rows) * tiles_across * tiles_down;
  int64_t row_stride = 1;  // Of the output along `axis`.
  for (int i = axis + 1; i <= inner; ++i) row_stride *= walk.sizes[i];
  const int x = static_cast<int>(threadIdx.x) % kTile, y = static_cast<int>(threadIdx.x) / kTile;
  for (int64_t index = blockIdx.x; index < tiles; index += gridDim.x) {
    const int64_t column = index % tiles_across * kTile, row = index / tiles_across % tiles_down * kTile;
    int64_t batch = index / tiles_across / tiles_down, from = 0, to = 0, stride = 1;
    for (int i = inner; i >= 0; --i) {
      if (i != inner && i != axis) {
        from += batch % walk.sizes[i] * walk.strides[0][i];
        to += batch % walk.sizes[i] * stride;
        batch /= walk.sizes[i];
      }
      stride *= walk.sizes[i];
    }
    __syncthreads();  // The last tile was read.
    for (int i = y; i < kTile; i += kTileRows) {
      if (row + x < rows && column + i < columns)
        tile[i * (kTile + 1) + x] = input[from + (row + x) + (column + i) * walk.strides[0][inner]];
    }
    __syncthreads();
    for (int i = y; i < kTile; i += kTileRows) {
      if (row + i < rows && column + x < columns)
        output[to + (row + i) * row_stride + column + x] = tile[x * (kTile + 1) + i];
    }
  }
}

// The axis of the output along which the input is contiguous, if it is another than the last and both are long enough
// for tiles; -1 otherwise.
int TransposedAxis(const StridedWalk<1>& walk) {
  constexpr int64_t kShortest = 8;
  const int inner = walk.rank - 1;
  if (walk.strides[0][inner] <= 1 || walk.sizes[inner] < kShortest) return -1;
  for (int axis = 0; axis < inner; ++axis) {
    if (walk.strides[0][axis] == 1 && walk.sizes[axis] >= kShortest) return axis;
  }
  return -1;
}

template <typename Unit>
__global__ void METRONOME_BLOCK_THREADS(kThreads) CopyRowsKernel(const __grid_constant__ CopyRowsArgs args) {
  const int64_t width = args.row_bytes / static_cast<int64_t>(sizeof(Unit));
  const auto* const from = static_cast<const unsigned char*>(args.input);
  auto* const to = static_cast<unsigned char*>(args.output) + Read(args.first_output_row) * args.output_stride;
  for (int64_t unit = FirstUnit(); unit < args.rows * width; unit += UnitStep()) {
    const int64_t row = unit / width, column = (unit - row * width) * static_cast<int64_t>(sizeof(Unit));
    CheckAligned<sizeof(Unit)>(from + row * args.input_stride + column);
    CheckAligned<sizeof(Unit)>(to + row * args.output_stride + column);
    *reinterpret_cast<Unit*>(to + row * args.output_stride + column) =
        *reinterpret_cast<const Unit*>(from + row * args.input_stride + column);
  }
}

template <typename Unit>
__global__ void METRONOME_BLOCK_THREADS(kThreads)
    GatherKernel(const __grid_constant__ GatherArgs args, IndexFault* fault) {
  const int64_t width = args.row_bytes / static_cast<int64_t>(sizeof(Unit));
  const auto* const table = static_cast<const Unit*>(args.table);
  auto* const output = static_cast<Unit*>(args.output);
  for (int64_t unit = FirstUnit(); unit < args.rows * width; unit += UnitStep()) {
    const int64_t row = unit / width, column = unit - row * width;
    const int32_t index = args.indices[row];
    if (index < 0 || index >= args.table_rows) {
      RaiseFault(fault, index, row, args.table_rows);
      continue;
    }
    output[unit] = table[index * width + column];
  }
}

template <int N, typename T>
__global__ void METRONOME_BLOCK_THREADS(kThreads)
    EmbeddingKernel(const __grid_constant__ EmbeddingArgs args, IndexFault* fault) {
  const int64_t width = args.columns / N;
  const auto* const table = static_cast<const T*>(args.table);
  auto* const output = static_cast<T*>(args.output);
  for (int64_t unit = FirstUnit(); unit < args.rows * width; unit += UnitStep()) {
    const int64_t row = unit / width, column = (unit - row * width) * N;
    const int32_t index = args.indices[row];
    if (index < 0 || index >= args.table_rows) {
      RaiseFault(fault, index, row, args.table_rows);
      continue;
    }
    Pack<T, N> pack = Load<T, N>(table + index * args.columns + column);
    METRONOME_UNROLL
    for (int i = 0; i < N; ++i) pack[i] = FromFloat<T>(ToFloat(pack[i]) * args.scale);
    Store(output + unit * N, pack);
  }
}

__global__ void METRONOME_BLOCK_THREADS(kThreads) IotaKernel(int32_t* output, int64_t elements, StepSize start) {
  const int64_t first = Read(start);
  for (int64_t i = FirstUnit(); i < elements; i += UnitStep()) output[i] = static_cast<int32_t>(first + i);
}

// Calls function(Tag<unit>) with the widest unit that divides all of `bits`, an OR of addresses and byte counts.
template <typename Function>
void WithUnit(uintptr_t bits, Function&& function) {
  if (bits % 16 == 0) return function(Tag<AccessType<16>::Type>());
  if (bits % 8 == 0) return function(Tag<uint64_t>());
  if (bits % 4 == 0) return function(Tag<uint32_t>());
  if (bits % 2 == 0) return function(Tag<uint16_t>());
  function(Tag<uint8_t>());
}

uintptr_t Bits(const void* at) { return reinterpret_cast<uintptr_t>(at); }
uintptr_t Bits(int64_t bytes) { return static_cast<uintptr_t>(bytes); }

}  // namespace

void LaunchStridedCopy(const DeviceContext& context, const StridedCopyArgs& args) {
  const StridedWalk<1>& walk = args.walk;
  if (walk.elements == 0) return;
  WithBits(args.element_bytes, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    constexpr int kWidth = kVectorWidth<T>;
    const auto* const input = static_cast<const T*>(args.input);
    auto* const output = static_cast<T*>(args.output);
    if (const int axis = TransposedAxis(walk); axis >= 0) {
      const int64_t tiles = walk.elements / (walk.sizes[walk.rank - 1] * walk.sizes[axis]) *
                            ((walk.sizes[walk.rank - 1] + kTile - 1) / kTile) *
                            ((walk.sizes[axis] + kTile - 1) / kTile);
      Launch(context, TransposeKernel<T>, {.grid = dim3(BlocksFor(context, tiles, 1)), .block = dim3(kThreads)}, walk,
             axis, input, output);
    } else if (walk.elements >= int64_t{1} << 31) {
      Launch(context, StridedCopyKernel<1, uint64_t, T>, Flat(context, walk.elements), walk, input, output);
    } else if (WalksInPacks(walk, 0, input, sizeof(T), kWidth) && IsAligned(output, kVectorBytes)) {
      Launch(context, StridedCopyKernel<kWidth, uint32_t, T>, Flat(context, (walk.elements + kWidth - 1) / kWidth),
             walk, input, output);
    } else {
      Launch(context, StridedCopyKernel<1, uint32_t, T>, Flat(context, walk.elements), walk, input, output);
    }
  });
}

void LaunchCopyRows(const DeviceContext& context, const CopyRowsArgs& args) {
  // One row has no stride that could be odd.
  const int64_t strides = args.rows > 1 ? args.input_stride | args.output_stride : args.output_stride;
  WithUnit(Bits(args.input) | Bits(args.output) | Bits(args.row_bytes) | Bits(strides), [&](auto tag) {
    using Unit = typename decltype(tag)::Type;
    const int64_t units = args.rows * (args.row_bytes / static_cast<int64_t>(sizeof(Unit)));
    Launch(context, CopyRowsKernel<Unit>, Flat(context, units), args);
  });
}

void LaunchGather(const DeviceContext& context, const GatherArgs& args) {
  WithUnit(Bits(args.table) | Bits(args.output) | Bits(args.row_bytes), [&](auto tag) {
    using Unit = typename decltype(tag)::Type;
    const int64_t units = args.rows * (args.row_bytes / static_cast<int64_t>(sizeof(Unit)));
    Launch(context, GatherKernel<Unit>, Flat(context, units), args, context.fault);
  });
}

void LaunchEmbedding(const DeviceContext& context, const EmbeddingArgs& args) {
  WithFloatType(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    if (RowsAreVectors<T>(args.columns, static_cast<const T*>(args.table), static_cast<const T*>(args.output))) {
      constexpr int kWidth = kVectorWidth<T>;
      Launch(context, EmbeddingKernel<kWidth, T>, Flat(context, args.rows * (args.columns / kWidth)), args,
             context.fault);
    } else {
      Launch(context, EmbeddingKernel<1, T>, Flat(context, args.rows * args.columns), args, context.fault);
    }
  });
}

void LaunchIota(const DeviceContext& context, const IotaArgs& args) {
  Launch(context, IotaKernel, Flat(context, args.elements), args.output, args.elements, args.start);
}

}  // namespace metronome::kernels::cuda
