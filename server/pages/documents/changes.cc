#include "server/pages/documents/changes.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>

#include "runtime/statistics/change_points.h"
#include "runtime/statistics/sample/quantile.h"
#include "server/pages/numbers.h"

namespace metronome::pages {
namespace {

using Json = nlohmann::json;

constexpr int kSearched[] = {0, 1};     // Of History::kMetricNames: TPOT and TTFT.
constexpr double kSmallest = 0.01;      // Changes of less are not worth a look.
constexpr double kSignificance = 0.02;  // With 99 permutations, at most one of which may reach as far.
constexpr int kPermutations = 99;
// Values that all series together may have searched, and one of them.
// Changes that a series may have at most, so that one which drifts all the time takes no longer than others.
constexpr size_t kMostChanges = 60;
constexpr size_t kValues = 60000, kFewest = 100, kMost = 400;

struct Values {
  std::vector<double> values;
  std::vector<int> runs;
};

Values NewestOf(const History::Series& series, int metric, size_t most) {
  Values newest;
  for (const History::Entry& entry : series.entries) {
    if (const double value = entry.values[metric]; std::isfinite(value)) {
      newest.values.push_back(value);
      newest.runs.push_back(entry.run);
    }
  }
  const auto extra = static_cast<ptrdiff_t>(newest.values.size() - std::min(newest.values.size(), most));
  newest.values.erase(newest.values.begin(), newest.values.begin() + extra);
  newest.runs.erase(newest.runs.begin(), newest.runs.begin() + extra);
  return newest;
}

Json ChangesOf(const History::Series& series, int place, int metric, size_t most) {
  Json changes = Json::array();
  const auto [values, runs] = NewestOf(series, metric, most);
  const auto found =
      statistics::FindChangePoints(values, {.significance = kSignificance,
                                            .shortest = std::max<size_t>(3, values.size() / kMostChanges),
                                            .permutations = kPermutations,
                                            .seed = 1});
  if (!found.ok()) return changes;
  size_t begin = 0;
  for (size_t i = 0; i < found->size(); ++i) {
    const size_t at = (*found)[i].index, end = i + 1 < found->size() ? (*found)[i + 1].index : values.size();
    const double before = statistics::Median(
        {values.begin() + static_cast<ptrdiff_t>(begin), values.begin() + static_cast<ptrdiff_t>(at)});
    const double after =
        statistics::Median({values.begin() + static_cast<ptrdiff_t>(at), values.begin() + static_cast<ptrdiff_t>(end)});
    begin = at;
    if (before <= 0 || std::abs(after / before - 1) < kSmallest) continue;
    changes.push_back({{"series", place},
                       {"metric", History::kMetricNames[metric]},
                       {"before_run", runs[at - 1]},
                       {"after_run", runs[at]},
                       {"before", Rounded(before, 6)},
                       {"after", Rounded(after, 6)},
                       {"ratio", Rounded(after / before, 6)},
                       {"p_value", (*found)[i].p_value}});
  }
  return changes;
}

}  // namespace

nlohmann::json Changes(const std::vector<History::Series>& series) {
  const size_t most = std::clamp(kValues / std::max<size_t>(series.size() * std::size(kSearched), 1), kFewest, kMost);
  std::vector<Json> of_series(series.size(), Json::array());
  std::atomic<size_t> next{0};
  const auto work = [&] {
    for (size_t i = next++; i < series.size(); i = next++) {
      for (const int metric : kSearched) {
        for (Json& change : ChangesOf(series[i], static_cast<int>(i), metric, most)) of_series[i].push_back(change);
      }
    }
  };
  std::vector<std::thread> others;
  const size_t threads = std::min<size_t>({std::thread::hardware_concurrency(), 8, series.size() / 8 + 1});
  for (size_t i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  for (std::thread& other : others) other.join();
  Json changes = Json::array();
  for (Json& some : of_series) changes.insert(changes.end(), some.begin(), some.end());
  return changes;
}

}  // namespace metronome::pages
