#ifndef METRONOME_RUNTIME_TEXT_TOKENIZER_BPE_H_
#define METRONOME_RUNTIME_TEXT_TOKENIZER_BPE_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "kernels/base/cancel_token.h"
#include "runtime/text/encoding/json_node.h"

namespace metronome::text {

// Byte-pair encoding of one piece of text (Sennrich et al. 2016, arXiv:1508.07909): characters, then the merge of
// lowest rank, leftmost first, until none applies. O(n log n) in the length of the piece. Immutable.
class Bpe {
 public:
  Bpe(Bpe&&) = default;
  Bpe& operator=(Bpe&&) = default;

  // The "model" of tokenizer.json. InvalidArgument naming a merge of unknown tokens, a bad id or a duplicate;
  // Unimplemented for other models and for dropout.
  static absl::StatusOr<Bpe> Parse(const JsonNode& node, const CancelToken& cancel = {});

  // Appends the ids of `piece`, which is UTF-8. A character the vocabulary lacks becomes its bytes' tokens, else the
  // unknown token, else nothing. InvalidArgument where the unknown token is due and the vocabulary lacks it too.
  absl::Status Encode(absl::string_view piece, std::vector<int32_t>& ids) const;

  // How many tokens have an id.
  int32_t count() const { return static_cast<int32_t>(ids_.size()); }

  // One more than the largest id.
  int32_t size() const { return static_cast<int32_t>(tokens_.size()); }
  // The text of an id in [0, size()); empty for an id that is not used.
  const std::string& Token(int32_t id) const { return tokens_[id]; }
  // -1 for none.
  int32_t IdOf(absl::string_view token) const;

 private:
  struct Merge {
    int32_t rank = 0;
    int32_t id = 0;
  };

  Bpe() = default;
  absl::Status ParseVocabulary(const JsonNode& node, const CancelToken& cancel);
  absl::Status ParseMerges(const JsonNode& node, const CancelToken& cancel);
  absl::Status ParseUnknowns(const JsonNode& node);
  absl::StatusOr<std::vector<int32_t>> Characters(absl::string_view piece) const;
  void MergeAll(std::vector<int32_t>& symbols) const;
  const Merge* FindMerge(int32_t left, int32_t right) const;

  std::vector<std::string> tokens_;                      // By id.
  absl::flat_hash_map<absl::string_view, int32_t> ids_;  // Keys borrow from tokens_.
  absl::flat_hash_map<uint64_t, Merge> merges_;          // By both ids.
  std::array<int32_t, 256> byte_ids_;                    // Of "<0xNN>", -1 where absent; all -1 without byte fallback.
  std::string prefix_, suffix_;  // Of characters that begin no piece, and of those that end one.
  std::string unknown_token_;    // Empty for none.
  int32_t unknown_id_ = -1;      // -1 where the vocabulary lacks it.
  bool fuse_unknown_ = false;
  bool ignore_merges_ = false;
};

}  // namespace metronome::text

#endif  // METRONOME_RUNTIME_TEXT_TOKENIZER_BPE_H_
