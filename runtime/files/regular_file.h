#ifndef METRONOME_RUNTIME_FILES_REGULAR_FILE_H_
#define METRONOME_RUNTIME_FILES_REGULAR_FILE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "runtime/files/path_roots.h"

namespace metronome {

// What tells whether a file is still the one that was opened, with the content that it had.
struct FileIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t bytes = 0;
  int64_t modified_ns = 0;  // Since 1970.

  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

// A regular file, open for reading until it goes out of scope.
class RegularFile {
 public:
  // Never blocks and never reads a device: what is no regular file (a directory, FIFO, socket or device) is
  // InvalidArgument before anything is read, and so are a path with a NUL byte and a file of more than `max_bytes`.
  // NotFound; PermissionDenied; other errors of open(2). `roots`, where given, must contain the file that is opened:
  // errors of PathRoots::Check.
  static absl::StatusOr<RegularFile> Open(const std::string& path, int64_t max_bytes, const PathRoots* roots = nullptr);
  ~RegularFile();
  RegularFile(RegularFile&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)), identity_(other.identity_) {}
  RegularFile& operator=(RegularFile&&) = delete;

  int descriptor() const { return descriptor_; }
  int64_t bytes() const { return identity_.bytes; }
  const FileIdentity& identity() const { return identity_; }  // When it was opened.

 private:
  explicit RegularFile(int descriptor) : descriptor_(descriptor) {}

  int descriptor_;
  FileIdentity identity_;
};

// All of a file. Errors of RegularFile::Open; DataLoss when it ends before its size, as a file does that is truncated
// meanwhile.
absl::StatusOr<std::string> ReadRegularFile(const std::string& path, int64_t max_bytes,
                                            const PathRoots* roots = nullptr);

// The identity of an open file, called `path` in errors, now.
absl::StatusOr<FileIdentity> IdentityOf(const RegularFile& file, const std::string& path);
// That of the regular file at `path`. NotFound, InvalidArgument (no regular file).
absl::StatusOr<FileIdentity> IdentityOf(const std::string& path);

}  // namespace metronome

#endif  // METRONOME_RUNTIME_FILES_REGULAR_FILE_H_
