// Jinja's filters on numbers and on values of any type.
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/library/filters.h"
#include "runtime/text/jinja/library/parameters.h"
#include "runtime/text/jinja/text/unicode.h"
#include "runtime/text/jinja/values/operators.h"

namespace metronome::text::jinja {
namespace {

absl::StatusOr<Value> Default(Rendering&, const Value& input, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p,
                   Parameters::Match("default", std::move(arguments), {"default_value", "boolean"}, 0));
  if (!input.is_undefined() && !(p.True(1, false) && !IsTrue(input))) return input;
  return p.has(0) ? p[0] : Value::Text("");
}

absl::StatusOr<Value> GetAttribute(Rendering& rendering, const Value& input, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("attr", std::move(arguments), {"name"}, 1));
  ASSIGN_OR_RETURN(const std::string name, p.Text(0, ""));
  // Unlike input.name this does not fall back on an item.
  if (!input.is_dict()) return Attribute(rendering, input, name);
  ASSIGN_OR_RETURN(const Value empty, NewDict(rendering, Dict()));
  ASSIGN_OR_RETURN(const Value method, Attribute(rendering, empty, name));
  return method.is_undefined() ? method : Attribute(rendering, input, name);
}

absl::StatusOr<Value> Abs(Rendering&, const Value& input, Arguments arguments) {
  RETURN_IF_ERROR(Parameters::Match("abs", std::move(arguments), {}, 0).status());
  if (input.is_float()) return Value(std::abs(input.number()));
  if (!input.is_integral()) return TypeError(absl::StrCat("bad operand type for abs(): '", input.TypeName(), "'"));
  return input.integer() < 0 ? Negate(input) : Value(input.integer());
}

// Digits with single underscores between them, without the underscores; nullopt if they stand elsewhere.
std::optional<std::string> WithoutUnderscores(absl::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      plain += text[i];
      continue;
    }
    const bool between = i > 0 && i + 1 < text.size() &&
                         absl::ascii_isalnum(static_cast<unsigned char>(text[i - 1])) != 0 &&
                         absl::ascii_isalnum(static_cast<unsigned char>(text[i + 1])) != 0;
    if (!between) return std::nullopt;
  }
  return plain;
}

// int(text, base); nullopt where Python raises ValueError.
absl::StatusOr<std::optional<int64_t>> ParseInteger(absl::string_view text, int64_t base) {
  const std::optional<std::string> plain = WithoutUnderscores(StripSpace(text, true, true));
  if (!plain.has_value()) return std::nullopt;
  absl::string_view digits = *plain;
  const bool negative = absl::ConsumePrefix(&digits, "-");
  if (!negative) absl::ConsumePrefix(&digits, "+");
  if (digits.size() > 2 && digits[0] == '0') {
    const char letter = absl::ascii_tolower(static_cast<unsigned char>(digits[1]));
    const int64_t prefixed = letter == 'x' ? 16 : letter == 'o' ? 8 : letter == 'b' ? 2 : 0;
    if (prefixed != 0 && (base == 0 || base == prefixed)) {
      base = prefixed;
      digits.remove_prefix(2);
    }
  }
  if (base == 0) base = 10;
  const std::string form = absl::StrCat(negative ? "-" : "", digits);
  int64_t number = 0;
  const auto read = std::from_chars(form.data(), form.data() + form.size(), number, static_cast<int>(base));
  if (digits.empty() || digits[0] == '-' || read.ptr != form.data() + form.size()) return std::nullopt;
  if (read.ec == std::errc::result_out_of_range) return TooLarge();
  return read.ec == std::errc() ? std::optional<int64_t>(number) : std::nullopt;
}

// float(text); nullopt where Python raises ValueError.
std::optional<double> ParseFloat(absl::string_view text) {
  const std::optional<std::string> plain = WithoutUnderscores(StripSpace(text, true, true));
  if (!plain.has_value()) return std::nullopt;
  absl::string_view digits = *plain;
  const bool negative = absl::ConsumePrefix(&digits, "-");
  if (!negative) absl::ConsumePrefix(&digits, "+");
  if (digits.empty() || digits[0] == '-') return std::nullopt;
  double number = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (read.ptr != digits.data() + digits.size() || digits.back() == ')') return std::nullopt;
  if (read.ec == std::errc::result_out_of_range) number = std::strtod(std::string(digits).c_str(), nullptr);
  return negative ? -number : number;
}

absl::StatusOr<std::optional<int64_t>> Truncated(double number) {
  if (!std::isfinite(number)) return std::nullopt;
  if (std::abs(number) >= 9.2e18) return TooLarge();
  return static_cast<int64_t>(number);
}

absl::StatusOr<Value> Int(Rendering&, const Value& input, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("int", std::move(arguments), {"default", "base"}, 0));
  ASSIGN_OR_RETURN(const int64_t base, p.Int(1, 10));
  const Value missing = p.has(0) ? p[0] : Value(int64_t{0});
  if (input.is_undefined()) return UndefinedError(input);
  if (input.is_integral()) return Value(input.integer());
  std::optional<int64_t> number;
  if (input.is_float()) {
    if (std::isinf(input.number())) return ValueError("cannot convert float infinity to integer");
    ASSIGN_OR_RETURN(number, Truncated(input.number()));
  } else if (input.is_text()) {
    if (base >= 0 && base <= 36 && base != 1) {
      ASSIGN_OR_RETURN(number, ParseInteger(input.text(), base));
    }
    if (const std::optional<double> real = ParseFloat(input.text()); !number.has_value() && real.has_value()) {
      ASSIGN_OR_RETURN(number, Truncated(*real));
    }
  }
  return number.has_value() ? Value(*number) : missing;
}

absl::StatusOr<Value> Float(Rendering&, const Value& input, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("float", std::move(arguments), {"default"}, 0));
  if (input.is_undefined()) return UndefinedError(input);
  std::optional<double> number;
  if (input.is_number()) number = input.number();
  if (input.is_text()) number = ParseFloat(input.text());
  if (number.has_value()) return Value(*number);
  return p.has(0) ? p[0] : Value(0.0);
}

double PowerOfTen(int64_t exponent) { return std::pow(10.0, static_cast<double>(exponent)); }

// Python's round: to the nearest decimal, ties to even by the exact binary value.
absl::StatusOr<Value> RoundToNearest(const Value& input, int64_t precision) {
  if (input.is_integral()) {
    if (precision >= 0) return Value(input.integer());
    if (precision < -18) return Value(int64_t{0});
    int64_t unit = 1;
    for (int64_t i = 0; i > precision; --i) unit *= 10;
    const int64_t number = input.integer();
    int64_t floor = number / unit - static_cast<int64_t>(number % unit < 0);
    const int64_t rest = number - floor * unit;
    if (rest > unit - rest || (rest == unit - rest && floor % 2 != 0)) ++floor;
    int64_t rounded = 0;
    if (__builtin_mul_overflow(floor, unit, &rounded)) return TooLarge();
    return Value(rounded);
  }
  const double number = input.number();
  if (!std::isfinite(number) || precision > 330) return Value(number);
  if (precision < -330) return Value(std::copysign(0.0, number));
  if (precision >= 0) {
    return Value(std::strtod(absl::StrFormat("%.*f", static_cast<int>(precision), number).c_str(), nullptr));
  }
  const double unit = PowerOfTen(-precision);
  return Value(std::nearbyint(number / unit) * unit);
}

absl::StatusOr<Value> Round(Rendering&, const Value& input, Arguments arguments) {
  ASSIGN_OR_RETURN(const Parameters p, Parameters::Match("round", std::move(arguments), {"precision", "method"}, 0));
  ASSIGN_OR_RETURN(const int64_t precision, p.Int(0, 0));
  ASSIGN_OR_RETURN(const std::string method, p.Text(1, "common"));
  if (method != "common" && method != "ceil" && method != "floor")
    return ValueError("method must be common, ceil or floor");
  if (input.is_undefined()) return UndefinedError(input);
  if (!input.is_number()) return TypeError(absl::StrCat("type ", input.TypeName(), " doesn't define __round__ method"));
  if (method == "common") return RoundToNearest(input, precision);
  const double unit = PowerOfTen(precision), scaled = input.number() * unit;
  if (!std::isfinite(scaled)) return ValueError("cannot convert float to integer");
  return Value((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / unit);
}

}  // namespace

const FilterTable& ValueFilters() {
  static const auto* const filters = new FilterTable{
      {"abs", Abs},     {"attr", GetAttribute}, {"d", Default},   {"default", Default},
      {"float", Float}, {"int", Int},           {"round", Round},
  };
  return *filters;
}

}  // namespace metronome::text::jinja
