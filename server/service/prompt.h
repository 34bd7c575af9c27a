#ifndef METRONOME_SERVER_SERVICE_PROMPT_H_
#define METRONOME_SERVER_SERVICE_PROMPT_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "metronome/v1/inference.pb.h"
#include "server/model/loaded_model.h"

namespace metronome::server {

struct ResolvedPrompt {
  std::vector<int32_t> tokens;
  int64_t requested = 0;  // Tokens before BOS and templates were added.
};

// The token ids of a prompt. InvalidArgument (none given, empty, a count below 1), OutOfRange (an id outside the
// vocabulary, more tokens than `max_tokens`), FailedPrecondition (text without a tokenizer, chat without a template),
// what the tokenizer failed with where it did not load, and as ChatTemplate::Render.
absl::StatusOr<ResolvedPrompt> ResolvePrompt(const LoadedModel& model, const v1::Prompt& prompt, int64_t max_tokens);

// `count` ids below `vocab`, a function of the seed alone.
std::vector<int32_t> SyntheticTokens(int64_t count, uint64_t seed, int64_t vocab);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_SERVICE_PROMPT_H_
