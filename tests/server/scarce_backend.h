#ifndef METRONOME_TESTS_SERVER_SCARCE_BACKEND_H_
#define METRONOME_TESTS_SERVER_SCARCE_BACKEND_H_

#include <memory>
#include <utility>

#include "tests/forwarding_backend.h"

namespace metronome::server {

// A backend that says it has only so much memory left.
class ScarceBackend final : public ForwardingBackend {
 public:
  ScarceBackend(std::unique_ptr<kernels::Backend> real, int64_t available_bytes)
      : ForwardingBackend(std::move(real)), available_bytes_(available_bytes) {}

  void set_available_bytes(int64_t bytes) { available_bytes_ = bytes; }

  int64_t MemoryAvailableBytes() const override { return available_bytes_; }
  absl::StatusOr<double> MeasureReadBandwidth() override {
    if (available_bytes_ < (int64_t{1} << 30)) return absl::ResourceExhaustedError("no room for the probe");
    return 1e9;
  }

 private:
  int64_t available_bytes_;
};

}  // namespace metronome::server

#endif  // METRONOME_TESTS_SERVER_SCARCE_BACKEND_H_
