#ifndef METRONOME_RUNTIME_STATISTICS_COMPARISON_FALSE_DISCOVERY_H_
#define METRONOME_RUNTIME_STATISTICS_COMPARISON_FALSE_DISCOVERY_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace metronome::statistics {

// p-values adjusted for being several (Benjamini and Hochberg 1995), in the order given: of those that are at most q, a
// share of q is expected to be false alarms. InvalidArgument for a value outside [0, 1]. None gives none.
absl::StatusOr<std::vector<double>> BenjaminiHochberg(absl::Span<const double> p_values);

}  // namespace metronome::statistics

#endif  // METRONOME_RUNTIME_STATISTICS_COMPARISON_FALSE_DISCOVERY_H_
