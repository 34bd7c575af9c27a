#ifndef METRONOME_COMPILER_SEARCH_SEARCH_H_
#define METRONOME_COMPILER_SEARCH_SEARCH_H_

#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "compiler/ir/graph.h"
#include "compiler/search/search_space.h"

namespace metronome::compiler {

struct SearchOptions {
  int64_t budget = 1;  // Candidates to time besides the default.
  uint64_t seed = 0;
  int64_t keep_best = 3;  // Candidates that new ones are bred from.
  // A candidate must be this much faster than the incumbent to take its place: less is noise.
  double least_gain = 0.01;
};

// Why a candidate was not timed to the end.
enum class Rejection : uint8_t {
  kBuild,     // It could not be lowered or bound, or a kernel failed.
  kResource,  // Memory did not suffice.
  kNumeric,   // Its results differ from the reference.
  kTimeout,   // Its first run took far longer than the incumbent's.
};

absl::string_view Name(Rejection rejection);  // "build", "resource", ...

struct Measurement {
  std::optional<Rejection> rejection;
  std::string detail;       // Of a rejection.
  double candidate_ns = 0;  // Medians of runs that took turns.
  double incumbent_ns = 0;
};

struct Trial {
  int64_t number = 0;  // From 1.
  Candidate candidate;
  Graph graph;
};

// Hill climbing from the default form over a search space, one trial at a time: the caller asks for the next, measures
// it against incumbent() however it likes, and reports. Which candidates come next depends on the seed and the reports
// alone. No form is tried twice.
class Search {
 public:
  struct LogEntry {
    int64_t number = 0;
    Measurement measurement;
    bool accepted = false;
    double score = 0;  // Time as a fraction of the default's.
  };

  // `start` must build. `space` must outlive the search.
  Search(const SearchSpace& space, Candidate start, Graph graph, const SearchOptions& options);

  // Nothing once the budget is spent or nothing new was found.
  std::optional<Trial> Next();
  // The outcome of the trial that Next gave last.
  void Report(const Trial& trial, Measurement measurement);

  const Graph& incumbent() const { return incumbent_.graph; }
  const Candidate& incumbent_candidate() const { return incumbent_.candidate; }
  const std::vector<LogEntry>& log() const { return log_; }

 private:
  struct Ranked {
    Candidate candidate;
    Graph graph;
    double score = 1;  // As in the log.
  };

  const SearchSpace& space_;
  SearchOptions options_;
  std::mt19937_64 random_;
  Ranked incumbent_;
  std::vector<Ranked> best_;  // By score, the incumbent included.
  std::set<std::string> seen_;
  std::vector<LogEntry> log_;
  int64_t tried_ = 0;
};

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_SEARCH_SEARCH_H_
