#ifndef METRONOME_SERVER_BENCHMARK_TELEMETRY_RECORDER_H_
#define METRONOME_SERVER_BENCHMARK_TELEMETRY_RECORDER_H_

#include <array>
#include <cstdint>
#include <optional>

#include "kernels/backend.h"
#include "metronome/v1/benchmark.pb.h"
#include "runtime/base/clock.h"

namespace metronome {

// What the device says of itself from construction, just before what is measured, to Finish, just after. It is asked
// between measured iterations alone, so that it disturbs none. Not thread-safe.
class TelemetryRecorder {
 public:
  TelemetryRecorder(const Backend& backend, const Clock& clock);

  // At the end of an iteration. Asks the device if it was not asked in the last 50 ms: that takes up to milliseconds,
  // and the device idles meanwhile.
  void Sample();

  // Asks once more and fills the telemetry fields of the result; none where the device does not tell.
  void Finish(v1::BenchmarkResult& result);

 private:
  std::optional<DeviceTelemetry> Ask();
  void Add(const DeviceTelemetry& sample);

  const Backend& backend_;
  const Clock& clock_;
  int64_t asked_ns_ = 0;
  std::optional<DeviceTelemetry> before_;
  std::optional<double> sm_clock_min_hertz_, temperature_max_celsius_, power_max_watts_;
  bool reasons_known_ = false;
  std::array<bool, kThrottleReasons.size()> reasons_ = {};  // Seen.
};

}  // namespace metronome

#endif  // METRONOME_SERVER_BENCHMARK_TELEMETRY_RECORDER_H_
