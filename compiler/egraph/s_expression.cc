#include "compiler/egraph/s_expression.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace metronome::compiler {

absl::string_view SExpressionReader::Next() {
  const auto is_parenthesis = [](char c) { return c == '(' || c == ')'; };
  while (offset_ < text_.size() && absl::ascii_isspace(text_[offset_])) ++offset_;
  const size_t begin = offset_;
  if (offset_ < text_.size() && is_parenthesis(text_[offset_])) {
    ++offset_;
  } else {
    while (offset_ < text_.size() && !absl::ascii_isspace(text_[offset_]) && !is_parenthesis(text_[offset_])) ++offset_;
  }
  return text_.substr(begin, offset_ - begin);
}

absl::string_view SExpressionReader::Peek() {
  const size_t before = offset_;
  const absl::string_view word = Next();
  offset_ = before;
  return word;
}

absl::Status SExpressionReader::Error(absl::string_view why) const {
  return absl::InvalidArgumentError(absl::StrCat("'", text_, "', offset ", offset_, ": ", why));
}

kernels::AttributeValue ParseAttributeValue(absl::string_view text) {
  if (absl::ConsumePrefix(&text, "[") && absl::ConsumeSuffix(&text, "]")) {
    std::vector<int64_t> values;
    for (absl::string_view word : absl::StrSplit(text, ',', absl::SkipEmpty())) {
      values.emplace_back();
      if (!absl::SimpleAtoi(word, &values.back())) return std::string(text);
    }
    return values;
  }
  int64_t integer = 0;
  double number = 0;
  if (absl::SimpleAtoi(text, &integer)) return integer;
  if (absl::SimpleAtod(text, &number)) return number;
  return std::string(text);
}

}  // namespace metronome::compiler
