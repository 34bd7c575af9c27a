#ifndef METRONOME_KERNELS_INTERFACE_DEVICE_TELEMETRY_H_
#define METRONOME_KERNELS_INTERFACE_DEVICE_TELEMETRY_H_

#include <array>
#include <optional>
#include <vector>

#include "absl/strings/string_view.h"

namespace metronome::kernels {

// Why a device may run slower than its clocks allow, in the words of NVIDIA's driver. A device that idles or was set to
// lower clocks is not throttled.
inline constexpr std::array<absl::string_view, 6> kThrottleReasons = {
    "sw_power_cap",             // Its power limit.
    "hw_slowdown",              // Hardware; one of those below says more where the device knows.
    "sync_boost",               // Others of its group are slower.
    "sw_thermal_slowdown",      // Temperature, as the driver sees it.
    "hw_thermal_slowdown",      // Temperature, by hardware.
    "hw_power_brake_slowdown",  // A signal from outside, say of the power supply.
};

// What a device says of itself at one moment. Absent: not known.
struct DeviceTelemetry {
  std::optional<double> sm_clock_hertz;
  std::optional<double> memory_clock_hertz;
  std::optional<double> sm_clock_max_hertz;
  std::optional<double> memory_clock_max_hertz;
  std::optional<double> temperature_celsius;
  std::optional<double> power_watts;
  std::optional<double> power_limit_watts;                         // In force.
  std::optional<double> utilisation;                               // Share of the last sample's time with a kernel.
  std::optional<std::vector<absl::string_view>> throttle_reasons;  // In the order of kThrottleReasons.
};

}  // namespace metronome::kernels

#endif  // METRONOME_KERNELS_INTERFACE_DEVICE_TELEMETRY_H_
