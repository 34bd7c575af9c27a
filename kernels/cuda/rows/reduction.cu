#include "kernels/cuda/primitives/group.cuh"
#include "kernels/cuda/primitives/pack.cuh"
#include "kernels/cuda/rows/reduction.h"

namespace metronome::kernels::cuda {
namespace {

template <typename Fold>
struct Identity;
template <>
struct Identity<Sum> {
  static __device__ __forceinline__ float Value() { return 0.0f; }
};
template <>
struct Identity<MaxOrNan> {
  static __device__ __forceinline__ float Value() { return -INFINITY; }
};

// The axis is the last: a group folds each row, N elements of a thread at a time.
template <int N, typename Group, typename Fold, typename T>
__global__ void METRONOME_BLOCK_THREADS(Group::kBlockThreads)
    ReduceRowsKernel(const T* x, T* y, int64_t rows, int64_t size) {
  const Fold fold;
  for (int64_t base = static_cast<int64_t>(blockIdx.x) * Group::kRows; base < rows;
       base += static_cast<int64_t>(gridDim.x) * Group::kRows) {
    const int64_t row = base + Group::Row();
    const int64_t end = row < rows ? size : 0;
    float value = Identity<Fold>::Value();
    for (int64_t i = static_cast<int64_t>(Group::Rank()) * N; i < end; i += Group::kSize * N) {
      const Pack<T, N> pack = Load<T, N>(x + row * size + i);
      METRONOME_UNROLL
      for (int j = 0; j < N; ++j) value = fold(value, ToFloat(pack[j]));
    }
    value = Group::Reduce(value, fold, Identity<Fold>::Value());
    if (row < rows && Group::Rank() == 0) y[row] = FromFloat<T>(value);
  }
}

// Another axis: a block folds 32 neighbouring columns of one [size, inner] matrix, each with 8 threads, so that a warp
// reads along a row.
constexpr int kColumns = 32;
constexpr int kFolders = 8;

template <typename Fold, typename T>
__global__ void METRONOME_BLOCK_THREADS(kColumns* kFolders)
    ReduceColumnsKernel(const T* x, T* y, int64_t outer, int64_t size, int64_t inner) {
  METRONOME_SHARED(float, partials, kFolders* kColumns);
  const Fold fold;
  const int column_in_block = static_cast<int>(threadIdx.x) % kColumns,
            folder = static_cast<int>(threadIdx.x) / kColumns;
  const int64_t blocks = (inner + kColumns - 1) / kColumns;
  for (int64_t index = blockIdx.x; index < outer * blocks; index += gridDim.x) {
    const int64_t matrix = index / blocks, column = (index - matrix * blocks) * kColumns + column_in_block;
    float value = Identity<Fold>::Value();
    if (column < inner) {
      const T* const from = x + matrix * size * inner + column;
      for (int64_t i = folder; i < size; i += kFolders) value = fold(value, ToFloat(from[i * inner]));
    }
    __syncthreads();  // The partials of the last columns were read.
    partials[folder * kColumns + column_in_block] = value;
    __syncthreads();
    if (folder == 0 && column < inner) {
      for (int i = 1; i < kFolders; ++i) value = fold(value, partials[i * kColumns + column_in_block]);
      y[matrix * inner + column] = FromFloat<T>(value);
    }
  }
}

template <typename Fold, typename T>
void LaunchFold(const DeviceContext& context, const ReduceArgs& args) {
  const auto* const x = static_cast<const T*>(args.x);
  auto* const y = static_cast<T*>(args.y);
  if (args.inner > 1) {
    const int64_t blocks = args.outer * ((args.inner + kColumns - 1) / kColumns);
    Launch(context, ReduceColumnsKernel<Fold, T>,
           {.grid = dim3(BlocksFor(context, blocks, 1)), .block = dim3(kColumns * kFolders)}, x, y, args.outer,
           args.size, args.inner);
    return;
  }
  const bool vectors = RowsAreVectors<T>(args.size, x);
  WithGroup(vectors ? args.size / kVectorWidth<T> : args.size, [&](auto tag) {
    using Group = typename decltype(tag)::Type;
    const LaunchShape shape = {.grid = dim3(BlocksFor(context, args.outer, Group::kRows)),
                               .block = dim3(Group::kBlockThreads)};
    if (vectors) {
      Launch(context, ReduceRowsKernel<kVectorWidth<T>, Group, Fold, T>, shape, x, y, args.outer, args.size);
    } else {
      Launch(context, ReduceRowsKernel<1, Group, Fold, T>, shape, x, y, args.outer, args.size);
    }
  });
}

}  // namespace

void LaunchReduce(const DeviceContext& context, const ReduceArgs& args) {
  if (args.outer * args.inner == 0) return;
  WithFloatType(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    if (args.op == ReduceOp::kSum) {
      LaunchFold<Sum, T>(context, args);
    } else {
      LaunchFold<MaxOrNan, T>(context, args);
    }
  });
}

}  // namespace metronome::kernels::cuda
