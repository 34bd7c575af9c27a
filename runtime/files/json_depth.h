#ifndef METRONOME_RUNTIME_FILES_JSON_DEPTH_H_
#define METRONOME_RUNTIME_FILES_JSON_DEPTH_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace metronome {

// Levels of nesting that JSON files are read to, so that walking what was parsed may recurse.
inline constexpr int kMaxJsonDepth = 64;

// InvalidArgument, with the file's `name` and the byte, for JSON text that nests deeper than kMaxJsonDepth. Counts
// brackets outside strings; whether they match, and all else, is the parser's business.
absl::Status CheckJsonDepth(absl::string_view text, absl::string_view name);

}  // namespace metronome

#endif  // METRONOME_RUNTIME_FILES_JSON_DEPTH_H_
