#include "server/store/lease.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/status_macros.h"

namespace metronome {

absl::StatusOr<Lease> Lease::Take(const std::string& database_path) {
  const std::string path = absl::StrCat(database_path, ".lock");
  Lease lease(path, open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (lease.descriptor_ < 0) return lease.Error("create");
  lease.alone_ = flock(lease.descriptor_, LOCK_EX | LOCK_NB) == 0;
  if (!lease.alone_) RETURN_IF_ERROR(lease.Share());
  return lease;
}

Lease::Lease(Lease&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)), alone_(other.alone_) {}

Lease::~Lease() {
  if (descriptor_ >= 0) close(descriptor_);
}

absl::Status Lease::Share() {
  alone_ = false;
  while (flock(descriptor_, LOCK_SH) != 0) {
    if (errno != EINTR) return Error("lock");
  }
  return absl::OkStatus();
}

absl::Status Lease::Error(const char* doing) const {
  return absl::FailedPreconditionError(absl::StrCat("cannot ", doing, " ", path_, ": ", std::strerror(errno)));
}

}  // namespace metronome
