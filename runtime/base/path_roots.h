#ifndef METRONOME_RUNTIME_BASE_PATH_ROOTS_H_
#define METRONOME_RUNTIME_BASE_PATH_ROOTS_H_

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace metronome {

// The folders that paths named from outside may lead into. Symbolic links count by where they end, so a link out of the
// roots does not open what lies there. Immutable.
class PathRoots {
 public:
  // Folders that do not exist (yet) are kept by the name they have once the links that exist are followed. "/" allows
  // everything.
  explicit PathRoots(const std::vector<std::string>& folders);

  // That `directory`, and every file in it and in folders of it, up to four deep, lies within the roots.
  // InvalidArgument: a NUL byte or a relative path. PermissionDenied, in the same words whether or not anything is
  // there: a path outside. NotFound: nothing there, or no directory, within the roots.
  absl::Status CheckDirectory(const std::string& directory) const;

  std::string ToString() const;  // "/root, /srv/models".

 private:
  bool Contains(const std::filesystem::path& real) const;

  std::vector<std::filesystem::path> roots_;
};

}  // namespace metronome

#endif  // METRONOME_RUNTIME_BASE_PATH_ROOTS_H_
