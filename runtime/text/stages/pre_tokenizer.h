#ifndef METRONOME_RUNTIME_TEXT_STAGES_PRE_TOKENIZER_H_
#define METRONOME_RUNTIME_TEXT_STAGES_PRE_TOKENIZER_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/text/encoding/json_node.h"
#include "runtime/text/stages/splitter.h"

namespace metronome::text {

// The "pre_tokenizer" of tokenizer.json: Split, ByteLevel, Metaspace, Digits, Punctuation, Whitespace, WhitespaceSplit,
// BertPreTokenizer, CharDelimiterSplit, FixedLength and sequences of them. Immutable.
class PreTokenizer {
 public:
  // Null is the one that leaves the text whole. InvalidArgument, Unimplemented.
  static absl::StatusOr<PreTokenizer> Parse(const JsonNode& node);

  // `text` must be UTF-8; `starts_text` says whether it begins what is encoded, for a Metaspace that marks only that.
  // ByteLevel leaves each byte as the printable character that the GPT-2 alphabet gives it. ResourceExhausted when a
  // regex hits its match limit.
  absl::StatusOr<SplitText> Apply(std::string text, bool starts_text) const;

 private:
  using Step = std::function<absl::Status(SplitText&)>;
  absl::Status Add(const JsonNode& node);
  absl::Status AddSplit(const JsonNode& node);
  absl::Status AddByteLevel(const JsonNode& node);
  absl::Status AddMetaspace(const JsonNode& node);
  absl::Status AddFixedLength(const JsonNode& node);
  void AddSplitter(Splitter splitter);
  // False for a type that is no splitter at characters of some class.
  absl::StatusOr<bool> AddCharacterSplit(const JsonNode& node, const std::string& type);

  std::vector<Step> steps_;
};

}  // namespace metronome::text

#endif  // METRONOME_RUNTIME_TEXT_STAGES_PRE_TOKENIZER_H_
