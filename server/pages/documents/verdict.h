#ifndef METRONOME_SERVER_PAGES_DOCUMENTS_VERDICT_H_
#define METRONOME_SERVER_PAGES_DOCUMENTS_VERDICT_H_

#include <cstddef>
#include <optional>
#include <string>

#include "absl/types/span.h"
#include "runtime/statistics/sample/interval.h"

namespace metronome::pages {

// Iterations below which a comparison has no verdict.
inline constexpr int64_t kFewestIterations = 9;

// Two sets of times beside each other.
struct Verdict {
  std::string name;                              // "faster", "slower", "unchanged" or "inconclusive".
  std::string reason;                            // A clause.
  double ratio = 0;                              // How many times as fast as the other.
  std::optional<statistics::Interval> interval;  // Of the ratio, 95%; absent where there are too few times.
};

// How `times` compare with `others`, whose medians are positive. Differences of less than a hundredth are none.
Verdict Compare(absl::Span<const double> times, absl::Span<const double> others);

}  // namespace metronome::pages

#endif  // METRONOME_SERVER_PAGES_DOCUMENTS_VERDICT_H_
