#include "runtime/text/text_file.h"

#include <cstdint>

#include "runtime/base/regular_file.h"

namespace metronome {

absl::StatusOr<std::string> ReadTextFile(const std::string& path, const PathRoots* roots) {
  constexpr int64_t kMaxBytes = int64_t{256} << 20;
  return ReadRegularFile(path, kMaxBytes, roots);
}

}  // namespace metronome
