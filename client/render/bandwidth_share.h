#ifndef METRONOME_CLIENT_RENDER_BANDWIDTH_SHARE_H_
#define METRONOME_CLIENT_RENDER_BANDWIDTH_SHARE_H_

#include <string>

#include "metronome/v1/benchmark.pb.h"

namespace metronome::client {

// "76%"; "~76%" where the plain reads before and after the measurement differ by more than a tenth of the smaller, so
// that the share is a guess; "-" for 0, which was not measured.
std::string FormatBandwidthShare(const v1::BenchmarkResult& result, double share);

}  // namespace metronome::client

#endif  // METRONOME_CLIENT_RENDER_BANDWIDTH_SHARE_H_
