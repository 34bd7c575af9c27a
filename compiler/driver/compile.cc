#include "compiler/driver/compile.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compiler/driver/optimise.h"
#include "compiler/lowering/lower.h"
#include "runtime/base/status_macros.h"

namespace metronome {
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

absl::StatusOr<CompileResult> Compile(const Graph& graph, ExecutionPath path) {
  for (NodeId id = 0; id < graph.size(); ++id) {
    if (!IsPrimitive(graph.node(id).op)) {
      return absl::InvalidArgumentError(
          absl::StrCat("node %", id, " is ", Name(graph.node(id).op), ", not a primitive"));
    }
  }
  CompileResult result;
  if (path == ExecutionPath::kEager) {
    ASSIGN_OR_RETURN(Plan plan, Lower(graph));
    result.plans.push_back({.seq = 1, .plan = std::move(plan)});
    return result;
  }
  ASSIGN_OR_RETURN(OptimisedGraph optimised, Optimise(graph));
  ASSIGN_OR_RETURN(Plan plan, Lower(optimised.graph));
  result.plans.push_back({.seq = 1, .plan = std::move(plan)});
  for (const BlockReport& block : optimised.blocks) {
    for (const RuleStatistics& rule : block.run.rules) {
      if (rule.applied > 0) result.rules_fired[rule.name] += static_cast<int>(rule.applied) * block.instances;
    }
  }
  result.blocks = std::move(optimised.blocks);
  return result;
}

}  // namespace metronome
