#ifndef METRONOME_RUNTIME_TEXT_TEXT_FILE_H_
#define METRONOME_RUNTIME_TEXT_TEXT_FILE_H_

#include <string>

#include "absl/status/statusor.h"

namespace metronome {

// The contents of a file. NotFound if there is none that opens; InvalidArgument for a directory, a read that fails, and
// more than 256 MiB.
absl::StatusOr<std::string> ReadTextFile(const std::string& path);

}  // namespace metronome

#endif  // METRONOME_RUNTIME_TEXT_TEXT_FILE_H_
