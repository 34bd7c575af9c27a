#include "runtime/statistics/change_points.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/statistics/checks.h"
#include "runtime/statistics/random.h"

namespace metronome::statistics {
namespace {

constexpr size_t kMaxValues = 5000;

// Values that come one by one, and the sum of their distances from any value. The values are known by their place among
// all values sorted; Fenwick's trees count and add those below a place in O(log n).
class Side {
 public:
  explicit Side(size_t places) : counts_(places + 1), sums_(places + 1) {}

  void Add(size_t place, double value) {
    for (size_t i = place + 1; i < counts_.size(); i += i & (~i + 1)) {
      counts_[i] += 1;
      sums_[i] += value;
    }
    count_ += 1;
    sum_ += value;
  }

  double DistanceFrom(size_t place, double value) const {
    double count = 0, sum = 0;  // Of those below.
    for (size_t i = place; i > 0; i -= i & (~i + 1)) {
      count += counts_[i];
      sum += sums_[i];
    }
    return (value * count - sum) + ((sum_ - sum) - value * (count_ - count));
  }

 private:
  std::vector<double> counts_, sums_;
  double count_ = 0, sum_ = 0;
};

struct Split {
  size_t index = 0;
  double q = 0;
};

// The pairs' distances within the values before each index: [i] is of values[0..i).
std::vector<double> DistancesBefore(absl::Span<const double> values, absl::Span<const size_t> places) {
  Side side(values.size());
  std::vector<double> distances = {0};
  for (size_t i = 0; i < values.size(); ++i) {
    distances.push_back(distances.back() + side.DistanceFrom(places[i], values[i]));
    side.Add(places[i], values[i]);
  }
  return distances;
}

std::vector<size_t> PlacesOf(absl::Span<const double> values) {
  std::vector<size_t> order(values.size()), places(values.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  for (size_t i = 0; i < order.size(); ++i) places[order[i]] = i;
  return places;
}

double Pairs(double n) { return n * (n - 1) / 2; }

// The split of `values` with the largest q, the first of equal ones; none where they are too few.
std::optional<Split> BestSplit(absl::Span<const double> values, size_t shortest) {
  if (values.size() < 2 * shortest) return std::nullopt;
  std::vector<double> reversed(values.rbegin(), values.rend());
  const std::vector<size_t> places = PlacesOf(values);
  const std::vector<size_t> reversed_places(places.rbegin(), places.rend());
  const std::vector<double> before = DistancesBefore(values, places);
  const std::vector<double> after = DistancesBefore(reversed, reversed_places);
  const auto total = static_cast<double>(values.size());
  std::optional<Split> best;
  for (size_t at = shortest; at + shortest <= values.size(); ++at) {
    const auto n = static_cast<double>(at), m = total - n;
    const double within_left = before[at], within_right = after[values.size() - at];
    const double between = before.back() - within_left - within_right;
    const double energy = 2 / (n * m) * between - within_left / Pairs(n) - within_right / Pairs(m);
    const double q = n * m / total * energy;
    if (!best.has_value() || q > best->q) best = Split{at, q};
  }
  return best;
}

class Divisive {
 public:
  Divisive(absl::Span<const double> values, const ChangePointOptions& options)
      : values_(values.begin(), values.end()), options_(options), random_(options.seed) {
    segments_.push_back({0, values_.size(), BestSplit(values_, options.shortest)});
  }

  std::vector<ChangePoint> Find() {
    std::vector<ChangePoint> changes;
    for (;;) {
      const auto best = std::max_element(segments_.begin(), segments_.end(), [](const Segment& a, const Segment& b) {
        return Height(a.split) < Height(b.split);
      });
      if (!best->split.has_value() || best->split->q <= 0) break;
      const double p_value = PValue(best->split->q);
      if (p_value > options_.significance) break;
      const size_t index = best->begin + best->split->index;
      changes.push_back({.index = index, .p_value = p_value, .q = best->split->q});
      const size_t end = best->end;
      *best = SegmentOf(best->begin, index);
      segments_.push_back(SegmentOf(index, end));
    }
    std::sort(changes.begin(), changes.end(),
              [](const ChangePoint& a, const ChangePoint& b) { return a.index < b.index; });
    return changes;
  }

 private:
  struct Segment {
    size_t begin = 0, end = 0;
    std::optional<Split> split;
  };

  static double Height(const std::optional<Split>& split) { return split.has_value() ? split->q : -1; }

  Segment SegmentOf(size_t begin, size_t end) const {
    return {begin, end, BestSplit(absl::MakeConstSpan(values_).subspan(begin, end - begin), options_.shortest)};
  }

  // The share of shuffles of all segments that reach `q` somewhere. One that is certain to exceed the significance is
  // not counted to its end.
  double PValue(double q) {
    const double shuffles = options_.permutations + 1;
    double reached = 1;
    std::vector<double> shuffled;
    for (int i = 0; i < options_.permutations && reached <= options_.significance * shuffles; ++i) {
      double highest = 0;
      for (const Segment& segment : segments_) {
        shuffled.assign(values_.begin() + static_cast<std::ptrdiff_t>(segment.begin),
                        values_.begin() + static_cast<std::ptrdiff_t>(segment.end));
        random_.Shuffle(absl::MakeSpan(shuffled));
        highest = std::max(highest, Height(BestSplit(shuffled, options_.shortest)));
      }
      if (highest >= q) ++reached;
    }
    return reached / shuffles;
  }

  const std::vector<double> values_;
  const ChangePointOptions& options_;
  Random random_;
  std::vector<Segment> segments_;
};

}  // namespace

absl::StatusOr<std::vector<ChangePoint>> FindChangePoints(absl::Span<const double> values,
                                                          const ChangePointOptions& options) {
  RETURN_IF_ERROR(CheckValues("the series", values, 0));
  RETURN_IF_ERROR(CheckProbability("significance", options.significance));
  if (values.size() > kMaxValues)
    return absl::InvalidArgumentError(
        absl::StrCat("the series has ", values.size(), " values, more than ", kMaxValues));
  if (options.shortest < 2 || options.shortest > 1000)
    return absl::InvalidArgumentError(absl::StrCat("shortest is ", options.shortest, ", not in [2, 1000]"));
  if (options.permutations < 19 || options.permutations > 100000)
    return absl::InvalidArgumentError(absl::StrCat("permutations is ", options.permutations, ", not in [19, 100000]"));
  if (values.empty()) return std::vector<ChangePoint>();
  return Divisive(values, options).Find();
}

}  // namespace metronome::statistics
