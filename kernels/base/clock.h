#ifndef METRONOME_KERNELS_BASE_CLOCK_H_
#define METRONOME_KERNELS_BASE_CLOCK_H_

#include <chrono>
#include <cstdint>

namespace metronome {

// Source of time for everything that measures or expires; tests substitute their own. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual int64_t MonotonicNs() const = 0;  // Never goes back; arbitrary epoch. For durations.
  virtual int64_t UnixMicros() const = 0;   // UTC wall clock. For timestamps only.

  static const Clock& Real();
};

class RealClock final : public Clock {
 public:
  int64_t MonotonicNs() const override {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
  int64_t UnixMicros() const override {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
};

inline const Clock& Clock::Real() {
  static const RealClock clock;
  return clock;
}

}  // namespace metronome

#endif  // METRONOME_KERNELS_BASE_CLOCK_H_
