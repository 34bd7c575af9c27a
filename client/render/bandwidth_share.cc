#include "client/render/bandwidth_share.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace metronome::client {

std::string FormatBandwidthShare(const v1::BenchmarkResult& result, double share) {
  if (share == 0) return "-";
  const double before = result.bandwidth_before_bytes_per_second(), after = result.bandwidth_after_bytes_per_second();
  const bool moved = before > 0 && after > 0 && std::max(before, after) > 1.1 * std::min(before, after);
  return absl::StrFormat("%s%.0f%%", moved ? "~" : "", 100 * share);
}

}  // namespace metronome::client
