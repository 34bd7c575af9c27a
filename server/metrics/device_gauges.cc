#include "server/metrics/device_gauges.h"

#include <algorithm>
#include <string>
#include <utility>

namespace metronome::server {
namespace {

prometheus::MetricFamily Gauge(const char* name, const char* help) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = prometheus::MetricType::Gauge;
  return family;
}

void AddValue(std::vector<prometheus::ClientMetric::Label> labels, double value, prometheus::MetricFamily& family) {
  prometheus::ClientMetric metric;
  metric.label = std::move(labels);
  metric.gauge.value = value;
  family.metric.push_back(std::move(metric));
}

}  // namespace

void DeviceGauges::SetDevice(const kernels::Backend* backend) {
  absl::MutexLock lock(&mutex_);
  backend_ = backend;
}

std::vector<prometheus::MetricFamily> DeviceGauges::Collect() const {
  absl::MutexLock lock(&mutex_);
  if (backend_ == nullptr) return {};
  const absl::StatusOr<kernels::DeviceTelemetry> telemetry = backend_->Telemetry();
  if (!telemetry.ok()) return {};
  std::vector<prometheus::MetricFamily> families;
  const auto add = [&](const char* name, const char* help, const std::optional<double>& value) {
    if (!value.has_value()) return;
    AddValue({}, *value, families.emplace_back(Gauge(name, help)));
  };
  add("metronome_gpu_sm_clock_hertz", "Clock of the multiprocessors", telemetry->sm_clock_hertz);
  add("metronome_gpu_memory_clock_hertz", "Clock of the memory", telemetry->memory_clock_hertz);
  add("metronome_gpu_temperature_celsius", "Temperature of the GPU", telemetry->temperature_celsius);
  add("metronome_gpu_power_watts", "Power that the board draws", telemetry->power_watts);
  if (!telemetry->throttle_reasons.has_value()) return families;
  prometheus::MetricFamily& throttled = families.emplace_back(
      Gauge("metronome_gpu_throttled", "1 while clocks are lower than they could be for this reason"));
  const std::vector<absl::string_view>& reasons = *telemetry->throttle_reasons;
  for (const absl::string_view reason : kernels::kThrottleReasons) {
    const bool now = std::find(reasons.begin(), reasons.end(), reason) != reasons.end();
    AddValue({{"reason", std::string(reason)}}, now ? 1 : 0, throttled);
  }
  return families;
}

}  // namespace metronome::server
