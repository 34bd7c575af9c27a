#ifndef METRONOME_RUNTIME_FILES_TOML_LIMITS_H_
#define METRONOME_RUNTIME_FILES_TOML_LIMITS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace metronome {

// Bytes of a TOML file that is read.
inline constexpr int64_t kMaxTomlBytes = int64_t{1} << 20;

// InvalidArgument, with the file's name and the line, for a dotted key of more than 256 parts: toml++ makes a table of
// each, and frees them by recursion. (It bounds the nesting of values itself.)
absl::Status CheckTomlKeys(absl::string_view text, absl::string_view name);

}  // namespace metronome

#endif  // METRONOME_RUNTIME_FILES_TOML_LIMITS_H_
