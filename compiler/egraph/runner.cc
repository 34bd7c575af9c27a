#include "compiler/egraph/runner.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"

namespace metronome::compiler {
namespace {

constexpr std::array<absl::string_view, 4> kReasonNames = {"saturated", "iteration limit", "node limit", "time limit"};

class Runner {
 public:
  Runner(EGraph& egraph, const RewriteList& rules, const RunnerOptions& options, const Clock& clock)
      : egraph_(egraph), rules_(rules), options_(options), clock_(clock), banned_until_(rules.size(), 0) {
    for (const auto& rule : rules) report_.rules.push_back({.name = std::string(rule->name())});
  }

  absl::StatusOr<RunReport> Run() {
    start_ns_ = clock_.MonotonicNs();
    egraph_.Rebuild();
    while (!Finished()) {
      ASSIGN_OR_RETURN(const bool changed, Iterate());
      if (!egraph_.status().ok()) return egraph_.status();
      ++report_.iterations;
      if (changed || AnyBanned()) continue;
      report_.stop = StopReason::kSaturated;
      break;
    }
    report_.nodes = egraph_.node_count();
    report_.classes = static_cast<int64_t>(egraph_.Classes().size());
    report_.elapsed_ns = clock_.MonotonicNs() - start_ns_;
    return std::move(report_);
  }

 private:
  bool Finished() {
    if (report_.iterations >= options_.max_iterations) {
      report_.stop = StopReason::kIterationLimit;
    } else if (egraph_.node_count() >= options_.max_nodes) {
      report_.stop = StopReason::kNodeLimit;
    } else if (clock_.MonotonicNs() - start_ns_ >= options_.max_ns) {
      report_.stop = StopReason::kTimeLimit;
    } else {
      return false;
    }
    return true;
  }

  bool AnyBanned() const {
    for (int until : banned_until_) {
      if (until > report_.iterations) return true;
    }
    return false;
  }

  absl::Status CheckToken() {
    const int64_t begin_ns = clock_.MonotonicNs();
    const absl::Status status = options_.token->Check();
    start_ns_ += clock_.MonotonicNs() - begin_ns;
    return status;
  }

  absl::StatusOr<bool> Iterate() {
    std::vector<std::vector<RewriteMatch>> found(rules_.size());
    for (size_t i = 0; i < rules_.size(); ++i) {
      RETURN_IF_ERROR(CheckToken());
      if (banned_until_[i] <= report_.iterations) found[i] = Search(i);
    }
    bool changed = false;
    for (size_t i = 0; i < rules_.size(); ++i) {
      RETURN_IF_ERROR(CheckToken());
      changed = Apply(i, found[i]) || changed;
    }
    egraph_.Rebuild();
    return changed;
  }

  std::vector<RewriteMatch> Search(size_t index) {
    RuleStatistics& statistics = report_.rules[index];
    const size_t limit = options_.match_limit << statistics.bans;
    const int64_t begin_ns = clock_.MonotonicNs();
    std::vector<RewriteMatch> matches = rules_[index]->Search(egraph_, limit + 1);
    statistics.search_ns += clock_.MonotonicNs() - begin_ns;
    if (matches.size() > limit) {
      // The current iteration counts as the first one sat out.
      banned_until_[index] = report_.iterations + 1 + (options_.ban_iterations << statistics.bans);
      ++statistics.bans;
      matches.clear();
    }
    statistics.matches += static_cast<int64_t>(matches.size());
    return matches;
  }

  bool Apply(size_t index, const std::vector<RewriteMatch>& matches) {
    RuleStatistics& statistics = report_.rules[index];
    const int64_t begin_ns = clock_.MonotonicNs();
    bool changed = false;
    for (const RewriteMatch& match : matches) {
      switch (rules_[index]->Apply(egraph_, match)) {
        case ApplyOutcome::kChanged:
          ++statistics.applied;
          changed = true;
          break;
        case ApplyOutcome::kUnchanged:
          break;
        case ApplyOutcome::kDeclined:
          ++statistics.declined;
          break;
      }
    }
    statistics.apply_ns += clock_.MonotonicNs() - begin_ns;
    return changed;
  }

  EGraph& egraph_;
  const RewriteList& rules_;
  const RunnerOptions& options_;
  const Clock& clock_;
  std::vector<int> banned_until_;  // The iteration from which the rule is searched again.
  int64_t start_ns_ = 0;
  RunReport report_;
};

}  // namespace

absl::string_view Name(StopReason reason) { return kReasonNames[static_cast<size_t>(reason)]; }

absl::StatusOr<RunReport> Saturate(EGraph& egraph, const RewriteList& rules, const RunnerOptions& options,
                                   const Clock& clock) {
  return Runner(egraph, rules, options, clock).Run();
}

}  // namespace metronome::compiler
