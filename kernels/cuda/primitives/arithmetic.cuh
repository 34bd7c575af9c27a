#ifndef METRONOME_KERNELS_CUDA_PRIMITIVES_ARITHMETIC_CUH_
#define METRONOME_KERNELS_CUDA_PRIMITIVES_ARITHMETIC_CUH_

#include "kernels/catalogue/ops.h"
#include "kernels/cuda/primitives/device.cuh"

// What the elementwise primitives compute, on one number. Functions have the names of their ops in ops.h.
namespace metronome::kernels::cuda {

// int32 arithmetic wraps, and nothing traps: x / 0 is 0 and the lowest number / -1 is itself. NaN wins in maximum and
// minimum, as in NumPy.
struct Arithmetic {
  static __device__ __forceinline__ float Neg(float x) { return -x; }
  static __device__ __forceinline__ float Exp(float x) { return expf(x); }
  static __device__ __forceinline__ float Tanh(float x) { return tanhf(x); }
  static __device__ __forceinline__ float Sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }
  static __device__ __forceinline__ float Rsqrt(float x) { return 1.0f / sqrtf(x); }
  static __device__ __forceinline__ float Cos(float x) { return cosf(x); }
  static __device__ __forceinline__ float Sin(float x) { return sinf(x); }
  static __device__ __forceinline__ int32_t Wrap(uint32_t bits) { return static_cast<int32_t>(bits); }
#if defined(__CUDACC__)  // Each rounds by itself: a product and a sum that follow each other do not become one.
  static __device__ __forceinline__ float Add(float a, float b) { return __fadd_rn(a, b); }
  static __device__ __forceinline__ float Sub(float a, float b) { return __fsub_rn(a, b); }
  static __device__ __forceinline__ float Mul(float a, float b) { return __fmul_rn(a, b); }
#else
  static float Add(float a, float b) { return a + b; }
  static float Sub(float a, float b) { return a - b; }
  static float Mul(float a, float b) { return a * b; }
#endif
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
  static __device__ __forceinline__ T Maximum(T a, T b) {
    return a > b || a != a ? a : b;
  }
  template <typename T>
  static __device__ __forceinline__ T Minimum(T a, T b) {
    return a < b || a != a ? a : b;
  }
};

// To bool.
struct Comparison {
  template <typename T>
  static __device__ __forceinline__ uint8_t Lt(T a, T b) {
    return a < b;
  }
  template <typename T>
  static __device__ __forceinline__ uint8_t Le(T a, T b) {
    return a <= b;
  }
  template <typename T>
  static __device__ __forceinline__ uint8_t Gt(T a, T b) {
    return a > b;
  }
  template <typename T>
  static __device__ __forceinline__ uint8_t Ge(T a, T b) {
    return a >= b;
  }
  template <typename T>
  static __device__ __forceinline__ uint8_t Eq(T a, T b) {
    return a == b;
  }
};

// Returns use(function) with the function of an op, which must be of the group.
template <typename Use>
__device__ __forceinline__ auto WithUnary(Op op, Use use) {
  switch (op) {
#define METRONOME_CASE(id, ...) \
  case Op::k##id:               \
    return use([](float x) { return Arithmetic::id(x); });
    METRONOME_UNARY_OPS(METRONOME_CASE)
#undef METRONOME_CASE
    default:
      __builtin_unreachable();
  }
}
template <typename Use>
__device__ __forceinline__ auto WithBinary(Op op, Use use) {
  switch (op) {
#define METRONOME_CASE(id, ...) \
  case Op::k##id:               \
    return use([](auto a, auto b) { return Arithmetic::id(a, b); });
    METRONOME_BINARY_OPS(METRONOME_CASE)
#undef METRONOME_CASE
    default:
      __builtin_unreachable();
  }
}
template <typename Use>
__device__ __forceinline__ auto WithCompare(Op op, Use use) {
  switch (op) {
#define METRONOME_CASE(id, ...) \
  case Op::k##id:               \
    return use([](auto a, auto b) { return Comparison::id(a, b); });
    METRONOME_COMPARE_OPS(METRONOME_CASE)
#undef METRONOME_CASE
    default:
      __builtin_unreachable();
  }
}

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

// C++ leaves what does not fit undefined: it saturates here, and NaN is 0.
__device__ __forceinline__ int32_t Truncate(float x) {
  constexpr float kLimit = 2147483648.0f;
  if (x != x) return 0;
  if (x >= kLimit) return 2147483647;
  return x < -kLimit ? -2147483647 - 1 : static_cast<int32_t>(x);
}

// `value` as a To. Numbers convert through float, which holds every int32 below 2^24 exactly; uint8_t stands for bool.
template <typename To>
struct Conversion {
  template <typename From>
  static __device__ __forceinline__ To Of(From value) {
    return FromFloat<To>(Float(value));
  }
  static __device__ __forceinline__ To Of(To value) { return value; }
  static __device__ __forceinline__ float Float(int32_t value) { return static_cast<float>(value); }
  static __device__ __forceinline__ float Float(uint8_t value) { return static_cast<float>(value); }
  template <typename From>
  static __device__ __forceinline__ float Float(From value) {
    return ToFloat(value);
  }
};
template <>
struct Conversion<uint8_t> : Conversion<float> {
  template <typename From>
  static __device__ __forceinline__ uint8_t Of(From value) {
    return Float(value) != 0.0f ? 1 : 0;
  }
  static __device__ __forceinline__ uint8_t Of(uint8_t value) { return value; }
};
template <>
struct Conversion<int32_t> : Conversion<float> {
  template <typename From>
  static __device__ __forceinline__ int32_t Of(From value) {
    return Truncate(Float(value));
  }
  static __device__ __forceinline__ int32_t Of(int32_t value) { return value; }
};

template <typename To, typename From>
__device__ __forceinline__ To Convert(From value) {
  return Conversion<To>::Of(value);
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRIMITIVES_ARITHMETIC_CUH_
