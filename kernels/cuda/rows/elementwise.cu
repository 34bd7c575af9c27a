#include <type_traits>

#include "kernels/cuda/primitives/strided.cuh"
#include "kernels/cuda/rows/elementwise.h"
#include "kernels/cuda/rows/elementwise_functors.cuh"

// Bound by memory: a thread takes a vector of the innermost axis at a time.
namespace metronome::kernels::cuda {
namespace {

constexpr int kThreads = 256;

__device__ __forceinline__ int64_t FirstUnit() { return static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; }
__device__ __forceinline__ int64_t UnitStep() { return static_cast<int64_t>(gridDim.x) * kThreads; }

// y[i] = functor(x[i]).
template <int N, typename Functor, typename In, typename Out>
__global__ void METRONOME_BLOCK_THREADS(kThreads) MapKernel(Functor functor, const In* x, Out* y, int64_t elements) {
  const int64_t units = (elements + N - 1) / N;
  for (int64_t unit = FirstUnit(); unit < units; unit += UnitStep()) {
    const int64_t begin = unit * N;
    if (begin + N <= elements) {
      Store(y + begin, functor(Load<In, N>(x + begin)));
    } else {
      for (int64_t i = begin; i < elements; ++i) Store(y + i, functor(Load<In, 1>(x + i)));
    }
  }
}

// y = functor(a, b) with broadcasting. Only a walk of rank 1 has a tail that is less than N elements.
template <int N, typename Index, typename Functor, typename In, typename Out>
__global__ void METRONOME_BLOCK_THREADS(kThreads)
    MapPairsKernel(const __grid_constant__ StridedWalk<2> walk, Functor functor, const In* a, const In* b, Out* y) {
  const int64_t units = (walk.elements + N - 1) / N;
  const int64_t a_stride = walk.strides[0][walk.rank - 1], b_stride = walk.strides[1][walk.rank - 1];
  for (int64_t unit = FirstUnit(); unit < units; unit += UnitStep()) {
    const int64_t begin = unit * N;
    int64_t at[2];
    FindOperands<Index>(walk, begin, at);
    if (begin + N <= walk.elements) {
      Store(y + begin, functor(LoadStrided<N>(a + at[0], a_stride), LoadStrided<N>(b + at[1], b_stride)));
    } else {
      for (int64_t i = 0; begin + i < walk.elements; ++i)
        Store(y + begin + i, functor(Load<In, 1>(a + at[0] + i * a_stride), Load<In, 1>(b + at[1] + i * b_stride)));
    }
  }
}

template <int N, typename Index, typename T>
__global__ void METRONOME_BLOCK_THREADS(kThreads)
    SelectKernel(const __grid_constant__ StridedWalk<3> walk, const uint8_t* condition, const T* a, const T* b, T* y) {
  const int64_t units = (walk.elements + N - 1) / N;
  const int inner = walk.rank - 1;
  for (int64_t unit = FirstUnit(); unit < units; unit += UnitStep()) {
    const int64_t begin = unit * N;
    int64_t at[3];
    FindOperands<Index>(walk, begin, at);
    if (begin + N <= walk.elements) {
      const auto chosen = LoadStrided<N>(condition + at[0], walk.strides[0][inner]);
      const auto left = LoadStrided<N>(a + at[1], walk.strides[1][inner]);
      const auto right = LoadStrided<N>(b + at[2], walk.strides[2][inner]);
      Pack<T, N> result;
      METRONOME_UNROLL
      for (int i = 0; i < N; ++i) result[i] = chosen[i] != 0 ? left[i] : right[i];
      Store(y + begin, result);
    } else {
      for (int64_t i = 0; begin + i < walk.elements; ++i)
        y[begin + i] = condition[at[0] + i * walk.strides[0][inner]] != 0 ? a[at[1] + i * walk.strides[1][inner]]
                                                                          : b[at[2] + i * walk.strides[2][inner]];
    }
  }
}

LaunchShape Shape(const DeviceContext& context, int64_t elements, int64_t n) {
  return {.grid = dim3(BlocksFor(context, (elements + n - 1) / n, kThreads)), .block = dim3(kThreads)};
}

// A vector of the wider type.
template <typename In, typename Out>
constexpr int kMapWidth = kVectorBytes / static_cast<int>(sizeof(In) > sizeof(Out) ? sizeof(In) : sizeof(Out));

template <typename In, typename Out, typename Functor>
void LaunchMap(const DeviceContext& context, Functor functor, const void* x, void* y, int64_t elements) {
  constexpr int kWidth = kMapWidth<In, Out>;
  const auto* const from = static_cast<const In*>(x);
  auto* const to = static_cast<Out*>(y);
  const bool packs = IsAligned(x, kPackAlignment<In, kWidth>) && IsAligned(y, kPackAlignment<Out, kWidth>);
  if (packs) {
    Launch(context, MapKernel<kWidth, Functor, In, Out>, Shape(context, elements, kWidth), functor, from, to, elements);
  } else {
    Launch(context, MapKernel<1, Functor, In, Out>, Shape(context, elements, 1), functor, from, to, elements);
  }
}

// Whether 32 bits count the elements, and may overshoot by a grid.
bool FitsIn32Bits(int64_t elements) { return elements < (int64_t{1} << 31); }

template <typename In, typename Out, typename Functor>
void LaunchPairs(const DeviceContext& context, const StridedWalk<2>& walk, Functor functor, const void* a,
                 const void* b, void* y) {
  constexpr int kWidth = kMapWidth<In, Out>;
  const auto launch = [&](auto n, auto index) {
    constexpr int kN = decltype(n)::value;
    using Index = typename decltype(index)::Type;
    Launch(context, MapPairsKernel<kN, Index, Functor, In, Out>, Shape(context, walk.elements, kN), walk, functor,
           static_cast<const In*>(a), static_cast<const In*>(b), static_cast<Out*>(y));
  };
  const bool packs = WalksInPacks(walk, 0, a, sizeof(In), kWidth) && WalksInPacks(walk, 1, b, sizeof(In), kWidth) &&
                     IsAligned(y, kPackAlignment<Out, kWidth>);
  if (!FitsIn32Bits(walk.elements)) {
    launch(std::integral_constant<int, 1>(), Tag<uint64_t>());
  } else if (packs) {
    launch(std::integral_constant<int, kWidth>(), Tag<uint32_t>());
  } else {
    launch(std::integral_constant<int, 1>(), Tag<uint32_t>());
  }
}

template <typename Function>
void WithNumberType(DType dtype, Function&& function) {
  if (dtype == DType::kInt32) return function(Tag<int32_t>());
  WithFloatType(dtype, function);
}

template <typename Function>
void WithAnyType(DType dtype, Function&& function) {
  if (dtype == DType::kBool) return function(Tag<uint8_t>());
  WithNumberType(dtype, function);
}

}  // namespace

void LaunchUnary(const DeviceContext& context, const UnaryArgs& args) {
  WithFloatType(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    LaunchMap<T, T>(context, UnaryFunctor{args.op}, args.x, args.y, args.elements);
  });
}

void LaunchBinary(const DeviceContext& context, const BinaryArgs& args) {
  WithNumberType(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    LaunchPairs<T, T>(context, args.walk, BinaryFunctor{args.op}, args.a, args.b, args.y);
  });
}

void LaunchCompare(const DeviceContext& context, const CompareArgs& args) {
  WithNumberType(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    LaunchPairs<T, uint8_t>(context, args.walk, CompareFunctor{args.op}, args.a, args.b, args.y);
  });
}

void LaunchAnd(const DeviceContext& context, const AndArgs& args) {
  LaunchPairs<uint8_t, uint8_t>(context, args.walk, AndFunctor(), args.a, args.b, args.y);
}

void LaunchSelect(const DeviceContext& context, const SelectArgs& args) {
  const StridedWalk<3>& walk = args.walk;
  WithBits(args.element_bytes, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    constexpr int kWidth = kVectorWidth<T>;
    const auto launch = [&](auto n, auto index) {
      constexpr int kN = decltype(n)::value;
      using Index = typename decltype(index)::Type;
      Launch(context, SelectKernel<kN, Index, T>, Shape(context, walk.elements, kN), walk,
             static_cast<const uint8_t*>(args.condition), static_cast<const T*>(args.a), static_cast<const T*>(args.b),
             static_cast<T*>(args.y));
    };
    const bool packs = WalksInPacks(walk, 0, args.condition, 1, kWidth) &&
                       WalksInPacks(walk, 1, args.a, sizeof(T), kWidth) &&
                       WalksInPacks(walk, 2, args.b, sizeof(T), kWidth) && IsAligned(args.y, kVectorBytes);
    if (!FitsIn32Bits(walk.elements)) {
      launch(std::integral_constant<int, 1>(), Tag<uint64_t>());
    } else if (packs) {
      launch(std::integral_constant<int, kWidth>(), Tag<uint32_t>());
    } else {
      launch(std::integral_constant<int, 1>(), Tag<uint32_t>());
    }
  });
}

void LaunchCast(const DeviceContext& context, const CastArgs& args) {
  WithAnyType(args.from, [&](auto from) {
    using From = typename decltype(from)::Type;
    WithAnyType(args.to, [&](auto to) {
      using To = typename decltype(to)::Type;
      LaunchMap<From, To>(context, CastFunctor<To>(), args.x, args.y, args.elements);
    });
  });
}

}  // namespace metronome::kernels::cuda
