#ifndef METRONOME_RUNTIME_TEXT_DECODER_H_
#define METRONOME_RUNTIME_TEXT_DECODER_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/text/json_node.h"

namespace metronome {

// Turns a list of token texts into another, the last of which is joined to the decoded text.
using DecodeStep = std::function<std::vector<std::string>(std::vector<std::string>)>;

// The "decoder" of tokenizer.json as steps in order: ByteLevel, ByteFallback, Replace, Fuse, Strip and sequences of
// them. InvalidArgument, Unimplemented.
absl::StatusOr<std::vector<DecodeStep>> ParseDecoder(const JsonNode& node);

}  // namespace metronome

#endif  // METRONOME_RUNTIME_TEXT_DECODER_H_
