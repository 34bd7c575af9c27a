#ifndef METRONOME_RUNTIME_TEXT_POST_PROCESSOR_H_
#define METRONOME_RUNTIME_TEXT_POST_PROCESSOR_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/text/json_node.h"

namespace metronome {

// The ids that go before and after those of a single text.
struct Surroundings {
  std::vector<int32_t> prefix, suffix;
};

// The "post_processor" of tokenizer.json: TemplateProcessing, ByteLevel (which moves offsets only) and sequences of
// them. `vocab_size` bounds the ids. InvalidArgument, Unimplemented.
absl::StatusOr<Surroundings> ParsePostProcessor(const JsonNode& node, int64_t vocab_size);

// What tokenizer_config.json says of it: `add_bos_token` and `add_eos_token` overrule the post-processor, and Gemma's
// tokenizer class adds BOS unless told not to, which some of its files leave to it. `id_of` gives the id of a token, -1
// for none. InvalidArgument.
// Source: transformers, tokenization_utils_tokenizers.py and models/gemma/tokenization_gemma.py (5.x).
absl::Status ApplyConfigRules(const JsonNode& config, const std::function<int32_t(absl::string_view)>& id_of,
                              Surroundings& surroundings);

}  // namespace metronome

#endif  // METRONOME_RUNTIME_TEXT_POST_PROCESSOR_H_
