#ifndef METRONOME_RUNTIME_TEXT_TOKENIZER_ADDED_TOKENS_H_
#define METRONOME_RUNTIME_TEXT_TOKENIZER_ADDED_TOKENS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/text/encoding/json_node.h"

namespace metronome::text {

struct AddedToken {
  std::string content;
  bool special = false;
  bool normalized = true;    // Looked for after normalisation rather than before.
  bool single_word = false;  // Only where no word character touches it.
  bool lstrip = false;       // Takes white space before it in.
  bool rstrip = false;       // Takes white space after it in.

  friend bool operator==(const AddedToken&, const AddedToken&) = default;
};

// An object with the fields of a token. `normalized` is what it says, or else the opposite of special. InvalidArgument.
absl::StatusOr<AddedToken> ParseAddedToken(const JsonNode& node);

// A stretch of text that is an added token (id >= 0) or ordinary text (id -1).
struct TextSegment {
  absl::string_view text;
  int32_t id = -1;
};

// Finds added tokens in text, leftmost and then longest first. Of tokens with the same pattern the first one added
// counts.
class AddedTokenMatcher {
 public:
  // Looks for `pattern`, what `token` is in the text that is searched; an empty one is never found. A token that is
  // `split` is found and left ordinary text.
  void Add(absl::string_view pattern, int32_t id, const AddedToken& token, bool split);
  // The segments in order; `text` must be UTF-8 and outlive them.
  std::vector<TextSegment> Split(absl::string_view text) const;

 private:
  // A trie over bytes: node -> byte -> node.
  struct Node {
    absl::flat_hash_map<char, int32_t> children;
    int32_t entry = -1;  // Index into entries_.
  };
  struct Entry {
    int32_t id = -1;
    size_t size = 0;  // Of the pattern.
    AddedToken token;
    bool split = false;
  };
  const Entry* LongestAt(absl::string_view text, size_t at) const;

  std::vector<Node> nodes_ = std::vector<Node>(1);
  std::vector<Entry> entries_;
};

}  // namespace metronome::text

#endif  // METRONOME_RUNTIME_TEXT_TOKENIZER_ADDED_TOKENS_H_
