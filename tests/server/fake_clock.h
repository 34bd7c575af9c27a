#ifndef METRONOME_TESTS_SERVER_FAKE_CLOCK_H_
#define METRONOME_TESTS_SERVER_FAKE_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "kernels/base/clock.h"

namespace metronome::server {

// Stands still until told.
class FakeClock final : public Clock {
 public:
  int64_t MonotonicNs() const override { return now_ns_; }
  int64_t UnixMicros() const override { return 1'700'000'000'000'000 + now_ns_ / 1000; }
  void Advance(absl::Duration duration) { now_ns_ += absl::ToInt64Nanoseconds(duration); }

 private:
  std::atomic<int64_t> now_ns_{1};
};

}  // namespace metronome::server

#endif  // METRONOME_TESTS_SERVER_FAKE_CLOCK_H_
