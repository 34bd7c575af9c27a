#ifndef METRONOME_COMPILER_DRIVER_COMPILE_H_
#define METRONOME_COMPILER_DRIVER_COMPILE_H_

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/driver/compile_report.h"
#include "compiler/driver/optimise.h"
#include "compiler/ir/graph.h"
#include "kernels/base/cancel_token.h"
#include "runtime/plan/plan_set.h"

namespace metronome::compiler {

// How a graph becomes a plan.
enum class ExecutionPath : uint8_t {
  kEager,     // Each primitive one kernel, nothing rewritten: the oracle and the baseline.
  kCompiled,  // Fused by the rules, tuned by the search.
  kGraph,     // The same plans, bound ahead of time, independent calls side by side (LaunchMode::kGraph).
};

absl::string_view Name(ExecutionPath path);  // "eager", "compiled", "graph".
std::optional<ExecutionPath> ParseExecutionPath(absl::string_view name);

struct CompileResult {
  runtime::PlanSet plans;  // One, for every step, as no search has been made.
  CompileReport report;
  OptimisedGraph optimised;  // What a search starts from; empty for kEager.
};

// The default plan, without timing anything. `graph` must be in primitive ops: InvalidArgument otherwise. Internal for
// a rule or a lowering that fails its own checks; errors of the token, which is asked all the time.
absl::StatusOr<CompileResult> Compile(const Graph& graph, ExecutionPath path, const CancelToken& token = {});

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_DRIVER_COMPILE_H_
