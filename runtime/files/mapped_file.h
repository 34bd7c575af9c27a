#ifndef METRONOME_RUNTIME_FILES_MAPPED_FILE_H_
#define METRONOME_RUNTIME_FILES_MAPPED_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/files/bus_error_guard.h"
#include "runtime/files/path_roots.h"
#include "runtime/files/regular_file.h"

namespace metronome {

// A regular file mapped read-only, and whether its bytes are still those that were mapped. A file that is truncated or
// cannot be read any more gives zeros in place of its bytes, never a SIGBUS (BusErrorGuard). Immutable.
class MappedFile {
 public:
  // `roots` as RegularFile::Open, whose errors these are; ResourceExhausted when it cannot be mapped.
  static absl::StatusOr<std::unique_ptr<MappedFile>> Open(const std::string& path, const PathRoots* roots = nullptr);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::string& path() const { return path_; }
  const std::byte* data() const { return data_; }  // A page's first byte; nullptr of an empty file.
  int64_t size() const { return file_.bytes(); }

  // DataLoss naming the file once bytes that it was mapped with could not be read. Takes nanoseconds.
  absl::Status CheckReadable() const;
  // That, and DataLoss too when the file was written to since. One system call.
  absl::Status CheckUnchanged() const;
  // That, and FailedPrecondition when another file, or none, is at the path now.
  absl::Status CheckCurrent() const;

 private:
  MappedFile(std::string path, RegularFile file) : path_(std::move(path)), file_(std::move(file)) {}

  const std::string path_;
  const RegularFile file_;
  const std::byte* data_ = nullptr;
  std::unique_ptr<BusErrorGuard> guard_;
};

}  // namespace metronome

#endif  // METRONOME_RUNTIME_FILES_MAPPED_FILE_H_
