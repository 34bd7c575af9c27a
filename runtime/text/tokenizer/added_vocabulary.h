#ifndef METRONOME_RUNTIME_TEXT_TOKENIZER_ADDED_VOCABULARY_H_
#define METRONOME_RUNTIME_TEXT_TOKENIZER_ADDED_VOCABULARY_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "runtime/text/stages/normalizer.h"
#include "runtime/text/tokenizer/added_tokens.h"
#include "runtime/text/tokenizer/bpe.h"

namespace metronome::text {

// The tokens on top of a model's vocabulary, with the ids that HuggingFace tokenizers gives them: that of a text which
// the model or an earlier token has, else the next free one. Ids that files state do not count.
class AddedVocabulary {
 public:
  struct Token {
    AddedToken token;
    std::string decoded;   // What its id stands for: the content, normalised where the token is looked for so.
    bool special = false;  // Left out when special tokens are skipped.
  };

  // Adds tokens in order. A later one of the same content replaces the flags of the earlier; one that was special once
  // stays so for skipping. InvalidArgument past the most ids there may be; fails where the normalizer does.
  absl::Status Add(const std::vector<AddedToken>& tokens, const Bpe& model, const Normalizer& normalizer);

  // By id.
  const std::map<int32_t, Token>& tokens() const { return tokens_; }
  const Token* Find(int32_t id) const;
  int32_t IdOf(absl::string_view content) const;  // -1 for none.
  bool IsSpecial(absl::string_view content) const { return special_.contains(content); }

 private:
  absl::flat_hash_map<std::string, int32_t> ids_;
  absl::flat_hash_set<std::string> special_;
  std::map<int32_t, Token> tokens_;
};

}  // namespace metronome::text

#endif  // METRONOME_RUNTIME_TEXT_TOKENIZER_ADDED_VOCABULARY_H_
