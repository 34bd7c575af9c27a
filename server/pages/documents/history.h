#ifndef METRONOME_SERVER_PAGES_DOCUMENTS_HISTORY_H_
#define METRONOME_SERVER_PAGES_DOCUMENTS_HISTORY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "metronome/v1/benchmark.pb.h"
#include "server/pages/live.h"

namespace metronome::pages {

// What somebody wrote beside a date.
struct DatedNote {
  int64_t unix_micros = 0;
  std::string text;
};

struct HistoryOptions {
  std::string title = "History";
  std::vector<DatedNote> notes;
  int64_t now_unix_micros = 0;
  std::optional<Live> live;
};

// Collects runs into the document of a dashboard. Keeps a few numbers of each result, so that a hundred thousand of
// them take some megabytes. Used from one thread.
class History {
 public:
  // With results, whose samples are not needed; in any order of the runs. A run may come in parts.
  void Add(const v1::Run& run);

  // {"kind": "dashboard", "format", "version", "title", "generated_unix_micros",
  //  "runs": [{"run_id", "started_unix_micros", "mode", "state", "note", "branch", "commit", "host", "device",
  //    "not_measured"}], oldest first,
  //  "plans": [hash], "notes": [{"unix_micros", "text"}],
  //  "series": [{"model", "path", "config", "scenario", "tokens", "dtype", "budget", "other", "host", "device",
  //    "run": [place in runs], "result": [id], "tpot_ms": [number or null], "ttft_ms", "search_ms", "share",
  //    "plan": [place in plans]}],
  //  "changes": [{"series": place, "metric", "before_run", "after_run", "before", "after", "ratio", "p_value"}]}
  // A series is what was measured, on which path and which machine; of results of one run that repeat each other the
  // newest counts.
  std::string Document(const HistoryOptions& options) const;

  // What a result has for each metric of a series, NaN where it has none.
  static constexpr int kMetrics = 4;
  static constexpr const char* kMetricNames[kMetrics] = {"tpot_ms", "ttft_ms", "search_ms", "share"};

  struct Entry {
    int run = 0;  // Place in runs_.
    int64_t result = 0;
    int plan = 0;
    double values[kMetrics] = {};
  };
  struct Series {
    v1::BenchmarkResult first;  // What it is of: the first result of the series, without statistics.
    std::string host, device;
    std::vector<Entry> entries;
  };

 private:
  struct RunEntry {
    v1::Run head;  // Without results.
    int not_measured = 0;
  };

  int PlaceOf(const v1::Run& run);
  int PlaceOfPlan(const std::string& hash);
  std::vector<Series> SortedSeries(const std::vector<int>& rank) const;

  std::vector<RunEntry> runs_;
  std::map<std::string, int> run_places_;
  std::vector<std::string> plans_;
  std::map<std::string, int> plan_places_;
  std::map<std::string, Series> series_;
};

}  // namespace metronome::pages

#endif  // METRONOME_SERVER_PAGES_DOCUMENTS_HISTORY_H_
