#ifndef METRONOME_RUNTIME_TEXT_STAGES_METASPACE_H_
#define METRONOME_RUNTIME_TEXT_STAGES_METASPACE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "runtime/text/encoding/json_node.h"

namespace metronome::text {

// How a Metaspace writes spaces; the same in a pre-tokenizer and in a decoder.
struct Metaspace {
  enum class Prepend : uint8_t { kNever, kFirst, kAlways };

  std::string replacement;  // One character, which stands for a space.
  Prepend prepend = Prepend::kAlways;
  bool split = true;  // Before every replacement.

  // InvalidArgument.
  static absl::StatusOr<Metaspace> Parse(const JsonNode& node);
};

}  // namespace metronome::text

#endif  // METRONOME_RUNTIME_TEXT_STAGES_METASPACE_H_
