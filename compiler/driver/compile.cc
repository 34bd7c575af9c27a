#include "compiler/driver/compile.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compiler/fusion/fuse_plan.h"
#include "compiler/lowering/lower.h"
#include "kernels/base/clock.h"
#include "kernels/base/status_macros.h"

namespace metronome::compiler {
namespace {

constexpr std::array<absl::string_view, 3> kPathNames = {"eager", "compiled", "graph"};

}  // namespace

absl::string_view Name(ExecutionPath path) { return kPathNames[static_cast<size_t>(path)]; }

std::optional<ExecutionPath> ParseExecutionPath(absl::string_view name) {
  for (size_t i = 0; i < kPathNames.size(); ++i) {
    if (kPathNames[i] == name) return static_cast<ExecutionPath>(i);
  }
  return std::nullopt;
}

absl::StatusOr<CompileResult> Compile(const Graph& graph, ExecutionPath path, const CancelToken& token) {
  for (NodeId id = 0; id < graph.size(); ++id) {
    if (!kernels::IsPrimitive(graph.node(id).op)) {
      return absl::InvalidArgumentError(
          absl::StrCat("node %", id, " is ", Name(graph.node(id).op), ", not a primitive"));
    }
    if (graph.node(id).op == kernels::Op::kInput)
      return absl::InvalidArgumentError(absl::StrCat("node %", id, " is an input: the graph is a part of a model"));
  }
  CompileResult result;
  if (path == ExecutionPath::kEager) {
    ASSIGN_OR_RETURN(runtime::Plan plan, Lower(graph, token));
    result.plans.push_back({.seq = 1, .plan = std::move(plan)});
    return result;
  }
  const int64_t start = Clock::Real().MonotonicNs() - token.waited_ns();
  ASSIGN_OR_RETURN(result.optimised, Optimise(graph, token));
  ASSIGN_OR_RETURN(const Graph whole, result.optimised.Whole(token));
  ASSIGN_OR_RETURN(const runtime::Plan lowered, Lower(whole, token));
  ASSIGN_OR_RETURN(runtime::Plan plan, FusePlan(lowered, token));
  result.plans.push_back({.seq = 1, .plan = std::move(plan)});
  for (const OptimisedBlock& block : result.optimised.blocks) {
    const RunReport& run = block.report.run;
    for (const RuleStatistics& rule : run.rules) {
      if (rule.applied > 0) result.report.rules_fired[rule.name] += rule.applied * block.report.instances;
    }
    result.report.blocks.push_back({.instances = block.report.instances,
                                    .stop_reason = std::string(Name(run.stop)),
                                    .iterations = run.iterations,
                                    .nodes = run.nodes,
                                    .classes = run.classes,
                                    .elapsed_ms = static_cast<double>(run.elapsed_ns) * 1e-6});
  }
  result.report.saturation_ms = static_cast<double>(Clock::Real().MonotonicNs() - token.waited_ns() - start) * 1e-6;
  return result;
}

}  // namespace metronome::compiler
