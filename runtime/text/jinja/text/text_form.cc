#include "runtime/text/jinja/text/text_form.h"

#include <charconv>
#include <cmath>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/text/unicode.h"
#include "runtime/text/jinja/values/object.h"

namespace metronome::text::jinja {
namespace {

absl::Status Append(Rendering& rendering, absl::string_view piece, std::string& text) {
  RETURN_IF_ERROR(rendering.budget.Allocate(static_cast<int64_t>(piece.size())));
  absl::StrAppend(&text, piece);
  return absl::OkStatus();
}

std::string QuotedText(absl::string_view text) {
  const bool doubles = text.find('\'') != absl::string_view::npos && text.find('"') == absl::string_view::npos;
  const char quote = doubles ? '"' : '\'';
  std::string quoted(1, quote);
  for (size_t from = 0; from < text.size();) {
    size_t to = from;
    const char32_t c = NextCodePoint(text, to);
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      absl::StrAppend(&quoted, "\\", text.substr(from, 1));
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\r') {
      quoted += "\\r";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (IsPrintable(c)) {
      absl::StrAppend(&quoted, text.substr(from, to - from));
    } else {
      const auto code = static_cast<uint32_t>(c);
      quoted += code < 0x100     ? absl::StrFormat("\\x%02x", code)
                : code < 0x10000 ? absl::StrFormat("\\u%04x", code)
                                 : absl::StrFormat("\\U%08x", code);
    }
    from = to;
  }
  return quoted + quote;
}

absl::Status AppendItems(Rendering& rendering, const std::vector<Value>& items, std::string& text) {
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) text += ", ";
    RETURN_IF_ERROR(AppendRepr(rendering, items[i], text));
  }
  return absl::OkStatus();
}

absl::Status AppendDict(Rendering& rendering, const Dict& dict, std::string& text) {
  text += "{";
  bool first = true;
  for (const auto& [key, value] : dict.entries()) {
    if (!first) text += ", ";
    first = false;
    RETURN_IF_ERROR(AppendRepr(rendering, key, text));
    text += ": ";
    RETURN_IF_ERROR(AppendRepr(rendering, value, text));
  }
  text += "}";
  return absl::OkStatus();
}

}  // namespace

absl::Status AppendStr(Rendering& rendering, const Value& value, std::string& text) {
  if (value.is_text()) return Append(rendering, value.text(), text);
  if (value.is_undefined()) return absl::OkStatus();
  return AppendRepr(rendering, value, text);
}

absl::Status AppendRepr(Rendering& rendering, const Value& value, std::string& text) {
  const Budget::Level level(rendering.budget);
  RETURN_IF_ERROR(level.status());
  RETURN_IF_ERROR(rendering.budget.Step());
  switch (value.kind()) {
    case Kind::kNone:
      return Append(rendering, "None", text);
    case Kind::kUndefined:
      return Append(rendering, "Undefined", text);
    case Kind::kBool:
      return Append(rendering, value.boolean() ? "True" : "False", text);
    case Kind::kInt:
      return Append(rendering, absl::StrCat(value.integer()), text);
    case Kind::kFloat:
      return Append(rendering, FormatFloat(value.number()), text);
    case Kind::kText: {
      const std::string quoted = QuotedText(value.text());
      return Append(rendering, value.text_body().markup ? absl::StrCat("Markup(", quoted, ")") : quoted, text);
    }
    case Kind::kList:
      text += "[";
      RETURN_IF_ERROR(AppendItems(rendering, value.items(), text));
      return Append(rendering, "]", text);
    case Kind::kTuple:
      text += "(";
      RETURN_IF_ERROR(AppendItems(rendering, value.items(), text));
      return Append(rendering, value.items().size() == 1 ? ",)" : ")", text);
    case Kind::kDict:
      return AppendDict(rendering, value.dict(), text);
    case Kind::kObject: {
      ASSIGN_OR_RETURN(const std::string form, value.object()->Repr(rendering));
      return Append(rendering, form, text);
    }
  }
  return absl::InternalError("a value has no kind");
}

absl::StatusOr<std::string> Str(Rendering& rendering, const Value& value) {
  std::string text;
  RETURN_IF_ERROR(AppendStr(rendering, value, text));
  return text;
}

absl::StatusOr<std::string> Repr(Rendering& rendering, const Value& value) {
  std::string text;
  RETURN_IF_ERROR(AppendRepr(rendering, value, text));
  return text;
}

std::string FormatFloat(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[64] = {};
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific).ptr;
  const absl::string_view form(buffer, static_cast<size_t>(end - buffer));
  const size_t e = form.find('e');
  const int exponent = std::atoi(form.data() + e + 1);
  // Digits without sign and point.
  const bool negative = form[0] == '-';
  std::string digits(1, form[negative ? 1 : 0]);
  if (const size_t point = form.find('.'); point != absl::string_view::npos)
    absl::StrAppend(&digits, form.substr(point + 1, e - point - 1));
  const char* sign = negative ? "-" : "";
  if (exponent < -4 || exponent >= 16) {
    const std::string fraction = digits.size() > 1 ? absl::StrCat(".", digits.substr(1)) : "";
    return absl::StrFormat("%s%c%se%c%02d", sign, digits[0], fraction, exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (exponent < 0) return absl::StrCat(sign, "0.", std::string(static_cast<size_t>(-exponent - 1), '0'), digits);
  const auto whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() <= whole) return absl::StrCat(sign, digits, std::string(whole - digits.size(), '0'), ".0");
  return absl::StrCat(sign, digits.substr(0, whole), ".", digits.substr(whole));
}

std::string EscapeHtml(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"'", "&#39;"}, {"\"", "&#34;"}});
}

}  // namespace metronome::text::jinja
