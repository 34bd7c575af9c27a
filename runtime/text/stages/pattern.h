#ifndef METRONOME_RUNTIME_TEXT_STAGES_PATTERN_H_
#define METRONOME_RUNTIME_TEXT_STAGES_PATTERN_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/text/encoding/json_node.h"
#include "runtime/text/encoding/regex.h"

namespace metronome::text {

// What tokenizer.json looks for in a text: {"String": text} or {"Regex": pattern}. Immutable; copies share the regex.
class Pattern {
 public:
  // InvalidArgument, Unimplemented (see Regex).
  static absl::StatusOr<Pattern> Parse(const JsonNode& node);
  static absl::StatusOr<Pattern> FromRegex(absl::string_view pattern);
  static Pattern FromText(std::string text);  // Not empty.

  // Appends the non-overlapping matches from left to right; those of a regex may be empty. ResourceExhausted (see
  // Regex).
  absl::Status FindAll(absl::string_view text, std::vector<TextSpan>& spans) const;

  // The text that is looked for; empty for a regex.
  const std::string& literal() const { return literal_; }

 private:
  std::string literal_;
  std::shared_ptr<const Regex> regex_;  // nullptr for a literal.
};

}  // namespace metronome::text

#endif  // METRONOME_RUNTIME_TEXT_STAGES_PATTERN_H_
