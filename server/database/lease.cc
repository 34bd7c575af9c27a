#include "server/database/lease.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"

namespace metronome::server {

std::string PathOfPlace(const std::string& database_path, const char* what, int64_t place) {
  return place == 0 ? absl::StrCat(database_path, ".", what) : absl::StrCat(database_path, ".", what, ".", place);
}

absl::StatusOr<Lease> Lease::Take(const std::string& database_path) {
  for (int64_t place = 0; place < kPlaces; ++place) {
    ASSIGN_OR_RETURN(std::optional<Lease> lease, TakePlace(database_path, place));
    if (lease.has_value()) return *std::move(lease);
  }
  return absl::ResourceExhaustedError(absl::StrCat(kPlaces, " daemons use ", database_path, " already"));
}

absl::StatusOr<std::optional<Lease>> Lease::TakePlace(const std::string& database_path, int64_t place) {
  const std::string path = PathOfPlace(database_path, "lock", place);
  const auto error = [&](const char* doing) {
    return absl::FailedPreconditionError(absl::StrCat("cannot ", doing, " ", path, ": ", std::strerror(errno)));
  };
  Lease lease(place, open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (lease.descriptor_ < 0) return error("create");
  while (flock(lease.descriptor_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return std::nullopt;
    if (errno != EINTR) return error("lock");
  }
  return std::optional<Lease>(std::move(lease));
}

Lease::Lease(Lease&& other) noexcept : place_(other.place_), descriptor_(std::exchange(other.descriptor_, -1)) {}

Lease::~Lease() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace metronome::server
