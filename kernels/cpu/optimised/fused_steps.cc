#include "kernels/cpu/optimised/fused_steps.h"

#include <cstring>
#include <limits>

#include "kernels/cpu/arithmetic.h"

// Plain loops, which vectorise where the function does. Compiled so that products and sums do not contract.
namespace metronome::kernels::cpu {
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

void RunUnary(Op op, const void* a, int64_t columns, void* result) {
  WithUnary(op, [&](auto function) { Map<float, float>(a, columns, result, function); });
}

template <typename T>
void RunBinary(Op op, const void* a, const void* b, int64_t columns, void* result) {
  WithBinary(op, [&](auto function) { Map<T, T>(a, b, columns, result, function); });
}

template <typename T>
void RunCompare(Op op, const void* a, const void* b, int64_t columns, void* result) {
  WithCompare(op, [&](auto function) {
    Map<int32_t, T>(a, b, columns, result, [=](T x, T y) { return function(x, y) ? 1 : 0; });
  });
}

void RunSelect(const void* const (&operands)[3], int64_t columns, void* result) {
  const auto* const condition = static_cast<const int32_t*>(operands[0]);
  const auto *const a = static_cast<const int32_t*>(operands[1]), *const b = static_cast<const int32_t*>(operands[2]);
  auto* const y = static_cast<int32_t*>(result);
  for (int64_t i = 0; i < columns; ++i) y[i] = condition[i] != 0 ? a[i] : b[i];
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
  const void *const a = operands[0], *const b = operands[1];
  const bool whole = dtype == DType::kInt32;
  switch (GroupOf(step.op)) {
    case OpGroup::kCast:
      return RunCast(dtype, step.dtype, a, columns, result);
    case OpGroup::kSelect:
      return RunSelect(operands, columns, result);
    case OpGroup::kLogical:
      return Map<int32_t, int32_t>(a, b, columns, result, [](int32_t x, int32_t y) { return x & y; });
    case OpGroup::kCompare:
      return whole ? RunCompare<int32_t>(step.op, a, b, columns, result)
                   : RunCompare<float>(step.op, a, b, columns, result);
    case OpGroup::kUnary:
      RunUnary(step.op, a, columns, result);
      break;
    default:
      if (whole) return RunBinary<int32_t>(step.op, a, b, columns, result);
      RunBinary<float>(step.op, a, b, columns, result);
  }
  RoundTo(step.dtype, columns, result);
}

double FoldStart(Op op) { return op == Op::kReduceSum ? 0 : -std::numeric_limits<double>::infinity(); }

double FoldColumns(Op op, const void* operand, int64_t columns, double value) {
  const auto* const x = static_cast<const float*>(operand);
  if (op == Op::kReduceSum) {
    for (int64_t i = 0; i < columns; ++i) value += static_cast<double>(x[i]);
    return value;
  }
  for (int64_t i = 0; i < columns; ++i) {
    const auto next = static_cast<double>(x[i]);
    value = next > value || next != next ? next : value;
  }
  return value;
}

}  // namespace metronome::kernels::cpu
