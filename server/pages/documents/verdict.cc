#include "server/pages/documents/verdict.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "runtime/statistics/sample/bootstrap.h"
#include "runtime/statistics/sample/quantile.h"

namespace metronome::pages {
namespace {

constexpr double kSmallest = 0.01;

}  // namespace

Verdict Compare(absl::Span<const double> times, absl::Span<const double> others) {
  Verdict verdict;
  const auto median = [](absl::Span<const double> values) {
    return statistics::Median({values.begin(), values.end()});
  };
  verdict.ratio = median(others) / median(times);
  if (const auto interval = statistics::BootstrapRatio(times, others); interval.ok()) verdict.interval = *interval;
  const auto fewest = static_cast<int64_t>(std::min(times.size(), others.size()));
  if (fewest < kFewestIterations || !verdict.interval.has_value()) {
    verdict.name = "inconclusive";
    verdict.reason = absl::StrCat("a verdict needs ", kFewestIterations, " iterations of each, and one has ", fewest);
    return verdict;
  }
  const auto [low, high] = *verdict.interval;
  if (low > 1 + kSmallest) {
    verdict.name = "faster";
    verdict.reason = "the whole interval is more than a hundredth faster";
  } else if (high < 1 - kSmallest) {
    verdict.name = "slower";
    verdict.reason = "the whole interval is more than a hundredth slower";
  } else if (low >= 1 - kSmallest && high <= 1 + kSmallest) {
    verdict.name = "unchanged";
    verdict.reason = "the whole interval is within a hundredth";
  } else {
    verdict.name = "inconclusive";
    verdict.reason = "the interval reaches from a difference that counts to one that does not";
  }
  return verdict;
}

}  // namespace metronome::pages
