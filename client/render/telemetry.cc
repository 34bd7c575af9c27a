#include "client/render/telemetry.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace metronome::client {
namespace {

std::string Gigahertz(double hertz) { return absl::StrFormat("%.2f", hertz * 1e-9); }

// " of 1.98" where the most is known.
std::string Of(bool known, const std::string& most) { return known ? absl::StrCat(" of ", most) : ""; }

std::string Throttling(const std::string& reasons) {
  return reasons.empty() ? "not throttled" : absl::StrCat("throttled: ", absl::StrReplaceAll(reasons, {{",", ", "}}));
}

}  // namespace

std::string FormatTelemetry(const v1::DeviceTelemetry& telemetry) {
  std::vector<std::string> parts;
  if (telemetry.has_sm_clock_hertz()) {
    parts.push_back(absl::StrCat("SM clock ", Gigahertz(telemetry.sm_clock_hertz()),
                                 Of(telemetry.has_sm_clock_max_hertz(), Gigahertz(telemetry.sm_clock_max_hertz())),
                                 " GHz"));
  }
  if (telemetry.has_memory_clock_hertz()) {
    parts.push_back(absl::StrCat(
        "memory clock ", Gigahertz(telemetry.memory_clock_hertz()),
        Of(telemetry.has_memory_clock_max_hertz(), Gigahertz(telemetry.memory_clock_max_hertz())), " GHz"));
  }
  if (telemetry.has_temperature_celsius()) parts.push_back(absl::StrFormat("%.0f °C", telemetry.temperature_celsius()));
  if (telemetry.has_power_watts()) {
    parts.push_back(
        absl::StrFormat("%.0f%s W", telemetry.power_watts(),
                        Of(telemetry.has_power_limit_watts(), absl::StrFormat("%.0f", telemetry.power_limit_watts()))));
  }
  if (telemetry.has_utilisation()) parts.push_back(absl::StrFormat("%.0f%% busy", 100 * telemetry.utilisation()));
  if (telemetry.has_throttle_reasons()) parts.push_back(Throttling(telemetry.throttle_reasons()));
  return absl::StrJoin(parts, ", ");
}

std::string FormatConditions(const v1::BenchmarkResult& result) {
  const v1::DeviceTelemetry &before = result.telemetry_before(), &after = result.telemetry_after();
  std::vector<std::string> parts;
  if (result.has_sm_clock_min_hertz()) {
    std::vector<std::string> others;
    if (before.has_sm_clock_hertz()) others.push_back(absl::StrCat(Gigahertz(before.sm_clock_hertz()), " before"));
    if (after.has_sm_clock_hertz()) others.push_back(absl::StrCat(Gigahertz(after.sm_clock_hertz()), " after"));
    if (after.has_sm_clock_max_hertz())
      others.push_back(absl::StrCat(Gigahertz(after.sm_clock_max_hertz()), " at most"));
    parts.push_back(absl::StrCat("SM clock from ", Gigahertz(result.sm_clock_min_hertz()), " GHz",
                                 others.empty() ? "" : absl::StrCat(" (", absl::StrJoin(others, ", "), ")")));
  }
  if (result.has_temperature_max_celsius())
    parts.push_back(absl::StrFormat("up to %.0f °C", result.temperature_max_celsius()));
  if (result.has_power_max_watts()) {
    parts.push_back(absl::StrFormat("up to %.0f W", result.power_max_watts()));
    if (after.has_power_limit_watts()) absl::StrAppendFormat(&parts.back(), " (limit %.0f)", after.power_limit_watts());
  }
  if (result.has_throttle_reasons()) parts.push_back(Throttling(result.throttle_reasons()));
  return absl::StrJoin(parts, ", ");
}

}  // namespace metronome::client
