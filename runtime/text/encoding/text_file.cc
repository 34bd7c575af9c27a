#include "runtime/text/encoding/text_file.h"

#include <cstdint>

#include "runtime/files/regular_file.h"

namespace metronome::text {

absl::StatusOr<std::string> ReadTextFile(const std::string& path, const PathRoots* roots) {
  constexpr int64_t kMaxBytes = int64_t{256} << 20;
  return ReadRegularFile(path, kMaxBytes, roots);
}

}  // namespace metronome::text
