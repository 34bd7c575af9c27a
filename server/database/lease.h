#ifndef METRONOME_SERVER_DATABASE_LEASE_H_
#define METRONOME_SERVER_DATABASE_LEASE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace metronome::server {

// A daemon's place among those that use a database: a number that no other living one has. It marks the runs that the
// daemon started and names its spool, so that whoever comes later can tell what the dead left. Held by an advisory lock
// (flock) on "<database>.lock", of later places "<database>.lock.1" and so on, which ends with the process however it
// dies. The files stay.
class Lease {
 public:
  // Daemons that may use one database at a time.
  static constexpr int64_t kPlaces = 64;

  // The first free place. FailedPrecondition naming the file when it cannot be created or locked; ResourceExhausted
  // when all are taken.
  static absl::StatusOr<Lease> Take(const std::string& database_path);
  // That place, or nullopt while another holds it. FailedPrecondition, likewise.
  static absl::StatusOr<std::optional<Lease>> TakePlace(const std::string& database_path, int64_t place);
  ~Lease();
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&&) = delete;

  int64_t place() const { return place_; }

 private:
  Lease(int64_t place, int descriptor) : place_(place), descriptor_(descriptor) {}

  int64_t place_;
  int descriptor_;
};

// The path of what a daemon at this place keeps beside a database: "runs.db.lock", "runs.db.lock.1".
std::string PathOfPlace(const std::string& database_path, const char* what, int64_t place);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_DATABASE_LEASE_H_
