#include "runtime/text/added_tokens.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status_macros.h"

namespace metronome {
namespace {

UChar32 CharacterBefore(absl::string_view text, size_t at) {
  auto i = static_cast<int32_t>(at);
  UChar32 c = 0;
  U8_PREV_OR_FFFD(reinterpret_cast<const uint8_t*>(text.data()), 0, i, c);
  return c;
}

UChar32 CharacterAt(absl::string_view text, size_t at) {
  auto i = static_cast<int32_t>(at);
  UChar32 c = 0;
  U8_NEXT_OR_FFFD(reinterpret_cast<const uint8_t*>(text.data()), i, static_cast<int32_t>(text.size()), c);
  return c;
}

// As \w of UTS #18, annex C: alphabetic characters, marks, decimal digits, connectors and joiners.
bool IsWord(UChar32 c) {
  constexpr uint32_t kCategories = U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK;
  return (U_GET_GC_MASK(c) & kCategories) != 0 || u_hasBinaryProperty(c, UCHAR_ALPHABETIC) ||
         u_hasBinaryProperty(c, UCHAR_JOIN_CONTROL);
}

bool TouchesWord(absl::string_view text, size_t begin, size_t end) {
  return (begin > 0 && IsWord(CharacterBefore(text, begin))) || (end < text.size() && IsWord(CharacterAt(text, end)));
}

size_t SkipSpacesBack(absl::string_view text, size_t at, size_t least) {
  while (at > least && u_isUWhiteSpace(CharacterBefore(text, at))) {
    do --at;
    while (at > least && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80);
  }
  return at;
}

size_t SkipSpaces(absl::string_view text, size_t at) {
  while (at < text.size() && u_isUWhiteSpace(CharacterAt(text, at))) {
    do ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80);
  }
  return at;
}

}  // namespace

void AddedTokenMatcher::Add(const AddedToken& token) {
  if (token.content.empty()) return;
  int32_t node = 0;
  for (const char byte : token.content) {
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
  if (nodes_[node].token >= 0) return;
  nodes_[node].token = static_cast<int32_t>(tokens_.size());
  tokens_.push_back(token);
}

const AddedToken* AddedTokenMatcher::LongestAt(absl::string_view text, size_t at) const {
  const AddedToken* longest = nullptr;
  int32_t node = 0;
  for (size_t i = at; i < text.size(); ++i) {
    const auto child = nodes_[node].children.find(text[i]);
    if (child == nodes_[node].children.end()) break;
    node = child->second;
    if (nodes_[node].token >= 0) longest = &tokens_[nodes_[node].token];
  }
  return longest;
}

std::vector<TextSegment> AddedTokenMatcher::Split(absl::string_view text) const {
  std::vector<TextSegment> segments;
  size_t done = 0;
  for (size_t at = 0; at < text.size() && !tokens_.empty();) {
    const AddedToken* token = LongestAt(text, at);
    if (token == nullptr) {
      ++at;
      continue;
    }
    size_t begin = at, end = at + token->content.size();
    // The search goes on behind the content even where rstrip takes more in, as HuggingFace's does.
    at = end;
    if (token->single_word && TouchesWord(text, begin, end)) continue;
    if (token->lstrip) begin = SkipSpacesBack(text, begin, std::min(begin, done));
    if (token->rstrip) end = SkipSpaces(text, end);
    if (begin > done) segments.push_back({text.substr(done, begin - done)});
    segments.push_back({text.substr(begin, end - begin), token->id});
    done = end;
  }
  if (done < text.size()) segments.push_back({text.substr(done)});
  return segments;
}

absl::StatusOr<std::vector<AddedToken>> ParseAddedTokens(const JsonNode& node) {
  std::vector<AddedToken> tokens;
  if (node.is_null()) return tokens;
  ASSIGN_OR_RETURN(const std::vector<JsonNode> elements, node.Elements());
  absl::flat_hash_set<int32_t> ids;
  for (const JsonNode& element : elements) {
    AddedToken token;
    ASSIGN_OR_RETURN(token.id, element["id"].TokenId());
    ASSIGN_OR_RETURN(token.content, element["content"].Text());
    ASSIGN_OR_RETURN(token.special, element["special"].Bool(false));
    ASSIGN_OR_RETURN(token.normalized, element["normalized"].Bool(!token.special));
    ASSIGN_OR_RETURN(token.single_word, element["single_word"].Bool(false));
    ASSIGN_OR_RETURN(token.lstrip, element["lstrip"].Bool(false));
    ASSIGN_OR_RETURN(token.rstrip, element["rstrip"].Bool(false));
    if (token.content.empty()) return element["content"].Invalid("is empty");
    if (!ids.insert(token.id).second) return element["id"].Invalid(absl::StrCat("gives id ", token.id, " again"));
    tokens.push_back(std::move(token));
  }
  return tokens;
}

}  // namespace metronome
