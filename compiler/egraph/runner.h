#ifndef METRONOME_COMPILER_EGRAPH_RUNNER_H_
#define METRONOME_COMPILER_EGRAPH_RUNNER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/egraph/rewrite.h"
#include "kernels/base/cancel_token.h"
#include "kernels/base/clock.h"

namespace metronome::compiler {

enum class StopReason : uint8_t { kSaturated, kIterationLimit, kNodeLimit, kTimeLimit };

absl::string_view Name(StopReason reason);  // "saturated", "iteration limit", ...

struct RunnerOptions {
  int max_iterations = 40;
  int64_t max_nodes = 50000;
  int64_t max_ns = 2'000'000'000;
  // A rule with more matches than this in one iteration sits out the next few, twice as many each time, so that one
  // explosive rule does not keep the others from finishing (egg's backoff scheduler).
  size_t match_limit = 2000;
  int ban_iterations = 2;
  const CancelToken* token = &CancelToken::None();  // Asked before each rule; what that takes does not count as time.
};

struct RuleStatistics {
  std::string name;
  int64_t matches = 0;   // With conditions that held.
  int64_t applied = 0;   // Of those, the ones that taught the graph something.
  int64_t declined = 0;  // Of those, the ones whose result had another type.
  int bans = 0;
  int64_t search_ns = 0;
  int64_t apply_ns = 0;
};

struct RunReport {
  StopReason stop = StopReason::kSaturated;
  int iterations = 0;
  int64_t nodes = 0;
  int64_t classes = 0;
  int64_t elapsed_ns = 0;
  std::vector<RuleStatistics> rules;  // In the order of the list.
};

// Applies all rules until nothing new is learnt or a limit is reached; in each iteration all searches come before all
// applications, so the order of rules does not matter. Internal when a rule proves two different values equal;
// errors of the token.
absl::StatusOr<RunReport> Saturate(EGraph& egraph, const RewriteList& rules, const RunnerOptions& options,
                                   const Clock& clock = Clock::Real());

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_EGRAPH_RUNNER_H_
