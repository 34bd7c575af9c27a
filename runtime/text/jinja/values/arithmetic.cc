#include <cmath>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/text/printf.h"
#include "runtime/text/jinja/text/text_form.h"
#include "runtime/text/jinja/values/operators.h"

namespace metronome::text::jinja {
namespace {

constexpr const char* kSymbols[] = {"+", "-", "*", "/", "//", "%", "** or pow()"};

absl::Status Unsupported(BinaryOperator op, const Value& left, const Value& right) {
  return TypeError(absl::StrCat("unsupported operand type(s) for ", kSymbols[static_cast<int>(op)], ": '",
                                left.TypeName(), "' and '", right.TypeName(), "'"));
}

absl::StatusOr<Value> IntegerPower(int64_t base, int64_t exponent) {
  int64_t result = 1;
  for (; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) return TooLarge();
    if (exponent > 1 && __builtin_mul_overflow(base, base, &base)) return TooLarge();
  }
  return Value(result);
}

absl::StatusOr<Value> OnIntegers(BinaryOperator op, int64_t left, int64_t right) {
  int64_t result = 0;
  switch (op) {
    case BinaryOperator::kAdd:
      if (__builtin_add_overflow(left, right, &result)) return TooLarge();
      return Value(result);
    case BinaryOperator::kSubtract:
      if (__builtin_sub_overflow(left, right, &result)) return TooLarge();
      return Value(result);
    case BinaryOperator::kMultiply:
      if (__builtin_mul_overflow(left, right, &result)) return TooLarge();
      return Value(result);
    case BinaryOperator::kDivide:
      if (right == 0) return ValueError("division by zero");
      return Value(static_cast<double>(static_cast<long double>(left) / static_cast<long double>(right)));
    case BinaryOperator::kFloorDivide:
      if (right == 0) return ValueError("integer division or modulo by zero");
      if (right == -1) return Negate(Value(left));
      return Value(left / right - static_cast<int64_t>(left % right != 0 && (left < 0) != (right < 0)));
    case BinaryOperator::kModulo:
      if (right == 0) return ValueError("integer modulo by zero");
      if (right == -1) return Value(int64_t{0});
      result = left % right;
      return Value(result != 0 && (result < 0) != (right < 0) ? result + right : result);
    case BinaryOperator::kPower:
      if (right >= 0) return IntegerPower(left, right);
      if (left == 0) return ValueError("0.0 cannot be raised to a negative power");
      return Value(std::pow(static_cast<double>(left), static_cast<double>(right)));
  }
  return absl::InternalError("no such operator");
}

// Python's divmod of floats: the remainder has the divisor's sign.
void FloorDivide(double left, double right, double& quotient, double& remainder) {
  remainder = std::fmod(left, right);
  quotient = (left - remainder) / right;
  if (remainder != 0) {
    if ((right < 0) != (remainder < 0)) {
      remainder += right;
      quotient -= 1;
    }
  } else {
    remainder = std::copysign(0.0, right);
  }
  if (quotient != 0) {
    const double whole = std::floor(quotient);
    quotient = quotient - whole > 0.5 ? whole + 1 : whole;
  } else {
    quotient = std::copysign(0.0, left / right);
  }
}

absl::StatusOr<Value> OnFloats(BinaryOperator op, double left, double right) {
  double quotient = 0, remainder = 0;
  switch (op) {
    case BinaryOperator::kAdd:
      return Value(left + right);
    case BinaryOperator::kSubtract:
      return Value(left - right);
    case BinaryOperator::kMultiply:
      return Value(left * right);
    case BinaryOperator::kDivide:
      if (right == 0) return ValueError("float division by zero");
      return Value(left / right);
    case BinaryOperator::kFloorDivide:
    case BinaryOperator::kModulo:
      if (right == 0) return ValueError("float floor division or modulo by zero");
      FloorDivide(left, right, quotient, remainder);
      return Value(op == BinaryOperator::kModulo ? remainder : quotient);
    case BinaryOperator::kPower: {
      if (left == 0 && right < 0) return ValueError("0.0 cannot be raised to a negative power");
      if (left < 0 && std::isfinite(left) && std::isfinite(right) && right != std::floor(right))
        return absl::UnimplementedError("complex numbers");
      const double power = std::pow(left, right);
      if (std::isinf(power) && std::isfinite(left) && std::isfinite(right))
        return ValueError("the result of ** is too large for a float");
      return Value(power);
    }
  }
  return absl::InternalError("no such operator");
}

absl::StatusOr<Value> AddTexts(Rendering& rendering, const TextBody& left, const TextBody& right) {
  if (left.markup == right.markup) return NewText(rendering, absl::StrCat(left.bytes, right.bytes), left.markup);
  return NewText(rendering,
                 absl::StrCat(left.markup ? left.bytes : EscapeHtml(left.bytes),
                              right.markup ? right.bytes : EscapeHtml(right.bytes)),
                 /*markup=*/true);
}

absl::StatusOr<Value> AddItems(Rendering& rendering, const Value& left, const Value& right) {
  std::vector<Value> items = left.items();
  items.insert(items.end(), right.items().begin(), right.items().end());
  if (left.kind() == Kind::kTuple) return NewTuple(rendering, std::move(items));
  return NewList(rendering, std::move(items));
}

absl::StatusOr<Value> Repeat(Rendering& rendering, const Value& sequence, int64_t count) {
  count = std::max(count, int64_t{0});
  const bool is_text = sequence.is_text();
  const auto unit = static_cast<int64_t>(is_text ? sequence.text().size() : sequence.items().size() * sizeof(Value));
  int64_t bytes = 0;
  if (__builtin_mul_overflow(unit, count, &bytes) || bytes > rendering.budget.limits().bytes)
    return rendering.budget.Allocate(rendering.budget.limits().bytes + 1);
  if (unit == 0) count = std::min(count, int64_t{1});
  if (is_text) {
    std::string text;
    text.reserve(static_cast<size_t>(bytes));
    for (int64_t i = 0; i < count; ++i) absl::StrAppend(&text, sequence.text());
    return NewText(rendering, std::move(text), sequence.text_body().markup);
  }
  RETURN_IF_ERROR(rendering.budget.Step(bytes / static_cast<int64_t>(sizeof(Value))));
  std::vector<Value> items;
  items.reserve(static_cast<size_t>(count) * sequence.items().size());
  for (int64_t i = 0; i < count; ++i) items.insert(items.end(), sequence.items().begin(), sequence.items().end());
  if (sequence.kind() == Kind::kTuple) return NewTuple(rendering, std::move(items));
  return NewList(rendering, std::move(items));
}

bool Repeats(const Value& sequence, const Value& count) {
  return (sequence.is_text() || sequence.is_sequence()) && count.is_integral();
}

}  // namespace

absl::StatusOr<Value> Calculate(Rendering& rendering, BinaryOperator op, const Value& left, const Value& right) {
  if (left.is_text() && op == BinaryOperator::kModulo) return FormatPercent(rendering, left, right);
  if (left.is_undefined()) return UndefinedError(left);
  if (right.is_undefined()) return UndefinedError(right);
  if (left.is_integral() && right.is_integral()) return OnIntegers(op, left.integer(), right.integer());
  if (left.is_number() && right.is_number()) return OnFloats(op, left.number(), right.number());
  if (op == BinaryOperator::kAdd) {
    if (left.is_text() && right.is_text()) return AddTexts(rendering, left.text_body(), right.text_body());
    if (left.is_sequence() && left.kind() == right.kind()) return AddItems(rendering, left, right);
    if (left.is_text() || left.is_sequence()) {
      return TypeError(absl::StrCat("can only concatenate ", left.TypeName(), " (not \"", right.TypeName(), "\") to ",
                                    left.TypeName()));
    }
  }
  if (op == BinaryOperator::kMultiply) {
    if (Repeats(left, right)) return Repeat(rendering, left, right.integer());
    if (Repeats(right, left)) return Repeat(rendering, right, left.integer());
  }
  return Unsupported(op, left, right);
}

absl::StatusOr<Value> Negate(const Value& value) {
  if (value.is_undefined()) return UndefinedError(value);
  if (value.is_float()) return Value(-value.number());
  if (!value.is_integral()) return TypeError(absl::StrCat("bad operand type for unary -: '", value.TypeName(), "'"));
  int64_t negated = 0;
  if (__builtin_sub_overflow(int64_t{0}, value.integer(), &negated)) return TooLarge();
  return Value(negated);
}

absl::StatusOr<Value> Plus(const Value& value) {
  if (value.is_undefined()) return UndefinedError(value);
  if (value.is_float()) return value;
  if (!value.is_integral()) return TypeError(absl::StrCat("bad operand type for unary +: '", value.TypeName(), "'"));
  return Value(value.integer());
}

}  // namespace metronome::text::jinja
