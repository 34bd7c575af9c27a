#include "runtime/text/stages/splitter.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/encoding/characters.h"

namespace metronome::text {
namespace {

struct Section {
  size_t begin = 0;
  size_t end = 0;
  bool delimiter = false;
};

// Joins sections that cover a piece in order. Each rule looks at one section and at the one before it, in the order in
// which it goes through them.
std::vector<TextSpan> Join(std::vector<Section> sections, SplitBehavior behavior) {
  const bool backwards = behavior == SplitBehavior::kMergedWithNext;
  if (backwards) std::reverse(sections.begin(), sections.end());
  std::vector<TextSpan> joined;
  bool previous = false;  // The section before was a delimiter.
  for (const Section& section : sections) {
    bool joins = false;
    switch (behavior) {
      case SplitBehavior::kRemoved:
        if (section.delimiter) continue;
        break;
      case SplitBehavior::kIsolated:
        break;
      case SplitBehavior::kContiguous:
        joins = section.delimiter == previous;
        break;
      case SplitBehavior::kMergedWithPrevious:
      case SplitBehavior::kMergedWithNext:
        joins = section.delimiter && !previous;
        break;
    }
    previous = section.delimiter;
    if (!joins || joined.empty()) {
      joined.emplace_back(section.begin, section.end);
    } else if (backwards) {
      joined.back().first = section.begin;
    } else {
      joined.back().second = section.end;
    }
  }
  if (backwards) std::reverse(joined.begin(), joined.end());
  return joined;
}

}  // namespace

absl::StatusOr<SplitBehavior> ParseSplitBehavior(const JsonNode& node) {
  ASSIGN_OR_RETURN(const std::string text, node.Text());
  if (text == "Removed") return SplitBehavior::kRemoved;
  if (text == "Isolated") return SplitBehavior::kIsolated;
  if (text == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (text == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (text == "Contiguous") return SplitBehavior::kContiguous;
  return node.Invalid(absl::StrCat("is '", text, "', no known behavior"));
}

absl::Status Splitter::Refine(SplitText& split) const {
  std::vector<TextSpan> pieces, matches;
  for (const auto& [begin, end] : split.pieces) {
    matches.clear();
    std::vector<Section> sections;
    RETURN_IF_ERROR(find(absl::string_view(split.text).substr(begin, end - begin), matches));
    size_t at = begin;
    for (const auto& [match_begin, match_end] : matches) {
      if (begin + match_begin > at) sections.push_back({at, begin + match_begin, invert});
      sections.push_back({begin + match_begin, begin + match_end, !invert});
      at = begin + match_end;
    }
    if (at < end) sections.push_back({at, end, invert});
    for (const TextSpan& piece : Join(std::move(sections), behavior)) {
      if (piece.first < piece.second) pieces.push_back(piece);
    }
  }
  const bool same_start =
      !split.pieces.empty() && !pieces.empty() && pieces.front().first == split.pieces.front().first;
  split.starts_text = split.starts_text && same_start;
  split.pieces = std::move(pieces);
  return absl::OkStatus();
}

Splitter::Find FindCharacters(bool (*in_class)(char32_t)) {
  return [in_class](absl::string_view text, std::vector<TextSpan>& spans) {
    for (size_t at = 0; at < text.size();) {
      const size_t end = NextCharacter(text, at);
      if (in_class(CharacterAt(text, at))) spans.emplace_back(at, end);
      at = end;
    }
    return absl::OkStatus();
  };
}

}  // namespace metronome::text
