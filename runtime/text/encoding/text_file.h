#ifndef METRONOME_RUNTIME_TEXT_ENCODING_TEXT_FILE_H_
#define METRONOME_RUNTIME_TEXT_ENCODING_TEXT_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "runtime/files/path_roots.h"

namespace metronome::text {

// The contents of a regular file of at most 256 MiB. Errors of ReadRegularFile.
absl::StatusOr<std::string> ReadTextFile(const std::string& path, const PathRoots* roots);

}  // namespace metronome::text

#endif  // METRONOME_RUNTIME_TEXT_ENCODING_TEXT_FILE_H_
