#include "runtime/statistics/comparison/shift.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/base/casts.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/statistics/checks.h"
#include "runtime/statistics/distributions.h"

namespace metronome::statistics {
namespace {

// Doubles in their order as integers, so that halving finds one of them exactly.
int64_t ToOrdered(double value) {
  const auto bits = absl::bit_cast<int64_t>(value);
  return bits >= 0 ? bits : std::numeric_limits<int64_t>::min() - bits;
}
double FromOrdered(int64_t ordered) {
  return absl::bit_cast<double>(ordered >= 0 ? ordered : std::numeric_limits<int64_t>::min() - ordered);
}

// All differences b[j] - a[i], never written down.
class Differences {
 public:
  Differences(absl::Span<const double> a, absl::Span<const double> b) : a_(a.begin(), a.end()), b_(b.begin(), b.end()) {
    std::sort(a_.begin(), a_.end());
    std::sort(b_.begin(), b_.end());
  }

  double count() const { return static_cast<double>(a_.size()) * static_cast<double>(b_.size()); }

  // The one with `rank` smaller ones before it, from 0.
  double At(double rank) const {
    int64_t low = ToOrdered(b_.front() - a_.back()), high = ToOrdered(b_.back() - a_.front());
    while (low < high) {
      const int64_t middle = low + static_cast<int64_t>((static_cast<uint64_t>(high) - static_cast<uint64_t>(low)) / 2);
      if (CountUpTo(FromOrdered(middle)) > rank) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return FromOrdered(low);
  }

 private:
  // A larger a makes every difference smaller, rounded ones too, so that one pass over both finds the border.
  double CountUpTo(double limit) const {
    double count = 0;
    size_t j = 0;
    for (const double a : a_) {
      while (j < b_.size() && b_[j] - a <= limit) ++j;
      count += static_cast<double>(j);
    }
    return count;
  }

  std::vector<double> a_, b_;
};

}  // namespace

absl::StatusOr<Shift> HodgesLehmannShift(absl::Span<const double> a, absl::Span<const double> b, double confidence,
                                         double variance_inflation) {
  RETURN_IF_ERROR(CheckValues("the first sample", a, 1));
  RETURN_IF_ERROR(CheckValues("the second sample", b, 1));
  RETURN_IF_ERROR(CheckProbability("confidence", confidence));
  if (!(variance_inflation >= 1))
    return absl::InvalidArgumentError(absl::StrCat("variance_inflation is ", variance_inflation, ", less than 1"));
  const Differences differences(a, b);
  const double pairs = differences.count(), n = static_cast<double>(a.size()), m = static_cast<double>(b.size());
  const double spread = TwoSidedNormal(confidence) * std::sqrt(variance_inflation * pairs * (n + m + 1) / 12);
  const double edge = std::max(0.0, std::floor(pairs / 2 - spread - 0.5));
  Shift shift;
  shift.estimate = (differences.At(std::floor((pairs - 1) / 2)) + differences.At(std::floor(pairs / 2))) / 2;
  shift.interval = {differences.At(edge), differences.At(pairs - 1 - edge)};
  return shift;
}

}  // namespace metronome::statistics
