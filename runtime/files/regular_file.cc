#include "runtime/files/regular_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"

namespace metronome {
namespace {

absl::Status CheckName(const std::string& path) {
  if (path.find('\0') == std::string::npos) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the path '", absl::CEscape(path), "' has a NUL byte"));
}

absl::StatusOr<FileIdentity> RegularIdentity(const struct stat& status, const std::string& path) {
  if (!S_ISREG(status.st_mode)) return absl::InvalidArgumentError(absl::StrCat(path, " is not a regular file"));
  return FileIdentity{.device = status.st_dev,
                      .inode = status.st_ino,
                      .bytes = status.st_size,
                      .modified_ns = int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

// What was opened may be other than what was there when the path was checked: links can change meanwhile.
absl::Status CheckOpened(int descriptor, const std::string& path, const PathRoots& roots) {
  std::error_code error;
  const auto opened = std::filesystem::read_symlink(absl::StrCat("/proc/self/fd/", descriptor), error);
  if (error || roots.Check(opened.string()).ok()) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat(path, " led elsewhere while it was opened"));
}

}  // namespace

absl::StatusOr<RegularFile> RegularFile::Open(const std::string& path, int64_t max_bytes, const PathRoots* roots) {
  RETURN_IF_ERROR(CheckName(path));
  if (roots != nullptr) RETURN_IF_ERROR(roots->Check(path));
  // O_NONBLOCK: a FIFO in the file's place must be refused, not waited for.
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (descriptor < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open ", path));
  RegularFile file(descriptor);
  if (roots != nullptr) RETURN_IF_ERROR(CheckOpened(descriptor, path, *roots));
  ASSIGN_OR_RETURN(file.identity_, IdentityOf(file, path));
  if (file.bytes() > max_bytes)
    return absl::InvalidArgumentError(absl::StrCat(path, " has ", file.bytes(), " bytes, over ", max_bytes));
  return file;
}

RegularFile::~RegularFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::StatusOr<std::string> ReadRegularFile(const std::string& path, int64_t max_bytes, const PathRoots* roots) {
  ASSIGN_OR_RETURN(const RegularFile file, RegularFile::Open(path, max_bytes, roots));
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

absl::StatusOr<FileIdentity> IdentityOf(const RegularFile& file, const std::string& path) {
  struct stat status = {};
  if (fstat(file.descriptor(), &status) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path));
  return RegularIdentity(status, path);
}

absl::StatusOr<FileIdentity> IdentityOf(const std::string& path) {
  RETURN_IF_ERROR(CheckName(path));
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path));
  return RegularIdentity(status, path);
}

}  // namespace metronome
