#ifndef METRONOME_RUNTIME_BASE_REGULAR_FILE_H_
#define METRONOME_RUNTIME_BASE_REGULAR_FILE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace metronome {

// A regular file, open for reading until it goes out of scope.
class RegularFile {
 public:
  // Never blocks and never reads a device: what is no regular file (a directory, FIFO, socket or device) is
  // InvalidArgument before anything is read, and so are a path with a NUL byte and a file of more than `max_bytes`.
  // NotFound; PermissionDenied; other errors of open(2).
  static absl::StatusOr<RegularFile> Open(const std::string& path, int64_t max_bytes);
  ~RegularFile();
  RegularFile(RegularFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)), bytes_(other.bytes_) {}
  RegularFile& operator=(RegularFile&&) = delete;

  int descriptor() const { return descriptor_; }
  int64_t bytes() const { return bytes_; }  // When it was opened.

 private:
  explicit RegularFile(int descriptor) : descriptor_(descriptor) {}

  int descriptor_;
  int64_t bytes_ = 0;
};

// All of a file. Errors of RegularFile::Open; DataLoss when it ends before its size, as a file does that is truncated
// meanwhile.
absl::StatusOr<std::string> ReadRegularFile(const std::string& path, int64_t max_bytes);

}  // namespace metronome

#endif  // METRONOME_RUNTIME_BASE_REGULAR_FILE_H_
