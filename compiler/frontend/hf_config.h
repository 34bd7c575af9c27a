#ifndef METRONOME_COMPILER_FRONTEND_HF_CONFIG_H_
#define METRONOME_COMPILER_FRONTEND_HF_CONFIG_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/frontend/model_config.h"

namespace metronome {

// Reads a HuggingFace config.json: llama, qwen2, qwen3, gemma3_text, or a gemma3 wrapper around one (its vision part is
// skipped). Absent keys take the defaults of the family's config class. InvalidArgument naming key and value;
// Unimplemented for a family or feature that would change the result and is not supported.
absl::StatusOr<ModelConfig> ParseHfConfig(absl::string_view json);

// The same from a file. NotFound.
absl::StatusOr<ModelConfig> ReadHfConfig(const std::string& path);

}  // namespace metronome

#endif  // METRONOME_COMPILER_FRONTEND_HF_CONFIG_H_
