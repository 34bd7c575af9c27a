#ifndef METRONOME_SERVER_STORE_LEASE_H_
#define METRONOME_SERVER_STORE_LEASE_H_

#include <string>

#include "absl/status/statusor.h"

namespace metronome {

// A daemon's mark that it uses a database, so that another one on the same file can tell whether runs in state running
// belong to the living. An advisory lock (flock) on "<database>.lock", which ends with the process however it dies.
class Lease {
 public:
  // FailedPrecondition naming the file when it cannot be created or locked.
  static absl::StatusOr<Lease> Take(const std::string& database_path);
  ~Lease();
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&&) = delete;

  // True for the holder who found no other: until Share, nobody else can take one.
  bool alone() const { return alone_; }
  // Lets others in.
  absl::Status Share();

 private:
  Lease(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  absl::Status Error(const char* doing) const;

  std::string path_;
  int descriptor_;
  bool alone_ = false;
};

}  // namespace metronome

#endif  // METRONOME_SERVER_STORE_LEASE_H_
