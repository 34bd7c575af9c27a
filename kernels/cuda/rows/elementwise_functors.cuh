#ifndef METRONOME_KERNELS_CUDA_ROWS_ELEMENTWISE_FUNCTORS_CUH_
#define METRONOME_KERNELS_CUDA_ROWS_ELEMENTWISE_FUNCTORS_CUH_

#include "kernels/cuda/primitives/arithmetic.cuh"
#include "kernels/cuda/primitives/pack.cuh"
#include "kernels/cuda/rows/elementwise.h"

// The operations on packs of elements. Which one is a value, not a template parameter: the branch is the same for all
// threads and taken once per pack, and there are several times fewer kernels to compile.
namespace metronome::kernels::cuda {

template <typename Out, int N, typename In, typename Function>
__device__ __forceinline__ Pack<Out, N> Apply(const Pack<In, N>& x, Function function) {
  Pack<Out, N> result;
  METRONOME_UNROLL
  for (int i = 0; i < N; ++i) result[i] = function(x[i]);
  return result;
}

template <typename Out, int N, typename In, typename Function>
__device__ __forceinline__ Pack<Out, N> Apply(const Pack<In, N>& a, const Pack<In, N>& b, Function function) {
  Pack<Out, N> result;
  METRONOME_UNROLL
  for (int i = 0; i < N; ++i) result[i] = function(a[i], b[i]);
  return result;
}

struct UnaryFunctor {
  Op op;

  template <typename T, int N>
  __device__ __forceinline__ Pack<T, N> operator()(const Pack<T, N>& pack) const {
    return WithUnary(
        op, [&](auto function) { return Apply<T>(pack, [&](T x) { return FromFloat<T>(function(ToFloat(x))); }); });
  }
};

struct BinaryFunctor {
  Op op;

  template <typename T, int N>
  __device__ __forceinline__ Pack<T, N> operator()(const Pack<T, N>& left, const Pack<T, N>& right) const {
    return WithBinary(op, [&](auto function) {
      return Apply<T>(left, right, [&](T a, T b) { return Narrow<T>(function(Widen(a), Widen(b))); });
    });
  }
};

struct CompareFunctor {
  Op op;

  template <typename T, int N>
  __device__ __forceinline__ Pack<uint8_t, N> operator()(const Pack<T, N>& left, const Pack<T, N>& right) const {
    return WithCompare(op, [&](auto function) {
      return Apply<uint8_t>(left, right, [&](T a, T b) { return function(Widen(a), Widen(b)); });
    });
  }
};

struct AndFunctor {
  template <int N>
  __device__ __forceinline__ Pack<uint8_t, N> operator()(const Pack<uint8_t, N>& left,
                                                         const Pack<uint8_t, N>& right) const {
    return Apply<uint8_t>(left, right, [](uint8_t a, uint8_t b) { return static_cast<uint8_t>(a & b); });
  }
};

template <typename To>
struct CastFunctor {
  template <typename From, int N>
  __device__ __forceinline__ Pack<To, N> operator()(const Pack<From, N>& pack) const {
    return Apply<To>(pack, [](From x) { return Convert<To>(x); });
  }
};

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_ROWS_ELEMENTWISE_FUNCTORS_CUH_
