#include "runtime/text/tokenizer/added_vocabulary.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"

namespace metronome::text {

absl::Status AddedVocabulary::Add(const std::vector<AddedToken>& tokens, const Bpe& model,
                                  const Normalizer& normalizer) {
  int32_t next_id = model.count();
  if (!tokens_.empty()) next_id = std::max(next_id, tokens_.rbegin()->first + 1);
  for (const AddedToken& token : tokens) {
    if (token.content.empty()) continue;
    int32_t id = IdOf(token.content);
    if (id < 0) id = model.IdOf(token.content);
    if (id < 0) id = next_id++;
    if (id >= kMaxTokenIds)
      return absl::InvalidArgumentError(
          absl::StrCat("the token '", token.content, "' would get the id ", id, ", not below ", kMaxTokenIds));
    Token& entry = tokens_[id];
    entry.token = token;
    entry.decoded = token.content;
    if (token.normalized) {
      ASSIGN_OR_RETURN(NormalizedText normalized, normalizer.Apply(token.content));
      entry.decoded = std::move(normalized.text);
    }
    ids_[token.content] = id;
    if (token.special) special_.insert(token.content);
  }
  for (auto& [id, entry] : tokens_) entry.special = IsSpecial(entry.decoded);
  return absl::OkStatus();
}

const AddedVocabulary::Token* AddedVocabulary::Find(int32_t id) const {
  const auto found = tokens_.find(id);
  return found == tokens_.end() ? nullptr : &found->second;
}

int32_t AddedVocabulary::IdOf(absl::string_view content) const {
  const auto found = ids_.find(content);
  return found == ids_.end() ? -1 : found->second;
}

}  // namespace metronome::text
