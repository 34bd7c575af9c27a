#include "kernels/cuda/primitives/group.cuh"
#include "kernels/cuda/primitives/pack.cuh"
#include "kernels/cuda/rows/normalisation.h"

namespace metronome::kernels::cuda {
namespace {

// One group's row. Each thread keeps its first kHeld packs in registers between passes; those of longer rows are read
// again, by the thread that read or wrote them before.
template <int N, typename Group, typename T>
class HeldRow {
 public:
  __device__ __forceinline__ explicit HeldRow(int64_t columns) : packs_(columns / N) {}

  // Calls load(first column) for each pack of this thread, then visit(first column, pack).
  template <typename Loader, typename Visitor>
  __device__ __forceinline__ void Fill(Loader load, Visitor visit) {
    METRONOME_UNROLL
    for (int i = 0; i < kHeld; ++i) {
      const int64_t at = Group::Rank() + i * Group::kSize;
      if (at >= packs_) continue;
      held_[i] = load(at * N);
      visit(at * N, held_[i]);
    }
    for (int64_t at = Group::Rank() + kHeld * Group::kSize; at < packs_; at += Group::kSize)
      visit(at * N, load(at * N));
  }

  // The same for a further pass; load is called for the packs that are not held.
  template <typename Loader, typename Visitor>
  __device__ __forceinline__ void Visit(Loader load, Visitor visit) const {
    METRONOME_UNROLL
    for (int i = 0; i < kHeld; ++i) {
      const int64_t at = Group::Rank() + i * Group::kSize;
      if (at < packs_) visit(at * N, held_[i]);
    }
    for (int64_t at = Group::Rank() + kHeld * Group::kSize; at < packs_; at += Group::kSize)
      visit(at * N, load(at * N));
  }

 private:
  static constexpr int kHeld = 4;
  int64_t packs_;
  Pack<T, N> held_[kHeld];
};

template <int N, typename Group, typename T>
__global__ void METRONOME_BLOCK_THREADS(Group::kBlockThreads) SoftmaxKernel(const __grid_constant__ SoftmaxArgs args) {
  for (int64_t base = static_cast<int64_t>(blockIdx.x) * Group::kRows; base < args.rows;
       base += static_cast<int64_t>(gridDim.x) * Group::kRows) {
    const int64_t row = base + Group::Row();
    const T* const x = static_cast<const T*>(args.x) + row * args.columns;
    T* const y = static_cast<T*>(args.y) + row * args.columns;
    HeldRow<N, Group, T> held(row < args.rows ? args.columns : 0);
    const auto load = [&](int64_t column) { return Load<T, N>(x + column); };

    float largest = -INFINITY;
    held.Fill(load, [&](int64_t, const Pack<T, N>& pack) {
      METRONOME_UNROLL
      for (int i = 0; i < N; ++i) largest = fmaxf(largest, ToFloat(pack[i]));
    });
    largest = Group::Reduce(largest, Max(), -INFINITY);

    // NaN is no maximum, but spoils the sum and so the whole row.
    float sum = 0;
    held.Visit(load, [&](int64_t, const Pack<T, N>& pack) {
      METRONOME_UNROLL
      for (int i = 0; i < N; ++i) sum += expf(ToFloat(pack[i]) - largest);
    });
    const float scale = 1.0f / Group::Reduce(sum, Sum(), 0.0f);

    held.Visit(load, [&](int64_t column, const Pack<T, N>& pack) {
      Pack<T, N> result;
      METRONOME_UNROLL
      for (int i = 0; i < N; ++i) result[i] = FromFloat<T>(expf(ToFloat(pack[i]) - largest) * scale);
      Store(y + column, result);
    });
  }
}

template <int N, typename Group, typename T>
__global__ void METRONOME_BLOCK_THREADS(Group::kBlockThreads) RmsNormKernel(const __grid_constant__ RmsNormArgs args) {
  const auto* const weight = static_cast<const T*>(args.weight);
  for (int64_t base = static_cast<int64_t>(blockIdx.x) * Group::kRows; base < args.rows;
       base += static_cast<int64_t>(gridDim.x) * Group::kRows) {
    const int64_t row = base + Group::Row(), first = row * args.columns;
    const T* const x = static_cast<const T*>(args.x) + first;
    T* const y = static_cast<T*>(args.y) + first;
    HeldRow<N, Group, T> held(row < args.rows ? args.columns : 0);

    float squares = 0;
    held.Fill(
        [&](int64_t column) {
          Pack<T, N> pack = Load<T, N>(x + column);
          if (args.addend == nullptr) return pack;
          const Pack<T, N> addend = Load<T, N>(static_cast<const T*>(args.addend) + first + column);
          METRONOME_UNROLL
          for (int i = 0; i < N; ++i) pack[i] = FromFloat<T>(ToFloat(pack[i]) + ToFloat(addend[i]));
          Store(static_cast<T*>(args.sum) + first + column, pack);
          return pack;
        },
        [&](int64_t, const Pack<T, N>& pack) {
          METRONOME_UNROLL
          for (int i = 0; i < N; ++i) squares += ToFloat(pack[i]) * ToFloat(pack[i]);
        });
    squares = Group::Reduce(squares, Sum(), 0.0f);
    const float scale = 1.0f / sqrtf(squares / static_cast<float>(args.columns) + args.epsilon);

    const T* const normalised = args.addend == nullptr ? x : static_cast<const T*>(args.sum) + first;
    held.Visit([&](int64_t column) { return Load<T, N>(normalised + column); },
               [&](int64_t column, const Pack<T, N>& pack) {
                 float values[N];
                 METRONOME_UNROLL
                 for (int i = 0; i < N; ++i) values[i] = ToFloat(pack[i]) * scale;
                 if (weight != nullptr) {
                   const Pack<T, N> weights = Load<T, N>(weight + column);
                   METRONOME_UNROLL
                   for (int i = 0; i < N; ++i) {
                     if (args.round_before_weight) values[i] = Round<T>(values[i]);
                     values[i] *= args.weight_offset + ToFloat(weights[i]);
                   }
                 }
                 Pack<T, N> result;
                 METRONOME_UNROLL
                 for (int i = 0; i < N; ++i) result[i] = FromFloat<T>(values[i]);
                 Store(y + column, result);
               });
  }
}

template <typename Group>
LaunchShape RowShape(const DeviceContext& context, int64_t rows) {
  return {.grid = dim3(BlocksFor(context, rows, Group::kRows)), .block = dim3(Group::kBlockThreads)};
}

}  // namespace

void LaunchSoftmax(const DeviceContext& context, const SoftmaxArgs& args) {
  if (args.rows * args.columns == 0) return;
  WithFloatType(args.dtype, [&](auto dtype) {
    using T = typename decltype(dtype)::Type;
    const bool vectors = RowsAreVectors<T>(args.columns, static_cast<const T*>(args.x), static_cast<const T*>(args.y));
    WithGroup(vectors ? args.columns / kVectorWidth<T> : args.columns, [&](auto tag) {
      using Group = typename decltype(tag)::Type;
      Launch(context, vectors ? SoftmaxKernel<kVectorWidth<T>, Group, T> : SoftmaxKernel<1, Group, T>,
             RowShape<Group>(context, args.rows), args);
    });
  });
}

void LaunchRmsNorm(const DeviceContext& context, const RmsNormArgs& args) {
  if (args.rows * args.columns == 0) return;
  WithFloatType(args.dtype, [&](auto dtype) {
    using T = typename decltype(dtype)::Type;
    // An operand that is not there is aligned.
    const bool vectors = RowsAreVectors<T>(args.columns, static_cast<const T*>(args.x), static_cast<const T*>(args.y),
                                           static_cast<const T*>(args.addend), static_cast<const T*>(args.sum),
                                           static_cast<const T*>(args.weight));
    WithGroup(vectors ? args.columns / kVectorWidth<T> : args.columns, [&](auto tag) {
      using Group = typename decltype(tag)::Type;
      Launch(context, vectors ? RmsNormKernel<kVectorWidth<T>, Group, T> : RmsNormKernel<1, Group, T>,
             RowShape<Group>(context, args.rows), args);
    });
  });
}

}  // namespace metronome::kernels::cuda
