#include "runtime/text/stages/pattern.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"

namespace metronome::text {

absl::StatusOr<Pattern> Pattern::FromRegex(absl::string_view pattern) {
  ASSIGN_OR_RETURN(Regex regex, Regex::Compile(pattern));
  Pattern result;
  result.regex_ = std::make_shared<const Regex>(std::move(regex));
  return result;
}

Pattern Pattern::FromText(std::string text) {
  Pattern pattern;
  pattern.literal_ = std::move(text);
  return pattern;
}

absl::StatusOr<Pattern> Pattern::Parse(const JsonNode& node) {
  const bool literal = !node["String"].is_null();
  if (!literal && node["Regex"].is_null()) return node.Invalid("is neither a String nor a Regex");
  ASSIGN_OR_RETURN(const std::string text, node[literal ? "String" : "Regex"].Text());
  if (text.empty()) return node.Invalid("is empty");
  if (literal) return FromText(text);
  absl::StatusOr<Pattern> pattern = FromRegex(text);
  if (!pattern.ok())
    return absl::Status(pattern.status().code(), absl::StrCat(node["Regex"].path(), " ", pattern.status().message()));
  return pattern;
}

absl::Status Pattern::FindAll(absl::string_view text, std::vector<TextSpan>& spans) const {
  if (regex_ != nullptr) return regex_->FindAll(text, spans);
  for (size_t at = text.find(literal_); at != absl::string_view::npos; at = text.find(literal_, at + literal_.size()))
    spans.emplace_back(at, at + literal_.size());
  return absl::OkStatus();
}

}  // namespace metronome::text
