#ifndef METRONOME_COMPILER_FRONTEND_CONFIG_KEYS_H_
#define METRONOME_COMPILER_FRONTEND_CONFIG_KEYS_H_

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace metronome::compiler {

// One key of a config.json and what the config class of HuggingFace transformers makes of it.
struct ConfigKey {
  absl::string_view name;
  absl::string_view absent;  // The class's value where the key is absent, as JSON; "null" where it has none.
  bool nullable = false;     // null is a value of the class, which the family's reader explains; else it is an error.
};

struct FamilyKeys {
  absl::string_view family;  // model_type: "llama", ..., or "gemma3" and "gemma4" for the multimodal wrappers.
  absl::Span<const ConfigKey> keys;
};

// The keys that the readers ask for, one table a family. tests/golden/models/config_keys.py compares them with the
// classes. Keys that are in no table do not change what the model computes on text.
absl::Span<const FamilyKeys> ConfigKeyTables();

// The table of `family`; empty for an unknown one.
absl::Span<const ConfigKey> KeysOf(absl::string_view family);

// The keys of one object in rope_parameters or rope_scaling, the same for every family.
absl::Span<const ConfigKey> RopeObjectKeys();

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_FRONTEND_CONFIG_KEYS_H_
