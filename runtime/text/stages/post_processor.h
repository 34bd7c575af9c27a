#ifndef METRONOME_RUNTIME_TEXT_STAGES_POST_PROCESSOR_H_
#define METRONOME_RUNTIME_TEXT_STAGES_POST_PROCESSOR_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/text/encoding/json_node.h"

namespace metronome::text {

// The ids that go before and after those of a single text.
struct Surroundings {
  std::vector<int32_t> prefix, suffix;
};

// The "post_processor" of tokenizer.json: TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel (which moves
// offsets only) and sequences of them. `vocab_size` bounds the ids. InvalidArgument, Unimplemented.
absl::StatusOr<Surroundings> ParsePostProcessor(const JsonNode& node, int64_t vocab_size);

}  // namespace metronome::text

#endif  // METRONOME_RUNTIME_TEXT_STAGES_POST_PROCESSOR_H_
