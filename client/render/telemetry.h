#ifndef METRONOME_CLIENT_RENDER_TELEMETRY_H_
#define METRONOME_CLIENT_RENDER_TELEMETRY_H_

#include <string>

#include "metronome/v1/benchmark.pb.h"

namespace metronome::client {

// "SM clock 1.76 of 1.98 GHz, memory clock 3.20 of 3.20 GHz, 61 °C, 612 of 700 W, 37% busy, throttled: sw_power_cap".
// What is not known is left out; empty when nothing is.
std::string FormatTelemetry(const v1::DeviceTelemetry& telemetry);

// Under what a result was measured: "SM clock from 1.41 GHz (1.98 before, 1.75 after, 1.98 at most), up to 71 °C, up to
// 698 W (limit 700), throttled: sw_power_cap". Likewise.
std::string FormatConditions(const v1::BenchmarkResult& result);

}  // namespace metronome::client

#endif  // METRONOME_CLIENT_RENDER_TELEMETRY_H_
