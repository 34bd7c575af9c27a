#ifndef METRONOME_RUNTIME_TEXT_NORMALIZER_H_
#define METRONOME_RUNTIME_TEXT_NORMALIZER_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/text/json_node.h"

namespace metronome {

// One step of a tokenizer's pipeline over text.
using TextStep = std::function<absl::StatusOr<std::string>(const std::string&)>;

// The "normalizer" of tokenizer.json as steps in order: NFC, NFD, NFKC, NFKD, Replace, Prepend and sequences of them.
// InvalidArgument, Unimplemented.
absl::StatusOr<std::vector<TextStep>> ParseNormalizer(const JsonNode& node);

// Replace, here and as a decoder: every match of `pattern` ({"String": ..} or {"Regex": ..}) becomes `content`.
absl::StatusOr<TextStep> ParseReplace(const JsonNode& node);

}  // namespace metronome

#endif  // METRONOME_RUNTIME_TEXT_NORMALIZER_H_
