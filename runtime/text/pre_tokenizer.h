#ifndef METRONOME_RUNTIME_TEXT_PRE_TOKENIZER_H_
#define METRONOME_RUNTIME_TEXT_PRE_TOKENIZER_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/text/json_node.h"

namespace metronome {

// Cuts pieces of text into smaller ones.
using SplitStep = std::function<absl::StatusOr<std::vector<std::string>>(const std::string&)>;

// The "pre_tokenizer" of tokenizer.json as steps in order: Split, ByteLevel and sequences of them. ByteLevel leaves
// each byte as the printable character that the GPT-2 alphabet gives it. InvalidArgument, Unimplemented.
absl::StatusOr<std::vector<SplitStep>> ParsePreTokenizer(const JsonNode& node);

}  // namespace metronome

#endif  // METRONOME_RUNTIME_TEXT_PRE_TOKENIZER_H_
