#include "runtime/files/mapped_file.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"

namespace metronome {

absl::StatusOr<std::unique_ptr<MappedFile>> MappedFile::Open(const std::string& path, const PathRoots* roots) {
  ASSIGN_OR_RETURN(RegularFile opened, RegularFile::Open(path, INT64_MAX, roots));
  auto file = std::unique_ptr<MappedFile>(new MappedFile(path, std::move(opened)));
  if (file->size() == 0) return file;
  const auto size = static_cast<size_t>(file->size());
  void* const data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file->file_.descriptor(), 0);
  if (data == MAP_FAILED)
    return absl::ResourceExhaustedError(absl::StrCat("cannot map ", path, ": ", std::strerror(errno)));
  file->data_ = static_cast<const std::byte*>(data);
  file->guard_ = std::make_unique<BusErrorGuard>(data, size);
  return file;
}

MappedFile::~MappedFile() {
  guard_.reset();
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), static_cast<size_t>(size()));
}

absl::Status MappedFile::CheckReadable() const {
  if (guard_ == nullptr || !guard_->hit()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat(path_, " was truncated or cannot be read any more, while it was in use; its bytes are lost"));
}

absl::Status MappedFile::CheckUnchanged() const {
  RETURN_IF_ERROR(CheckReadable());
  ASSIGN_OR_RETURN(const FileIdentity now, IdentityOf(file_, path_));
  const FileIdentity& then = file_.identity();
  if (now == then) return absl::OkStatus();
  const std::string how =
      now.bytes == then.bytes ? "" : absl::StrCat(", from ", then.bytes, " to ", now.bytes, " bytes");
  return absl::DataLossError(absl::StrCat(path_, " was changed while it was in use", how));
}

absl::Status MappedFile::CheckCurrent() const {
  RETURN_IF_ERROR(CheckUnchanged());
  const absl::StatusOr<FileIdentity> there = IdentityOf(path_);
  if (there.ok() && *there == file_.identity()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(path_, " is no longer the file that was opened"));
}

}  // namespace metronome
