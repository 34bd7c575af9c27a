#include "compiler/search/search.h"

#include <algorithm>
#include <array>
#include <utility>

namespace metronome::compiler {
namespace {

constexpr std::array<absl::string_view, 4> kRejectionNames = {"build", "resource", "numeric", "timeout"};
// Mutations in a row that may lead nowhere new before the space counts as exhausted.
constexpr int kMaxBarren = 200;

}  // namespace

absl::string_view Name(Rejection rejection) { return kRejectionNames[static_cast<size_t>(rejection)]; }

Search::Search(const SearchSpace& space, Candidate start, Graph graph, const SearchOptions& options)
    : space_(space), options_(options), random_(options.seed), incumbent_{std::move(start), std::move(graph), 1} {
  seen_.insert(incumbent_.graph.ToString());
  best_.push_back(incumbent_);
}

std::optional<Trial> Search::Next() {
  if (tried_ >= options_.budget) return std::nullopt;
  for (int barren = 0; barren < kMaxBarren; ++barren) {
    // Half of the trials start from the incumbent, the others from any of the best.
    const bool from_any = random_() % 2 == 0;
    const Ranked& parent = from_any ? best_[random_() % best_.size()] : incumbent_;
    Candidate candidate = space_.Mutate(parent.candidate, random_);
    if (random_() % 3 == 0) candidate = space_.Mutate(candidate, random_);
    absl::StatusOr<Graph> graph = space_.Build(candidate);
    if (!graph.ok() || !seen_.insert(graph->ToString()).second) continue;
    return Trial{.number = ++tried_, .candidate = std::move(candidate), .graph = *std::move(graph)};
  }
  return std::nullopt;
}

void Search::Report(const Trial& trial, Measurement measurement) {
  LogEntry entry = {.number = trial.number, .measurement = std::move(measurement)};
  const Measurement& measured = entry.measurement;
  if (!measured.rejection.has_value() && measured.incumbent_ns > 0) {
    const double ratio = measured.candidate_ns / measured.incumbent_ns;
    entry.score = incumbent_.score * ratio;
    entry.accepted = ratio < 1 - options_.least_gain;
    const Ranked ranked = {trial.candidate, trial.graph, entry.score};
    if (entry.accepted) incumbent_ = ranked;
    const auto at = std::upper_bound(best_.begin(), best_.end(), ranked.score,
                                     [](double score, const Ranked& other) { return score < other.score; });
    best_.insert(at, ranked);
    if (static_cast<int64_t>(best_.size()) > std::max<int64_t>(1, options_.keep_best)) best_.pop_back();
  }
  log_.push_back(std::move(entry));
}

}  // namespace metronome::compiler
