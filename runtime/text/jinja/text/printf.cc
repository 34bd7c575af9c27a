#include "runtime/text/jinja/text/printf.h"

#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/encoding/utf8.h"
#include "runtime/text/jinja/text/format.h"
#include "runtime/text/jinja/text/text_form.h"
#include "runtime/text/jinja/text/unicode.h"
#include "runtime/text/jinja/values/operators.h"

namespace metronome::text::jinja {
namespace {

class PercentFormatter {
 public:
  PercentFormatter(Rendering& rendering, absl::string_view format, const Value& arguments)
      : rendering_(rendering), rest_(format), arguments_(arguments) {}

  absl::StatusOr<std::string> Run() {
    std::string text;
    while (true) {
      const size_t percent = rest_.find('%');
      absl::StrAppend(&text, rest_.substr(0, percent));
      if (percent == absl::string_view::npos) break;
      rest_.remove_prefix(percent + 1);
      RETURN_IF_ERROR(rendering_.budget.Step());
      ASSIGN_OR_RETURN(const std::string field, Field());
      RETURN_IF_ERROR(rendering_.budget.Allocate(static_cast<int64_t>(field.size())));
      text += field;
    }
    const bool one = arguments_.kind() != Kind::kTuple;
    const size_t given = one ? 1 : arguments_.items().size();
    if (used_ < given && !(one && IsMapping())) {
      return TypeError("not all arguments converted during string formatting");
    }
    return text;
  }

 private:
  // Python takes whatever has items by key, but for tuples and text, for a mapping.
  bool IsMapping() const { return arguments_.is_dict() || arguments_.kind() == Kind::kList; }

  absl::StatusOr<Value> NextArgument() {
    if (named_.has_value()) return *named_;
    if (arguments_.kind() == Kind::kTuple) {
      if (used_ < arguments_.items().size()) return arguments_.items()[used_++];
    } else if (used_ == 0) {
      ++used_;
      return arguments_;
    }
    return TypeError("not enough arguments for format string");
  }

  absl::Status TakeName() {
    if (!arguments_.is_dict()) return TypeError("format requires a mapping");
    int depth = 0;
    for (size_t i = 0; i < rest_.size(); ++i) {
      if (rest_[i] == '(') ++depth;
      if (rest_[i] == ')' && --depth == 0) {
        const Value* value = arguments_.dict().Find(rest_.substr(1, i - 1));
        if (value == nullptr) return ValueError(absl::StrCat("'", rest_.substr(1, i - 1), "'"));
        named_ = *value;
        rest_.remove_prefix(i + 1);
        return absl::OkStatus();
      }
    }
    return ValueError("incomplete format key");
  }

  // A width or precision: digits, or * for the next argument.
  absl::StatusOr<int64_t> TakeNumber() {
    if (!rest_.empty() && rest_[0] == '*') {
      rest_.remove_prefix(1);
      ASSIGN_OR_RETURN(const Value value, NextArgument());
      if (!value.is_integral()) return TypeError("* wants int");
      return value.integer();
    }
    int64_t number = 0;
    while (!rest_.empty() && absl::ascii_isdigit(static_cast<unsigned char>(rest_[0])) != 0) {
      number = number * 10 + (rest_[0] - '0');
      if (number > (int64_t{1} << 31)) return ValueError("width too big");
      rest_.remove_prefix(1);
    }
    return number;
  }

  absl::StatusOr<std::string> Field() {
    FormatSpec spec;
    spec.align = '>';
    named_.reset();
    if (!rest_.empty() && rest_[0] == '(') RETURN_IF_ERROR(TakeName());
    bool left = false, zero = false;
    for (; !rest_.empty() && absl::string_view("-+ #0").find(rest_[0]) != absl::string_view::npos;
         rest_.remove_prefix(1)) {
      if (rest_[0] == '-') left = true;
      if (rest_[0] == '0') zero = true;
      if (rest_[0] == '#') spec.alternate = true;
      if (rest_[0] == '+' || (rest_[0] == ' ' && spec.sign != '+')) spec.sign = rest_[0];
    }
    ASSIGN_OR_RETURN(spec.width, TakeNumber());
    if (spec.width < 0) {
      left = true;
      spec.width = -spec.width;
    }
    if (!rest_.empty() && rest_[0] == '.') {
      rest_.remove_prefix(1);
      ASSIGN_OR_RETURN(spec.precision, TakeNumber());
      spec.precision = std::max<int64_t>(spec.precision, 0);
    }
    while (!rest_.empty() && absl::string_view("hlL").find(rest_[0]) != absl::string_view::npos) rest_.remove_prefix(1);
    if (rest_.empty()) return ValueError("incomplete format");
    spec.type = rest_[0];
    rest_.remove_prefix(1);
    if (spec.type == '%') return std::string("%");
    ASSIGN_OR_RETURN(const Value value, NextArgument());
    if (left) spec.align = '<';
    const bool number = absl::string_view("diuoxXeEfFgG").find(spec.type) != absl::string_view::npos;
    if (zero && !left && number) {
      spec.fill = "0";
      spec.align = '=';
    }
    return number ? Number(value, spec) : Text(value, spec);
  }

  absl::StatusOr<std::string> Text(const Value& value, FormatSpec spec) {
    std::string text;
    switch (spec.type) {
      case 's':
        RETURN_IF_ERROR(AppendStr(rendering_, value, text));
        break;
      case 'r':
        RETURN_IF_ERROR(AppendRepr(rendering_, value, text));
        break;
      case 'c':
        if (value.is_integral() && value.integer() >= 0 && value.integer() <= 0x10ffff) {
          text = EncodeUtf8(static_cast<char32_t>(value.integer()));
        } else if (value.is_text() && value.text_body().length == 1) {
          text = std::string(value.text());
        } else {
          return TypeError("%c requires int or char");
        }
        break;
      case 'a':
        return absl::UnimplementedError("the conversion %a");
      default:
        return ValueError(absl::StrCat("unsupported format character '", std::string(1, spec.type), "'"));
    }
    if (spec.precision >= 0 && spec.precision < CodePointCount(text)) text.resize(ByteOffset(text, spec.precision));
    return Padded(rendering_, "", text, spec);
  }

  absl::StatusOr<std::string> Number(const Value& value, FormatSpec spec) {
    if (value.is_undefined()) return UndefinedError(value);
    const bool integer = absl::string_view("diuoxX").find(spec.type) != absl::string_view::npos;
    const bool exact = spec.type == 'o' || spec.type == 'x' || spec.type == 'X';
    if (!value.is_number() || (exact && value.is_float())) {
      return TypeError(
          absl::StrCat("%", std::string(1, spec.type), " format: a number is required, not ", value.TypeName()));
    }
    Value number = value;
    if (integer && value.is_float()) {
      if (!(std::abs(value.number()) < 9e18)) return TooLarge();
      number = Value(static_cast<int64_t>(value.number()));
    } else if (!integer) {
      number = Value(value.number());
    }
    ASSIGN_OR_RETURN(std::string digits, FormatMagnitude(number, spec));
    if (integer && spec.precision > static_cast<int64_t>(digits.size())) {
      ASSIGN_OR_RETURN(digits, Padded(rendering_, "", digits, {.fill = "0", .align = '>', .width = spec.precision}));
    }
    const bool negative =
        integer ? number.integer() < 0 : std::signbit(number.number()) && !std::isnan(number.number());
    const std::string sign = negative ? "-" : spec.sign == '-' ? "" : std::string(1, spec.sign);
    return Padded(rendering_, sign, digits, spec);
  }

  Rendering& rendering_;
  absl::string_view rest_;
  const Value& arguments_;
  size_t used_ = 0;
  std::optional<Value> named_;
};

}  // namespace

absl::StatusOr<Value> FormatPercent(Rendering& rendering, const Value& format, const Value& arguments) {
  if (format.text_body().markup) return absl::UnimplementedError("% on text that is marked safe");
  ASSIGN_OR_RETURN(std::string text, PercentFormatter(rendering, format.text(), arguments).Run());
  return NewText(rendering, std::move(text));
}

}  // namespace metronome::text::jinja
