#ifndef METRONOME_RUNTIME_STATISTICS_CHECKS_H_
#define METRONOME_RUNTIME_STATISTICS_CHECKS_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace metronome::statistics {

// InvalidArgument where `values` are fewer than `least`, or one of them is not finite. `name` says in the message whose
// they are.
absl::Status CheckValues(absl::string_view name, absl::Span<const double> values, size_t least);

// The same, and InvalidArgument where one is not positive, as times are.
absl::Status CheckPositive(absl::string_view name, absl::Span<const double> values, size_t least);

// InvalidArgument where `value` is not strictly between 0 and 1.
absl::Status CheckProbability(absl::string_view name, double value);

}  // namespace metronome::statistics

#endif  // METRONOME_RUNTIME_STATISTICS_CHECKS_H_
