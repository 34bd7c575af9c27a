#ifndef METRONOME_RUNTIME_FILES_PATH_ROOTS_H_
#define METRONOME_RUNTIME_FILES_PATH_ROOTS_H_

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace metronome {

// The folders, or single files, that paths named from outside may lead into. Symbolic links count by where they end, so
// a link out of the roots does not open what lies there. Immutable.
class PathRoots {
 public:
  // A root that does not exist yet counts from when it does. "/" allows everything; an empty name allows nothing.
  explicit PathRoots(std::vector<std::string> roots) : roots_(std::move(roots)) {}

  // Whether `path`, links followed, is or would be within a root. InvalidArgument: a NUL byte. PermissionDenied, in the
  // same words whether or not anything is there: a path outside.
  absl::Status Check(const std::string& path) const;

  std::string ToString() const;  // "/root, /srv/models".

 private:
  std::vector<std::string> roots_;
};

}  // namespace metronome

#endif  // METRONOME_RUNTIME_FILES_PATH_ROOTS_H_
