#ifndef METRONOME_RUNTIME_TEXT_ADDED_TOKENS_H_
#define METRONOME_RUNTIME_TEXT_ADDED_TOKENS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/text/json_node.h"

namespace metronome {

struct AddedToken {
  int32_t id = -1;
  std::string content;
  bool special = false;
  bool normalized = false;   // Looked for after normalisation rather than before.
  bool single_word = false;  // Only where no word character touches it.
  bool lstrip = false;       // Takes white space before it in.
  bool rstrip = false;       // Takes white space after it in.
};

// A stretch of text that is an added token (id >= 0) or ordinary text (id -1).
struct TextSegment {
  absl::string_view text;
  int32_t id = -1;
};

// Finds added tokens in text, leftmost and then longest first. Of tokens with the same content the first one added
// counts.
class AddedTokenMatcher {
 public:
  // Empty contents are never found.
  void Add(const AddedToken& token);
  // The segments in order; `text` must be UTF-8 and outlive them.
  std::vector<TextSegment> Split(absl::string_view text) const;

 private:
  // A trie over bytes: node -> byte -> node.
  struct Node {
    absl::flat_hash_map<char, int32_t> children;
    int32_t token = -1;  // Index into tokens_.
  };
  const AddedToken* LongestAt(absl::string_view text, size_t at) const;

  std::vector<Node> nodes_ = std::vector<Node>(1);
  std::vector<AddedToken> tokens_;
};

// The "added_tokens" of tokenizer.json. InvalidArgument, also for two tokens with one id.
absl::StatusOr<std::vector<AddedToken>> ParseAddedTokens(const JsonNode& node);

}  // namespace metronome

#endif  // METRONOME_RUNTIME_TEXT_ADDED_TOKENS_H_
