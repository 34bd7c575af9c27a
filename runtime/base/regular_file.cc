#include "runtime/base/regular_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status_macros.h"

namespace metronome {
namespace {

absl::Status CheckName(const std::string& path) {
  if (path.find('\0') == std::string::npos) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the path '", absl::CEscape(path), "' has a NUL byte"));
}

}  // namespace

absl::StatusOr<RegularFile> RegularFile::Open(const std::string& path, int64_t max_bytes) {
  RETURN_IF_ERROR(CheckName(path));
  // O_NONBLOCK: a FIFO in the file's place must be refused, not waited for.
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  RegularFile file(descriptor);
  struct stat status = {};
  if (fstat(descriptor, &status) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path));
  if (!S_ISREG(status.st_mode)) return absl::InvalidArgumentError(absl::StrCat(path, " is not a regular file"));
  file.bytes_ = status.st_size;
  if (file.bytes() > max_bytes)
    return absl::InvalidArgumentError(absl::StrCat(path, " has ", file.bytes(), " bytes, over ", max_bytes));
  return file;
}

RegularFile::~RegularFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::StatusOr<std::string> ReadRegularFile(const std::string& path, int64_t max_bytes) {
  ASSIGN_OR_RETURN(const RegularFile file, RegularFile::Open(path, max_bytes));
  std::string content(static_cast<size_t>(file.bytes()), '\0');
  size_t filled = 0;
  while (filled < content.size()) {
    const ssize_t count = read(file.descriptor(), content.data() + filled, content.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path));
    if (count == 0)
      return absl::DataLossError(absl::StrCat(path, " ended after ", filled, " of ", content.size(), " bytes"));
    filled += static_cast<size_t>(count);
  }
  return content;
}

}  // namespace metronome
