#include "runtime/text/tokenizer/added_tokens.h"

#include <algorithm>
#include <utility>

#include "kernels/base/status_macros.h"
#include "runtime/text/encoding/characters.h"

namespace metronome::text {
namespace {

bool TouchesWord(absl::string_view text, size_t begin, size_t end) {
  return (begin > 0 && IsWord(CharacterBefore(text, begin))) || (end < text.size() && IsWord(CharacterAt(text, end)));
}

size_t SkipSpacesBack(absl::string_view text, size_t at, size_t least) {
  while (at > least && IsWhiteSpace(CharacterBefore(text, at))) at = PreviousCharacter(text, at);
  return at;
}

size_t SkipSpaces(absl::string_view text, size_t at) {
  while (at < text.size() && IsWhiteSpace(CharacterAt(text, at))) at = NextCharacter(text, at);
  return at;
}

}  // namespace

absl::StatusOr<AddedToken> ParseAddedToken(const JsonNode& node) {
  AddedToken token;
  ASSIGN_OR_RETURN(token.content, node["content"].Text());
  ASSIGN_OR_RETURN(token.special, node["special"].Bool(false));
  ASSIGN_OR_RETURN(token.normalized, node["normalized"].Bool(!token.special));
  ASSIGN_OR_RETURN(token.single_word, node["single_word"].Bool(false));
  ASSIGN_OR_RETURN(token.lstrip, node["lstrip"].Bool(false));
  ASSIGN_OR_RETURN(token.rstrip, node["rstrip"].Bool(false));
  return token;
}

void AddedTokenMatcher::Add(absl::string_view pattern, int32_t id, const AddedToken& token, bool split) {
  if (pattern.empty()) return;
  int32_t node = 0;
  for (const char byte : pattern) {
    const auto child = nodes_[node].children.find(byte);
    if (child != nodes_[node].children.end()) {
      node = child->second;
      continue;
    }
    const auto created = static_cast<int32_t>(nodes_.size());
    nodes_[node].children.emplace(byte, created);
    nodes_.emplace_back();
    node = created;
  }
  if (nodes_[node].entry >= 0) return;
  nodes_[node].entry = static_cast<int32_t>(entries_.size());
  entries_.push_back({.id = id, .size = pattern.size(), .token = token, .split = split});
}

const AddedTokenMatcher::Entry* AddedTokenMatcher::LongestAt(absl::string_view text, size_t at) const {
  const Entry* longest = nullptr;
  int32_t node = 0;
  for (size_t i = at; i < text.size(); ++i) {
    const auto child = nodes_[node].children.find(text[i]);
    if (child == nodes_[node].children.end()) break;
    node = child->second;
    if (nodes_[node].entry >= 0) longest = &entries_[nodes_[node].entry];
  }
  return longest;
}

std::vector<TextSegment> AddedTokenMatcher::Split(absl::string_view text) const {
  std::vector<TextSegment> segments;
  size_t done = 0;
  for (size_t at = 0; at < text.size() && !entries_.empty();) {
    const Entry* entry = LongestAt(text, at);
    if (entry == nullptr) {
      ++at;
      continue;
    }
    size_t begin = at, end = at + entry->size;
    // The search goes on behind the content even where rstrip takes more in, as HuggingFace's does.
    at = end;
    const AddedToken& token = entry->token;
    if (entry->split || (token.single_word && TouchesWord(text, begin, end))) continue;
    if (token.lstrip) begin = SkipSpacesBack(text, begin, std::min(begin, done));
    if (token.rstrip) end = SkipSpaces(text, end);
    if (begin > done) segments.push_back({text.substr(done, begin - done)});
    segments.push_back({text.substr(begin, end - begin), entry->id});
    done = end;
  }
  if (done < text.size()) segments.push_back({text.substr(done)});
  return segments;
}

}  // namespace metronome::text
