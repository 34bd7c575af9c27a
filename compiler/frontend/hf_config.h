#ifndef METRONOME_COMPILER_FRONTEND_HF_CONFIG_H_
#define METRONOME_COMPILER_FRONTEND_HF_CONFIG_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/frontend/model_config.h"
#include "runtime/files/path_roots.h"

namespace metronome::compiler {

// Reads a HuggingFace config.json: llama, qwen2, qwen3, qwen3_moe, gemma3_text, gemma4_text, or a gemma3 or gemma4
// wrapper around one (its other parts are skipped), in the spellings that transformers 4 and 5 write. Absent and null
// keys mean what they mean to the family's config class (config_keys.h). InvalidArgument naming key and value;
// Unimplemented for a family or feature that would change the result and is not supported, with what is.
absl::StatusOr<ModelConfig> ParseHfConfig(absl::string_view json);

// The same from a file of at most 4 MiB; `roots` and errors as ReadRegularFile.
absl::StatusOr<ModelConfig> ReadHfConfig(const std::string& path, const PathRoots* roots = nullptr);

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_FRONTEND_HF_CONFIG_H_
