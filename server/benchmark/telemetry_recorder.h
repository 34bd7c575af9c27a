#ifndef METRONOME_SERVER_BENCHMARK_TELEMETRY_RECORDER_H_
#define METRONOME_SERVER_BENCHMARK_TELEMETRY_RECORDER_H_

#include <array>
#include <cstdint>
#include <optional>

#include "kernels/base/clock.h"
#include "kernels/interface/backend.h"
#include "metronome/v1/benchmark.pb.h"

namespace metronome::server {

// What the device says of itself from construction, just before what is measured, to Finish, just after. It is asked
// between measured iterations alone, so that it disturbs none. Not thread-safe.
class TelemetryRecorder {
 public:
  TelemetryRecorder(const kernels::Backend& backend, const Clock& clock);

  // At the end of an iteration. Asks the device if it was not asked in the last 50 ms: that takes up to milliseconds,
  // and the device idles meanwhile.
  void Sample();

  // Asks once more and fills the telemetry fields of the result; none where the device does not tell.
  void Finish(v1::BenchmarkResult& result);

 private:
  std::optional<kernels::DeviceTelemetry> Ask();
  void Add(const kernels::DeviceTelemetry& sample);

  const kernels::Backend& backend_;
  const Clock& clock_;
  int64_t asked_ns_ = 0;
  std::optional<kernels::DeviceTelemetry> before_;
  std::optional<double> sm_clock_min_hertz_, temperature_max_celsius_, power_max_watts_;
  bool reasons_known_ = false;
  std::array<bool, kernels::kThrottleReasons.size()> reasons_ = {};  // Seen.
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_BENCHMARK_TELEMETRY_RECORDER_H_
