#include "runtime/statistics/checks.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"

namespace metronome::statistics {

absl::Status CheckValues(absl::string_view name, absl::Span<const double> values, size_t least) {
  if (values.size() < least) {
    return absl::InvalidArgumentError(absl::StrCat(name, " has ", values.size(), " values, fewer than ", least));
  }
  for (size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) return absl::InvalidArgumentError(absl::StrCat(name, "[", i, "] is ", values[i]));
  }
  return absl::OkStatus();
}

absl::Status CheckPositive(absl::string_view name, absl::Span<const double> values, size_t least) {
  RETURN_IF_ERROR(CheckValues(name, values, least));
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] <= 0)
      return absl::InvalidArgumentError(absl::StrCat(name, "[", i, "] is ", values[i], ", not positive"));
  }
  return absl::OkStatus();
}

absl::Status CheckProbability(absl::string_view name, double value) {
  if (value > 0 && value < 1) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " is ", value, ", not between 0 and 1"));
}

}  // namespace metronome::statistics
