#include "kernels/cpu/fused_steps.h"

#include <cmath>
#include <cstring>
#include <limits>

// Plain loops, which vectorise where the function does. Compiled so that products and sums do not contract.
namespace metronome::cpu {
namespace {

template <typename Out, typename In, typename Function>
void Map(const void* a, int64_t columns, void* result, Function function) {
  const In* const x = static_cast<const In*>(a);
  Out* const y = static_cast<Out*>(result);
  for (int64_t i = 0; i < columns; ++i) y[i] = function(x[i]);
}

template <typename Out, typename In, typename Function>
void Map(const void* a, const void* b, int64_t columns, void* result, Function function) {
  const In *const x = static_cast<const In*>(a), *const z = static_cast<const In*>(b);
  Out* const y = static_cast<Out*>(result);
  for (int64_t i = 0; i < columns; ++i) y[i] = function(x[i], z[i]);
}

void RoundTo(DType dtype, int64_t columns, void* result) {
  if (dtype == DType::kBFloat16)
    Map<float, float>(result, columns, result, [](float x) { return static_cast<float>(BFloat16(x)); });
  if (dtype == DType::kFloat16)
    Map<float, float>(result, columns, result, [](float x) { return static_cast<float>(Float16(x)); });
}

void RunUnary(FusedOp op, const void* a, int64_t columns, void* result) {
  const auto map = [&](auto function) { Map<float, float>(a, columns, result, function); };
  switch (op) {
    case FusedOp::kNeg:
      return map([](float x) { return -x; });
    case FusedOp::kExp:
      return map([](float x) { return std::exp(x); });
    case FusedOp::kTanh:
      return map([](float x) { return std::tanh(x); });
    case FusedOp::kSigmoid:
      return map([](float x) { return 1.0f / (1.0f + std::exp(-x)); });
    case FusedOp::kRsqrt:
      return map([](float x) { return 1.0f / std::sqrt(x); });
    case FusedOp::kCos:
      return map([](float x) { return std::cos(x); });
    default:
      return map([](float x) { return std::sin(x); });
  }
}

// NaN wins, as in NumPy.
template <typename T>
T Greater(T a, T b) {
  return a > b || a != a ? a : b;
}
template <typename T>
T Lesser(T a, T b) {
  return a < b || a != a ? a : b;
}

void RunFloatBinary(FusedOp op, const void* a, const void* b, int64_t columns, void* result) {
  const auto map = [&](auto function) { Map<float, float>(a, b, columns, result, function); };
  switch (op) {
    case FusedOp::kAdd:
      return map([](float x, float y) { return x + y; });
    case FusedOp::kSub:
      return map([](float x, float y) { return x - y; });
    case FusedOp::kMul:
      return map([](float x, float y) { return x * y; });
    case FusedOp::kDiv:
      return map([](float x, float y) { return x / y; });
    case FusedOp::kMaximum:
      return map(Greater<float>);
    default:
      return map(Lesser<float>);
  }
}

// Wraps, and nothing traps: x / 0 is 0 and the lowest number / -1 is itself.
int32_t Divide(int32_t a, int32_t b) {
  if (b == 0) return 0;
  return b == -1 ? static_cast<int32_t>(0u - static_cast<uint32_t>(a)) : a / b;
}

void RunIntBinary(FusedOp op, const void* a, const void* b, int64_t columns, void* result) {
  const auto wrap = [&](auto function) {  // Of unsigned numbers, which wrap.
    Map<int32_t, uint32_t>(a, b, columns, result,
                           [=](uint32_t x, uint32_t y) { return static_cast<int32_t>(function(x, y)); });
  };
  const auto map = [&](auto function) { Map<int32_t, int32_t>(a, b, columns, result, function); };
  switch (op) {
    case FusedOp::kAdd:
      return wrap([](uint32_t x, uint32_t y) { return x + y; });
    case FusedOp::kSub:
      return wrap([](uint32_t x, uint32_t y) { return x - y; });
    case FusedOp::kMul:
      return wrap([](uint32_t x, uint32_t y) { return x * y; });
    case FusedOp::kDiv:
      return map(Divide);
    case FusedOp::kMaximum:
      return map(Greater<int32_t>);
    default:
      return map(Lesser<int32_t>);
  }
}

template <typename T>
void RunCompare(FusedOp op, const void* a, const void* b, int64_t columns, void* result) {
  const auto map = [&](auto function) {
    Map<int32_t, T>(a, b, columns, result, [=](T x, T y) { return function(x, y) ? 1 : 0; });
  };
  switch (op) {
    case FusedOp::kLt:
      return map([](T x, T y) { return x < y; });
    case FusedOp::kLe:
      return map([](T x, T y) { return x <= y; });
    case FusedOp::kGt:
      return map([](T x, T y) { return x > y; });
    case FusedOp::kGe:
      return map([](T x, T y) { return x >= y; });
    default:
      return map([](T x, T y) { return x == y; });
  }
}

void RunSelect(const void* const (&operands)[3], int64_t columns, void* result) {
  const auto* const condition = static_cast<const int32_t*>(operands[0]);
  const auto *const a = static_cast<const int32_t*>(operands[1]), *const b = static_cast<const int32_t*>(operands[2]);
  auto* const y = static_cast<int32_t*>(result);
  for (int64_t i = 0; i < columns; ++i) y[i] = condition[i] != 0 ? a[i] : b[i];
}

// C++ leaves what does not fit undefined: it saturates here, and NaN is 0.
int32_t Truncate(float x) {
  constexpr float kLimit = 2147483648.0f;
  if (x != x) return 0;
  if (x >= kLimit) return std::numeric_limits<int32_t>::max();
  return x < -kLimit ? std::numeric_limits<int32_t>::min() : static_cast<int32_t>(x);
}

void RunCast(DType from, DType to, const void* a, int64_t columns, void* result) {
  if (to == DType::kBool) {
    if (IsFloat(from)) return Map<int32_t, float>(a, columns, result, [](float x) { return x != 0 ? 1 : 0; });
    return Map<int32_t, int32_t>(a, columns, result, [](int32_t x) { return x != 0 ? 1 : 0; });
  }
  if (from == to || (from == DType::kBool && to == DType::kInt32))
    return Map<int32_t, int32_t>(a, columns, result, [](int32_t x) { return x; });
  if (to == DType::kInt32) return Map<int32_t, float>(a, columns, result, Truncate);
  if (IsFloat(from)) {
    Map<float, float>(a, columns, result, [](float x) { return x; });
  } else {
    Map<float, int32_t>(a, columns, result, [](int32_t x) { return static_cast<float>(x); });
  }
  RoundTo(to, columns, result);
}

}  // namespace

void LoadRegister(DType dtype, const void* from, int64_t columns, void* to) {
  switch (dtype) {
    case DType::kFloat32:
    case DType::kInt32:
      std::memcpy(to, from, static_cast<size_t>(columns) * 4);
      return;
    case DType::kBFloat16:
      return Map<float, BFloat16>(from, columns, to, [](BFloat16 x) { return static_cast<float>(x); });
    case DType::kFloat16:
      return Map<float, Float16>(from, columns, to, [](Float16 x) { return static_cast<float>(x); });
    case DType::kBool:
      return Map<int32_t, uint8_t>(from, columns, to, [](uint8_t x) { return static_cast<int32_t>(x); });
  }
}

void StoreRegister(DType dtype, const void* from, int64_t columns, void* to) {
  switch (dtype) {
    case DType::kFloat32:
    case DType::kInt32:
      std::memcpy(to, from, static_cast<size_t>(columns) * 4);
      return;
    case DType::kBFloat16:
      return Map<BFloat16, float>(from, columns, to, [](float x) { return BFloat16(x); });
    case DType::kFloat16:
      return Map<Float16, float>(from, columns, to, [](float x) { return Float16(x); });
    case DType::kBool:
      return Map<uint8_t, int32_t>(from, columns, to, [](int32_t x) { return static_cast<uint8_t>(x); });
  }
}

void FillRegister(const void* element, int64_t columns, void* to) {
  int32_t word;
  std::memcpy(&word, element, sizeof(word));
  auto* const words = static_cast<int32_t*>(to);
  for (int64_t i = 0; i < columns; ++i) words[i] = word;
}

void RunStep(const FusedStep& step, DType dtype, const void* const (&operands)[3], int64_t columns, void* result) {
  if (step.op == FusedOp::kCast) return RunCast(dtype, step.dtype, operands[0], columns, result);
  if (step.op == FusedOp::kSelect) return RunSelect(operands, columns, result);
  if (step.op == FusedOp::kAnd)
    return Map<int32_t, int32_t>(operands[0], operands[1], columns, result, [](int32_t x, int32_t y) { return x & y; });
  if (step.op >= FusedOp::kLt) {
    if (dtype == DType::kInt32) return RunCompare<int32_t>(step.op, operands[0], operands[1], columns, result);
    return RunCompare<float>(step.op, operands[0], operands[1], columns, result);
  }
  if (dtype == DType::kInt32) return RunIntBinary(step.op, operands[0], operands[1], columns, result);
  if (step.op >= FusedOp::kAdd) {
    RunFloatBinary(step.op, operands[0], operands[1], columns, result);
  } else {
    RunUnary(step.op, operands[0], columns, result);
  }
  RoundTo(step.dtype, columns, result);
}

double FoldStart(FusedOp op) { return op == FusedOp::kReduceSum ? 0 : -std::numeric_limits<double>::infinity(); }

double FoldColumns(FusedOp op, const void* operand, int64_t columns, double value) {
  const auto* const x = static_cast<const float*>(operand);
  if (op == FusedOp::kReduceSum) {
    for (int64_t i = 0; i < columns; ++i) value += static_cast<double>(x[i]);
    return value;
  }
  for (int64_t i = 0; i < columns; ++i) {
    const auto next = static_cast<double>(x[i]);
    value = next > value || next != next ? next : value;
  }
  return value;
}

}  // namespace metronome::cpu
