#include "runtime/text/jinja/text/format.h"

#include <cctype>
#include <charconv>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/encoding/utf8.h"
#include "runtime/text/jinja/text/text_form.h"
#include "runtime/text/jinja/text/unicode.h"
#include "runtime/text/jinja/values/operators.h"

namespace metronome::text::jinja {
namespace {

constexpr int64_t kMaxPrecision = 1000;

std::string InBase(uint64_t magnitude, int base) {
  char buffer[65] = {};
  return std::string(buffer, std::to_chars(buffer, buffer + sizeof(buffer), magnitude, base).ptr);
}

uint64_t Magnitude(int64_t value) { return value < 0 ? -static_cast<uint64_t>(value) : static_cast<uint64_t>(value); }

absl::StatusOr<std::string> FormatInteger(const Value& number, const FormatSpec& spec) {
  const uint64_t magnitude = Magnitude(number.integer());
  switch (spec.type) {
    case 'b':
      return absl::StrCat(spec.alternate ? "0b" : "", InBase(magnitude, 2));
    case 'o':
      return absl::StrCat(spec.alternate ? "0o" : "", InBase(magnitude, 8));
    case 'x':
      return absl::StrCat(spec.alternate ? "0x" : "", InBase(magnitude, 16));
    case 'X':
      return absl::StrCat(spec.alternate ? "0X" : "", absl::AsciiStrToUpper(InBase(magnitude, 16)));
    default:
      return InBase(magnitude, 10);
  }
}

// As Python's 'g': like C's, but for Python's exponents that is the same.
absl::StatusOr<std::string> FormatReal(double value, const FormatSpec& spec) {
  if (spec.precision > kMaxPrecision)
    return absl::ResourceExhaustedError(absl::StrCat("a precision of ", spec.precision, ", over ", kMaxPrecision));
  const double magnitude = std::abs(value);
  if (spec.type == 0 && spec.precision < 0) return FormatFloat(magnitude);
  if (!std::isfinite(value)) {
    const bool upper = spec.type == 'F' || spec.type == 'E' || spec.type == 'G';
    const std::string form = FormatFloat(magnitude);
    return absl::StrCat(upper ? absl::AsciiStrToUpper(form) : form, spec.type == '%' ? "%" : "");
  }
  const int precision = spec.precision < 0 ? 6 : static_cast<int>(spec.precision);
  switch (spec.type) {
    case '%':
      return absl::StrFormat("%.*f%%", precision, magnitude * 100);
    case 'f':
    case 'F':
      return spec.alternate ? absl::StrFormat("%#.*f", precision, magnitude)
                            : absl::StrFormat("%.*f", precision, magnitude);
    case 'e':
      return absl::StrFormat("%.*e", precision, magnitude);
    case 'E':
      return absl::StrFormat("%.*E", precision, magnitude);
    case 'G':
      return absl::StrFormat("%.*G", precision, magnitude);
    case 'g':
    case 'n':
      return spec.alternate ? absl::StrFormat("%#.*g", precision, magnitude)
                            : absl::StrFormat("%.*g", precision, magnitude);
    default: {
      // No type with a precision: 'g' that shows one digit after the point.
      std::string form = absl::StrFormat("%.*g", std::max(precision, 1), magnitude);
      if (form.find_first_of(".e") == std::string::npos) {
        form = static_cast<int64_t>(form.size()) < std::max(precision, 1)
                   ? form + ".0"
                   : absl::StrFormat("%.*e", precision - 1 < 0 ? 0 : precision - 1, magnitude);
      }
      return form;
    }
  }
}

// With separators every three digits of the whole part (four for bases that are powers of two).
std::string Grouped(const std::string& digits, char separator, int every) {
  size_t whole = 0;
  while (whole < digits.size() && absl::ascii_isxdigit(static_cast<unsigned char>(digits[whole])) != 0) ++whole;
  std::string grouped;
  for (size_t i = 0; i < whole; ++i) {
    if (i > 0 && (whole - i) % static_cast<size_t>(every) == 0) grouped += separator;
    grouped += digits[i];
  }
  return grouped + digits.substr(whole);
}

absl::StatusOr<int64_t> TakeNumber(absl::string_view& text) {
  size_t digits = 0;
  while (digits < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[digits])) != 0) ++digits;
  int64_t number = 0;
  if (digits > 0 && !absl::SimpleAtoi(text.substr(0, digits), &number))
    return ValueError("Too many decimal digits in format string");
  text.remove_prefix(digits);
  return number;
}

bool IsAlign(char c) { return c == '<' || c == '>' || c == '=' || c == '^'; }

absl::StatusOr<FormatSpec> ParseSpec(absl::string_view text) {
  FormatSpec spec;
  size_t first = 0;
  if (!text.empty()) NextCodePoint(text, first);
  if (first > 0 && first < text.size() && IsAlign(text[first])) {
    spec.fill = std::string(text.substr(0, first));
    spec.align = text[first];
    text.remove_prefix(first + 1);
  } else if (!text.empty() && IsAlign(text[0])) {
    spec.align = text[0];
    text.remove_prefix(1);
  }
  const auto take = [&](absl::string_view any) -> char {
    if (text.empty() || any.find(text[0]) == absl::string_view::npos) return 0;
    const char c = text[0];
    text.remove_prefix(1);
    return c;
  };
  if (const char sign = take("+- "); sign != 0) spec.sign = sign;
  if (take("z") != 0) return absl::UnimplementedError("the option 'z' of a format");
  spec.alternate = take("#") != 0;
  if (take("0") != 0 && spec.align == 0) {
    spec.fill = "0";
    spec.align = '=';
  }
  ASSIGN_OR_RETURN(spec.width, TakeNumber(text));
  spec.grouping = take(",_");
  if (take(".") != 0) {
    if (text.empty() || absl::ascii_isdigit(static_cast<unsigned char>(text[0])) == 0)
      return ValueError("Format specifier missing precision");
    ASSIGN_OR_RETURN(spec.precision, TakeNumber(text));
  }
  if (!text.empty()) spec.type = take("bcdeEfFgGnosxX%");
  if (!text.empty()) return ValueError("Invalid format specifier");
  return spec;
}

absl::StatusOr<std::string> FormatNumber(Rendering& rendering, const Value& value, FormatSpec spec) {
  const bool real = value.is_float() || absl::StrContains("eEfFgG%", absl::string_view(&spec.type, 1));
  if (value.is_float() && spec.type != 0 && !absl::StrContains("eEfFgG%n", absl::string_view(&spec.type, 1)))
    return ValueError(
        absl::StrCat("Unknown format code '", absl::string_view(&spec.type, 1), "' for object of type 'float'"));
  if (!real && spec.precision >= 0) return ValueError("Precision not allowed in integer format specifier");
  if (spec.type == 's')
    return ValueError(absl::StrCat("Unknown format code 's' for object of type '", value.TypeName(), "'"));
  if (!real && spec.type == 'c') {
    if (value.integer() < 0 || value.integer() > 0x10ffff) return ValueError("%c arg not in range(0x110000)");
    return Padded(rendering, "", EncodeUtf8(static_cast<char32_t>(value.integer())), spec);
  }
  const Value number = real ? Value(value.number()) : value;
  ASSIGN_OR_RETURN(std::string digits, FormatMagnitude(number, spec));
  if (spec.grouping != 0) {
    if (spec.fill == "0" && spec.align == '=') return absl::UnimplementedError("zero padding of grouped digits");
    const bool binary = absl::StrContains("boxX", absl::string_view(&spec.type, 1)) && spec.type != 0;
    if (binary && spec.alternate) return absl::UnimplementedError("grouping of digits after 0x");
    digits = Grouped(digits, spec.grouping, binary ? 4 : 3);
  }
  const bool negative = real ? std::signbit(number.number()) && !std::isnan(number.number()) : value.integer() < 0;
  const std::string sign = negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
  if (spec.align == 0) spec.align = '>';
  return Padded(rendering, sign, digits, spec);
}

absl::StatusOr<std::string> FormatValue(Rendering& rendering, const Value& value, absl::string_view spec_text) {
  if (spec_text.empty()) return Str(rendering, value);
  if (value.is_undefined() || (!value.is_number() && !value.is_text()))
    return TypeError(absl::StrCat("unsupported format string passed to ", value.TypeName(), ".__format__"));
  ASSIGN_OR_RETURN(FormatSpec spec, ParseSpec(spec_text));
  if (value.is_number()) return FormatNumber(rendering, value, spec);
  if (spec.type != 0 && spec.type != 's')
    return ValueError(
        absl::StrCat("Unknown format code '", absl::string_view(&spec.type, 1), "' for object of type 'str'"));
  if (spec.sign != '-' || spec.grouping != 0 || spec.alternate)
    return ValueError("the option is not allowed in string format specifier");
  // '=' is an error, but for the one that a zero before the width stands for.
  if (spec.align == '=' && spec.fill != "0") return ValueError("'=' alignment not allowed in string format specifier");
  if (spec.align == 0 || spec.align == '=') spec.align = '<';
  const TextBody& text = value.text_body();
  const int64_t length = spec.precision < 0 ? text.length : std::min(spec.precision, text.length);
  return Padded(rendering, "", TextSlice(text, 0, length), spec);
}

// Replacement fields of one str.format call.
class BraceFormatter {
 public:
  BraceFormatter(Rendering& rendering, const Arguments& arguments) : rendering_(rendering), arguments_(arguments) {}

  absl::StatusOr<std::string> Format(absl::string_view format, int depth) {
    if (depth > 2) return ValueError("Max string recursion exceeded");
    std::string text;
    while (!format.empty()) {
      const size_t brace = format.find_first_of("{}");
      absl::StrAppend(&text, format.substr(0, brace));
      if (brace == absl::string_view::npos) break;
      format.remove_prefix(brace);
      if (format.size() > 1 && format[1] == format[0]) {
        text += format[0];
        format.remove_prefix(2);
        continue;
      }
      if (format[0] == '}') return ValueError("Single '}' encountered in format string");
      ASSIGN_OR_RETURN(const absl::string_view field, TakeField(format));
      ASSIGN_OR_RETURN(const std::string value, FormatField(field, depth));
      RETURN_IF_ERROR(rendering_.budget.Allocate(static_cast<int64_t>(value.size())));
      text += value;
    }
    return text;
  }

 private:
  // What is between the braces that `format` starts with, which it loses.
  static absl::StatusOr<absl::string_view> TakeField(absl::string_view& format) {
    int depth = 0;
    for (size_t i = 0; i < format.size(); ++i) {
      if (format[i] == '{') ++depth;
      if (format[i] == '}' && --depth == 0) {
        const absl::string_view field = format.substr(1, i - 1);
        format.remove_prefix(i + 1);
        return field;
      }
    }
    return ValueError("expected '}' before end of string");
  }

  absl::StatusOr<std::string> FormatField(absl::string_view field, int depth) {
    RETURN_IF_ERROR(rendering_.budget.Step());
    const size_t end = field.find_first_of("!:");
    absl::string_view rest = end == absl::string_view::npos ? "" : field.substr(end);
    ASSIGN_OR_RETURN(Value value, FieldValue(field.substr(0, end)));
    if (absl::StartsWith(rest, "!")) {
      if (rest.size() < 2 || (rest.size() > 2 && rest[2] != ':'))
        return ValueError("expected ':' after conversion specifier");
      const char conversion = rest[1];
      if (conversion != 's' && conversion != 'r')
        return absl::UnimplementedError(absl::StrCat("the conversion '!", rest.substr(1, 1), "'"));
      ASSIGN_OR_RETURN(std::string text, conversion == 's' ? Str(rendering_, value) : Repr(rendering_, value));
      ASSIGN_OR_RETURN(value, NewText(rendering_, std::move(text)));
      rest.remove_prefix(2);
    }
    if (!rest.empty()) rest.remove_prefix(1);
    ASSIGN_OR_RETURN(const std::string spec, Format(rest, depth + 1));
    return FormatValue(rendering_, value, spec);
  }

  absl::StatusOr<Value> FieldValue(absl::string_view name) {
    const size_t end = name.find_first_of(".[");
    ASSIGN_OR_RETURN(Value value, Argument(name.substr(0, end)));
    absl::string_view rest = end == absl::string_view::npos ? "" : name.substr(end);
    while (!rest.empty()) {
      const bool dot = rest[0] == '.';
      rest.remove_prefix(1);
      const size_t stop = dot ? rest.find_first_of(".[") : rest.find(']');
      if (!dot && stop == absl::string_view::npos) return ValueError("Missing ']' in format string");
      const absl::string_view key = rest.substr(0, stop);
      if (key.empty()) return ValueError("Empty attribute in format string");
      int64_t index = 0;
      if (dot) {
        ASSIGN_OR_RETURN(value, Attribute(rendering_, value, key));
      } else {
        const Value item = absl::SimpleAtoi(key, &index) ? Value(index) : Value::Text(std::string(key));
        ASSIGN_OR_RETURN(value, Item(rendering_, value, item));
      }
      rest = stop == absl::string_view::npos ? "" : rest.substr(stop + (dot ? 0 : 1));
    }
    return value;
  }

  absl::StatusOr<Value> Argument(absl::string_view name) {
    int64_t index = 0;
    const bool numbered = absl::SimpleAtoi(name, &index);
    if (name.empty() || numbered) {
      if (name.empty() ? explicit_ : next_ > 0) {
        return ValueError("cannot switch between manual field specification and automatic field numbering");
      }
      if (name.empty()) index = next_++;
      explicit_ = !name.empty();
      if (index < 0 || index >= static_cast<int64_t>(arguments_.positional.size())) {
        return ValueError(absl::StrCat("Replacement index ", index, " out of range for positional args tuple"));
      }
      return arguments_.positional[static_cast<size_t>(index)];
    }
    const Value* value = arguments_.Named(name);
    if (value == nullptr) return ValueError(absl::StrCat("'", name, "'"));
    return *value;
  }

  Rendering& rendering_;
  const Arguments& arguments_;
  int64_t next_ = 0;
  bool explicit_ = false;
};

}  // namespace

absl::StatusOr<std::string> FormatMagnitude(const Value& number, const FormatSpec& spec) {
  return number.is_float() ? FormatReal(number.number(), spec) : FormatInteger(number, spec);
}

absl::StatusOr<std::string> Padded(Rendering& rendering, absl::string_view sign, absl::string_view body,
                                   const FormatSpec& spec) {
  const int64_t missing = std::max<int64_t>(0, spec.width - CodePointCount(sign) - CodePointCount(body));
  const int64_t limit = rendering.budget.limits().bytes + 1;  // Keeps the product small, and is too much.
  RETURN_IF_ERROR(rendering.budget.Allocate(std::min(missing, limit) * static_cast<int64_t>(spec.fill.size())));
  const int64_t left = spec.align == '<' ? 0 : spec.align == '^' ? missing / 2 : missing;
  std::string before, after;
  for (int64_t i = 0; i < left; ++i) before += spec.fill;
  for (int64_t i = left; i < missing; ++i) after += spec.fill;
  return spec.align == '=' ? absl::StrCat(sign, before, body) : absl::StrCat(before, sign, body, after);
}

absl::StatusOr<Value> FormatBraces(Rendering& rendering, absl::string_view format, const Arguments& arguments) {
  ASSIGN_OR_RETURN(std::string text, BraceFormatter(rendering, arguments).Format(format, 0));
  return NewText(rendering, std::move(text));
}

}  // namespace metronome::text::jinja
