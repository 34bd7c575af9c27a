#ifndef METRONOME_RUNTIME_TEXT_PRE_TOKENIZER_H_
#define METRONOME_RUNTIME_TEXT_PRE_TOKENIZER_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/text/json_node.h"
#include "runtime/text/regex.h"

namespace metronome {

// A text and the pieces it is cut into, in order; bytes that are in no piece are dropped. No piece is empty.
struct SplitText {
  std::string text;
  std::vector<TextSpan> pieces;
};

// The "pre_tokenizer" of tokenizer.json: Split, ByteLevel and sequences of them. Immutable.
class PreTokenizer {
 public:
  // Null is the one that leaves the text whole. InvalidArgument, Unimplemented.
  static absl::StatusOr<PreTokenizer> Parse(const JsonNode& node);

  // `text` must be UTF-8. ByteLevel leaves each byte as the printable character that the GPT-2 alphabet gives it.
  // ResourceExhausted when a regex hits its match limit.
  absl::StatusOr<SplitText> Apply(std::string text) const;

 private:
  using Step = std::function<absl::Status(SplitText&)>;
  absl::Status Add(const JsonNode& node);

  std::vector<Step> steps_;
};

}  // namespace metronome

#endif  // METRONOME_RUNTIME_TEXT_PRE_TOKENIZER_H_
