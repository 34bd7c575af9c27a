#ifndef METRONOME_RUNTIME_TEXT_STAGES_SPLITTER_H_
#define METRONOME_RUNTIME_TEXT_STAGES_SPLITTER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/text/encoding/json_node.h"
#include "runtime/text/encoding/regex.h"

namespace metronome::text {

// A text and the pieces it is cut into, in order; bytes that are in no piece are dropped. No piece is empty.
struct SplitText {
  std::string text;
  std::vector<TextSpan> pieces;
  bool starts_text = true;  // The first piece begins where the text that is encoded begins.
};

// What becomes of delimiters.
enum class SplitBehavior : uint8_t { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

// The name of a behavior. InvalidArgument.
absl::StatusOr<SplitBehavior> ParseSplitBehavior(const JsonNode& node);

// Cuts pieces at delimiters.
struct Splitter {
  // Appends the delimiters of a piece from left to right. They do not overlap; they may be empty, which cuts too.
  using Find = std::function<absl::Status(absl::string_view, std::vector<TextSpan>&)>;

  Find find;
  SplitBehavior behavior = SplitBehavior::kIsolated;
  bool invert = false;  // What is not found delimits.

  // Fails where `find` does.
  absl::Status Refine(SplitText& split) const;
};

// Every single character of a class is a delimiter.
Splitter::Find FindCharacters(bool (*in_class)(char32_t));

}  // namespace metronome::text

#endif  // METRONOME_RUNTIME_TEXT_STAGES_SPLITTER_H_
