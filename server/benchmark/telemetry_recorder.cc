#include "server/benchmark/telemetry_recorder.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "absl/strings/str_join.h"
#include "server/service/messages.h"

namespace metronome::server {
namespace {

constexpr int64_t kIntervalNs = 50'000'000;

// Makes `extreme` the one of both that `better` prefers, or the one there is.
template <typename Better>
void Keep(const std::optional<double>& value, std::optional<double>& extreme, Better better) {
  if (value.has_value() && (!extreme.has_value() || better(*value, *extreme))) extreme = value;
}

}  // namespace

TelemetryRecorder::TelemetryRecorder(const kernels::Backend& backend, const Clock& clock)
    : backend_(backend), clock_(clock), before_(Ask()) {
  if (!before_.has_value()) return;
  Add(*before_);
  sm_clock_min_hertz_.reset();  // Of a device that may have idled.
}

std::optional<kernels::DeviceTelemetry> TelemetryRecorder::Ask() {
  asked_ns_ = clock_.MonotonicNs();
  absl::StatusOr<kernels::DeviceTelemetry> telemetry = backend_.Telemetry();
  return telemetry.ok() ? std::make_optional(*std::move(telemetry)) : std::nullopt;
}

void TelemetryRecorder::Add(const kernels::DeviceTelemetry& sample) {
  Keep(sample.sm_clock_hertz, sm_clock_min_hertz_, std::less<double>());
  Keep(sample.temperature_celsius, temperature_max_celsius_, std::greater<double>());
  Keep(sample.power_watts, power_max_watts_, std::greater<double>());
  if (!sample.throttle_reasons.has_value()) return;
  reasons_known_ = true;
  for (size_t i = 0; i < kernels::kThrottleReasons.size(); ++i)
    reasons_[i] = reasons_[i] || std::count(sample.throttle_reasons->begin(), sample.throttle_reasons->end(),
                                            kernels::kThrottleReasons[i]) != 0;
}

void TelemetryRecorder::Sample() {
  if (!before_.has_value() || clock_.MonotonicNs() - asked_ns_ < kIntervalNs) return;
  if (const std::optional<kernels::DeviceTelemetry> sample = Ask(); sample.has_value()) Add(*sample);
}

void TelemetryRecorder::Finish(v1::BenchmarkResult& result) {
  if (!before_.has_value()) return;
  *result.mutable_telemetry_before() = ToDeviceTelemetry(*before_);
  if (const std::optional<kernels::DeviceTelemetry> after = Ask(); after.has_value()) {
    Add(*after);
    *result.mutable_telemetry_after() = ToDeviceTelemetry(*after);
  }
  if (sm_clock_min_hertz_.has_value()) result.set_sm_clock_min_hertz(*sm_clock_min_hertz_);
  if (temperature_max_celsius_.has_value()) result.set_temperature_max_celsius(*temperature_max_celsius_);
  if (power_max_watts_.has_value()) result.set_power_max_watts(*power_max_watts_);
  if (!reasons_known_) return;
  std::vector<absl::string_view> seen;
  for (size_t i = 0; i < kernels::kThrottleReasons.size(); ++i) {
    if (reasons_[i]) seen.push_back(kernels::kThrottleReasons[i]);
  }
  result.set_throttle_reasons(absl::StrJoin(seen, ","));
}

}  // namespace metronome::server
