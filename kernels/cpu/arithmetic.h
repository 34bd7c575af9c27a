#ifndef METRONOME_KERNELS_CPU_ARITHMETIC_H_
#define METRONOME_KERNELS_CPU_ARITHMETIC_H_

#include <cmath>
#include <cstdint>

#include "kernels/catalogue/ops.h"

// What the elementwise primitives compute, on one number. Functions have the names of their ops in ops.h.
namespace metronome::kernels::cpu {

// int32 arithmetic wraps, and nothing traps: x / 0 is 0 and the lowest number / -1 is itself. NaN wins in maximum and
// minimum, as in NumPy.
struct Arithmetic {
  static float Neg(float x) { return -x; }
  static float Exp(float x) { return std::exp(x); }
  static float Tanh(float x) { return std::tanh(x); }
  static float Sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }
  static float Rsqrt(float x) { return 1.0f / std::sqrt(x); }
  static float Cos(float x) { return std::cos(x); }
  static float Sin(float x) { return std::sin(x); }

  static float Add(float a, float b) { return a + b; }
  static float Sub(float a, float b) { return a - b; }
  static float Mul(float a, float b) { return a * b; }
  static float Div(float a, float b) { return a / b; }
  static int32_t Wrap(uint32_t bits) { return static_cast<int32_t>(bits); }
  static int32_t Add(int32_t a, int32_t b) { return Wrap(static_cast<uint32_t>(a) + static_cast<uint32_t>(b)); }
  static int32_t Sub(int32_t a, int32_t b) { return Wrap(static_cast<uint32_t>(a) - static_cast<uint32_t>(b)); }
  static int32_t Mul(int32_t a, int32_t b) { return Wrap(static_cast<uint32_t>(a) * static_cast<uint32_t>(b)); }
  static int32_t Div(int32_t a, int32_t b) { return b == 0 ? 0 : b == -1 ? Sub(0, a) : a / b; }
  template <typename T>
  static T Maximum(T a, T b) {
    return a > b || a != a ? a : b;
  }
  template <typename T>
  static T Minimum(T a, T b) {
    return a < b || a != a ? a : b;
  }
};

struct Comparison {
  template <typename T>
  static bool Lt(T a, T b) {
    return a < b;
  }
  template <typename T>
  static bool Le(T a, T b) {
    return a <= b;
  }
  template <typename T>
  static bool Gt(T a, T b) {
    return a > b;
  }
  template <typename T>
  static bool Ge(T a, T b) {
    return a >= b;
  }
  template <typename T>
  static bool Eq(T a, T b) {
    return a == b;
  }
};

// C++ leaves what does not fit undefined: it saturates here, and NaN is 0.
inline int32_t Truncate(float x) {
  constexpr float kLimit = 2147483648.0f;
  if (x != x) return 0;
  if (x >= kLimit) return 2147483647;
  return x < -kLimit ? -2147483647 - 1 : static_cast<int32_t>(x);
}

// Returns use(function) with the function of an op, which must be of the group.
template <typename Use>
auto WithUnary(Op op, Use use) {
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
auto WithBinary(Op op, Use use) {
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
auto WithCompare(Op op, Use use) {
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

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_ARITHMETIC_H_
