#include "runtime/text/jinja/library/getter.h"

#include <algorithm>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/text/unicode.h"
#include "runtime/text/jinja/values/operators.h"

namespace metronome::text::jinja {
namespace {

bool IsAllDigits(absl::string_view part) {
  return !part.empty() && std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

absl::StatusOr<Value> Getter::Get(Rendering& rendering, Value item) const {
  for (const Value& part : path) {
    ASSIGN_OR_RETURN(item, Item(rendering, item, part));
    if (missing.has_value() && item.is_undefined()) item = *missing;
  }
  if (ignore_case && item.is_text()) return NewText(rendering, ToLower(item.text()));
  return item;
}

Getter GetterOf(const Value& attribute, bool ignore_case) {
  Getter getter{.ignore_case = ignore_case};
  if (attribute.is_text()) {
    for (const absl::string_view part : absl::StrSplit(attribute.text(), '.')) {
      int64_t index = 0;
      const bool is_index = IsAllDigits(part) && absl::SimpleAtoi(part, &index);
      getter.path.push_back(is_index ? Value(index) : Value::Text(std::string(part)));
    }
  } else if (!attribute.is_none()) {
    getter.path.push_back(attribute);
  }
  return getter;
}

}  // namespace metronome::text::jinja
