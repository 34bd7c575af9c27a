#ifndef METRONOME_KERNELS_CUDA_ELEMENTWISE_FUNCTORS_CUH_
#define METRONOME_KERNELS_CUDA_ELEMENTWISE_FUNCTORS_CUH_

#include <type_traits>

#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/pack.cuh"

// The operations on packs of elements. Which one is a value, not a template parameter: the branch is the same for all
// threads and taken once per pack, and there are several times fewer kernels to compile.
namespace metronome::cuda {

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
  UnaryOp op;

  template <typename T, int N>
  __device__ __forceinline__ Pack<T, N> operator()(const Pack<T, N>& pack) const {
    const auto map = [&](auto function) {
      return Apply<T>(pack, [&](T x) { return FromFloat<T>(function(ToFloat(x))); });
    };
    switch (op) {
      case UnaryOp::kNeg:
        return map([](float x) { return -x; });
      case UnaryOp::kExp:
        return map([](float x) { return expf(x); });
      case UnaryOp::kTanh:
        return map([](float x) { return tanhf(x); });
      case UnaryOp::kSigmoid:
        return map([](float x) { return 1.0f / (1.0f + expf(-x)); });
      case UnaryOp::kRsqrt:
        return map([](float x) { return 1.0f / sqrtf(x); });
      case UnaryOp::kCos:
        return map([](float x) { return cosf(x); });
      case UnaryOp::kSin:
        break;
    }
    return map([](float x) { return sinf(x); });
  }
};

// int32 arithmetic wraps, and nothing traps: x / 0 is 0 and the lowest number / -1 is itself. NaN wins in maximum and
// minimum, as in NumPy.
struct Arithmetic {
  static __device__ __forceinline__ int32_t Wrap(uint32_t bits) { return static_cast<int32_t>(bits); }
  static __device__ __forceinline__ float Add(float a, float b) { return a + b; }
  static __device__ __forceinline__ float Sub(float a, float b) { return a - b; }
  static __device__ __forceinline__ float Mul(float a, float b) { return a * b; }
  static __device__ __forceinline__ float Div(float a, float b) { return a / b; }
  static __device__ __forceinline__ int32_t Add(int32_t a, int32_t b) {
    return Wrap(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
  }
  static __device__ __forceinline__ int32_t Sub(int32_t a, int32_t b) {
    return Wrap(static_cast<uint32_t>(a) - static_cast<uint32_t>(b));
  }
  static __device__ __forceinline__ int32_t Mul(int32_t a, int32_t b) {
    return Wrap(static_cast<uint32_t>(a) * static_cast<uint32_t>(b));
  }
  static __device__ __forceinline__ int32_t Div(int32_t a, int32_t b) {
    return b == 0 ? 0 : b == -1 ? Sub(0, a) : a / b;
  }
  template <typename T>
  static __device__ __forceinline__ T Greater(T a, T b) {
    return a > b || a != a ? a : b;
  }
  template <typename T>
  static __device__ __forceinline__ T Lesser(T a, T b) {
    return a < b || a != a ? a : b;
  }
};

// What T computes in: int32 as it is.
__device__ __forceinline__ int32_t Widen(int32_t value) { return value; }
template <typename T>
__device__ __forceinline__ float Widen(T value) {
  return ToFloat(value);
}
template <typename T>
__device__ __forceinline__ T Narrow(int32_t value) {
  return value;
}
template <typename T>
__device__ __forceinline__ T Narrow(float value) {
  return FromFloat<T>(value);
}

struct BinaryFunctor {
  BinaryOp op;

  template <typename T, int N>
  __device__ __forceinline__ Pack<T, N> operator()(const Pack<T, N>& left, const Pack<T, N>& right) const {
    const auto map = [&](auto function) {
      return Apply<T>(left, right, [&](T a, T b) { return Narrow<T>(function(Widen(a), Widen(b))); });
    };
    switch (op) {
      case BinaryOp::kAdd:
        return map([](auto a, auto b) { return Arithmetic::Add(a, b); });
      case BinaryOp::kSub:
        return map([](auto a, auto b) { return Arithmetic::Sub(a, b); });
      case BinaryOp::kMul:
        return map([](auto a, auto b) { return Arithmetic::Mul(a, b); });
      case BinaryOp::kDiv:
        return map([](auto a, auto b) { return Arithmetic::Div(a, b); });
      case BinaryOp::kMaximum:
        return map([](auto a, auto b) { return Arithmetic::Greater(a, b); });
      case BinaryOp::kMinimum:
        break;
    }
    return map([](auto a, auto b) { return Arithmetic::Lesser(a, b); });
  }
};

struct CompareFunctor {
  CompareOp op;

  template <typename T, int N>
  __device__ __forceinline__ Pack<uint8_t, N> operator()(const Pack<T, N>& left, const Pack<T, N>& right) const {
    const auto map = [&](auto function) {
      return Apply<uint8_t>(left, right,
                            [&](T a, T b) { return static_cast<uint8_t>(function(Widen(a), Widen(b)) ? 1 : 0); });
    };
    switch (op) {
      case CompareOp::kLt:
        return map([](auto a, auto b) { return a < b; });
      case CompareOp::kLe:
        return map([](auto a, auto b) { return a <= b; });
      case CompareOp::kGt:
        return map([](auto a, auto b) { return a > b; });
      case CompareOp::kGe:
        return map([](auto a, auto b) { return a >= b; });
      case CompareOp::kEq:
        break;
    }
    return map([](auto a, auto b) { return a == b; });
  }
};

struct AndFunctor {
  template <int N>
  __device__ __forceinline__ Pack<uint8_t, N> operator()(const Pack<uint8_t, N>& left,
                                                         const Pack<uint8_t, N>& right) const {
    return Apply<uint8_t>(left, right, [](uint8_t a, uint8_t b) { return static_cast<uint8_t>(a & b); });
  }
};

// C++ leaves what does not fit undefined: it saturates here, and NaN is 0.
__device__ __forceinline__ int32_t Truncate(float x) {
  constexpr float kLimit = 2147483648.0f;
  if (x != x) return 0;
  if (x >= kLimit) return 2147483647;
  return x < -kLimit ? -2147483647 - 1 : static_cast<int32_t>(x);
}

// Numbers convert through float, which holds every int32 below 2^24 exactly; uint8_t stands for bool.
template <typename To>
struct CastFunctor {
  template <typename From, int N>
  __device__ __forceinline__ Pack<To, N> operator()(const Pack<From, N>& pack) const {
    return Apply<To>(pack, [](From x) {
      if constexpr (std::is_same_v<From, To>) {
        return x;
      } else {
        float value;
        if constexpr (std::is_integral_v<From>) {
          value = static_cast<float>(x);
        } else {
          value = ToFloat(x);
        }
        if constexpr (std::is_same_v<To, uint8_t>) {
          return static_cast<uint8_t>(value != 0.0f ? 1 : 0);
        } else if constexpr (std::is_same_v<To, int32_t>) {
          return Truncate(value);
        } else {
          return FromFloat<To>(value);
        }
      }
    });
  }
};

}  // namespace metronome::cuda

#endif  // METRONOME_KERNELS_CUDA_ELEMENTWISE_FUNCTORS_CUH_
