#ifndef METRONOME_SERVER_MODEL_GENERATION_DEFAULTS_H_
#define METRONOME_SERVER_MODEL_GENERATION_DEFAULTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/sampling/sampler.h"

namespace metronome::server {

// What a generation_config.json says.
struct GenerationDefaults {
  // Where it names any; these then count, not those of config.json.
  std::optional<std::vector<int32_t>> eos_token_ids;
  // How transformers' generate() chooses tokens with this file and no arguments. FailedPrecondition (no file, or no
  // JSON object, which transformers passes over too), InvalidArgument (a value, named), Unimplemented (a key that would
  // change tokens and is not supported, named).
  absl::StatusOr<runtime::SamplingOptions> sampling =
      absl::FailedPreconditionError("the model has no generation_config.json");
};

// InvalidArgument for eos_token_id that is no integer or list of integers; what is wrong with the rest is in
// `sampling`.
absl::StatusOr<GenerationDefaults> ParseGenerationDefaults(absl::string_view json);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_MODEL_GENERATION_DEFAULTS_H_
