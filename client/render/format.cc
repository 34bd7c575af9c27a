#include "client/render/format.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace metronome::client {
namespace {

// Three significant digits without an exponent.
std::string Significant(double value) {
  const double magnitude = std::abs(value);
  return absl::StrFormat("%.*f", magnitude >= 100 ? 0 : magnitude >= 10 ? 1 : magnitude >= 1 ? 2 : 3, value);
}

}  // namespace

std::string FormatBytes(int64_t bytes) {
  double value = static_cast<double>(bytes);
  for (const char* unit : {"B", "kB", "MB", "GB"}) {
    if (std::abs(value) < 1000)
      return absl::StrCat(value == std::floor(value) && *unit == 'B' ? absl::StrCat(bytes) : Significant(value), " ",
                          unit);
    value /= 1000;
  }
  return absl::StrCat(Significant(value), " TB");
}

std::string FormatMilliseconds(double ms) {
  return ms >= 1000 ? absl::StrCat(Significant(ms / 1000), " s") : absl::StrCat(Significant(ms), " ms");
}

std::string FormatRate(double per_second) { return Significant(per_second); }

std::string FormatTime(int64_t unix_micros) {
  return unix_micros == 0
             ? "-"
             : absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixMicros(unix_micros), absl::UTCTimeZone());
}

}  // namespace metronome::client
