#include "runtime/text/jinja/library/text_functions.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/text/text_search.h"
#include "runtime/text/jinja/text/unicode.h"
#include "runtime/text/jinja/values/operators.h"

namespace metronome::text::jinja {
namespace {

// Whether the cased characters, of which there must be some, are all of one case.
bool HasOneCase(absl::string_view text, bool (*wanted)(char32_t), bool (*other)(char32_t)) {
  bool any = false;
  for (size_t offset = 0; offset < text.size();) {
    const char32_t c = NextCodePoint(text, offset);
    if (other(c) || IsTitle(c)) return false;
    any = any || wanted(c);
  }
  return any;
}

absl::StatusOr<Value> ListOf(Rendering& rendering, const std::vector<absl::string_view>& parts, bool reversed) {
  std::vector<Value> values;
  for (const absl::string_view part : parts) {
    RETURN_IF_ERROR(rendering.budget.Step());
    ASSIGN_OR_RETURN(values.emplace_back(), NewText(rendering, std::string(part)));
  }
  if (reversed) std::reverse(values.begin(), values.end());
  return NewList(rendering, std::move(values));
}

// The word that starts at or after `from`, or ends at or before it; empty if there is none.
absl::string_view NextWord(absl::string_view text, size_t from) {
  const absl::string_view rest = StripSpace(text.substr(from), true, false);
  size_t end = 0;
  for (size_t next = 0; next < rest.size() && !IsSpace(NextCodePoint(rest, next));) end = next;
  return rest.substr(0, end);
}

absl::string_view PreviousWord(absl::string_view text, size_t to) {
  const absl::string_view rest = StripSpace(text.substr(0, to), false, true);
  size_t begin = rest.size();
  for (size_t previous = begin; previous > 0 && !IsSpace(PreviousCodePoint(rest, previous));) begin = previous;
  return rest.substr(begin);
}

}  // namespace

bool IsLowerText(absl::string_view text) { return HasOneCase(text, IsLower, IsUpper); }

bool IsUpperText(absl::string_view text) { return HasOneCase(text, IsUpper, IsLower); }

absl::StatusOr<Value> StripText(Rendering& rendering, const Value& value, const Value& chars, bool left, bool right) {
  absl::string_view text = value.text();
  RETURN_IF_ERROR(rendering.budget.Scan(static_cast<int64_t>(text.size())));
  if (chars.is_none()) {
    return NewText(rendering, std::string(StripSpace(text, left, right)), value.text_body().markup);
  }
  if (!chars.is_text()) return TypeError("strip arg must be None or str");
  std::vector<char32_t> set;
  for (size_t offset = 0; offset < chars.text().size();) set.push_back(NextCodePoint(chars.text(), offset));
  std::sort(set.begin(), set.end());
  const auto goes = [&](char32_t c) { return std::binary_search(set.begin(), set.end(), c); };
  size_t begin = 0, end = text.size();
  for (size_t next = 0; left && begin < end && goes(NextCodePoint(text, next));) begin = next;
  for (size_t previous = end; right && previous > begin && goes(PreviousCodePoint(text, previous));) end = previous;
  return NewText(rendering, std::string(text.substr(begin, end - begin)), value.text_body().markup);
}

absl::StatusOr<Value> SplitAtSpace(Rendering& rendering, absl::string_view text, int64_t limit, bool from_right) {
  RETURN_IF_ERROR(rendering.budget.Scan(static_cast<int64_t>(text.size())));
  std::vector<absl::string_view> parts;
  size_t at = from_right ? text.size() : 0;
  while (limit < 0 || static_cast<int64_t>(parts.size()) < limit) {
    const absl::string_view word = from_right ? PreviousWord(text, at) : NextWord(text, at);
    if (word.empty()) return ListOf(rendering, parts, from_right);
    parts.push_back(word);
    const auto begin = static_cast<size_t>(word.data() - text.data());
    at = from_right ? begin : begin + word.size();
  }
  const absl::string_view rest =
      from_right ? StripSpace(text.substr(0, at), false, true) : StripSpace(text.substr(at), true, false);
  if (!rest.empty()) parts.push_back(rest);
  return ListOf(rendering, parts, from_right);
}

absl::StatusOr<Value> SplitAt(Rendering& rendering, absl::string_view text, absl::string_view separator, int64_t limit,
                              bool from_right) {
  std::vector<absl::string_view> parts;
  while (limit < 0 || static_cast<int64_t>(parts.size()) < limit) {
    ASSIGN_OR_RETURN(const size_t found,
                     from_right ? FindLastText(rendering, text, separator) : FindText(rendering, text, separator));
    if (found == absl::string_view::npos) break;
    const absl::string_view before = text.substr(0, found), after = text.substr(found + separator.size());
    parts.push_back(from_right ? after : before);
    text = from_right ? before : after;
  }
  parts.push_back(text);
  return ListOf(rendering, parts, from_right);
}

std::vector<absl::string_view> LinesOf(absl::string_view text, bool keep_ends) {
  std::vector<absl::string_view> lines;
  size_t from = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = at;
    const char32_t c = NextCodePoint(text, at);
    if (!IsLineBreak(c)) continue;
    if (c == '\r' && at < text.size() && text[at] == '\n') ++at;
    lines.push_back(text.substr(from, (keep_ends ? at : end) - from));
    from = at;
  }
  if (from < text.size()) lines.push_back(text.substr(from));
  return lines;
}

absl::StatusOr<Value> PadText(Rendering& rendering, absl::string_view text, int64_t left, int64_t right,
                              absl::string_view fill) {
  const int64_t limit = rendering.budget.limits().bytes + 1;  // Keeps the product small, and is too much.
  RETURN_IF_ERROR(rendering.budget.Allocate(std::min(left, limit) * static_cast<int64_t>(fill.size())));
  RETURN_IF_ERROR(rendering.budget.Allocate(std::min(right, limit) * static_cast<int64_t>(fill.size())));
  std::string padded;
  for (int64_t i = 0; i < left; ++i) absl::StrAppend(&padded, fill);
  absl::StrAppend(&padded, text);
  for (int64_t i = 0; i < right; ++i) absl::StrAppend(&padded, fill);
  return NewText(rendering, std::move(padded));
}

}  // namespace metronome::text::jinja
