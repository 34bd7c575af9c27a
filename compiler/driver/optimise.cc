#include "compiler/driver/optimise.h"

#include <utility>

#include "compiler/egraph/extract.h"
#include "compiler/rolling/roll.h"
#include "compiler/rules/rules.h"
#include "kernels/catalogue.h"
#include "runtime/base/status_macros.h"
#include "runtime/plan/plan.h"

namespace metronome {
namespace {

// The step that costs are taken at: a decode step some way into a sequence.
constexpr StepShape kStep = {.seq = 1, .past = 128};

// Seconds. Orders of magnitude suffice: they rank forms of one computation, which differ in launches and in bytes that
// pass through memory.
constexpr double kLaunchSeconds = 2e-6;
constexpr double kPrimitiveSeconds = 1e-6;  // On top: a fused form is never worse than the primitive that it replaces.
constexpr double kSecondsPerByte = 1 / 40e9;
constexpr double kSecondsPerFlop = 1 / 500e9;

TensorView ViewOf(const TensorType& type) { return {.dtype = type.dtype, .shape = EvaluateShape(type.shape, kStep)}; }

// Leaves and reshapes are free, and what no kernel runs is impossible.
double StaticCost(const ENode& node, const std::vector<TensorType>& inputs, const TensorType& type) {
  if (IsLeaf(node.op) || node.op == Op::kReshape) return 0;
  const KernelSpec* spec = FindKernelSpec(Name(node.op));
  if (spec == nullptr) return -1;
  std::vector<TensorView> operands;
  for (const TensorType& input : inputs) operands.push_back(ViewOf(input));
  const TensorView output = ViewOf(type);
  const KernelCost cost =
      spec->cost({.inputs = operands, .outputs = absl::MakeConstSpan(&output, 1), .attributes = &node.attributes});
  return kLaunchSeconds + (IsPrimitive(node.op) ? kPrimitiveSeconds : 0) +
         kSecondsPerByte * static_cast<double>(cost.bytes) + kSecondsPerFlop * static_cast<double>(cost.flops);
}

absl::StatusOr<Graph> OptimiseBlock(const Graph& block, RunReport& report) {
  EGraph egraph;
  ASSIGN_OR_RETURN(std::vector<ClassId> classes, AddGraph(block, egraph));
  ASSIGN_OR_RETURN(report, Saturate(egraph, AllRules(), {}));
  std::vector<ClassId> results;
  for (NodeId id : block.results()) results.push_back(classes[id]);
  ASSIGN_OR_RETURN(const Choices choices, ChooseCheapest(egraph, results, StaticCost));
  return Extract(egraph, results, choices);
}

}  // namespace

absl::StatusOr<OptimisedGraph> Optimise(const Graph& graph) {
  const RolledGraph rolled = Roll(graph);
  OptimisedGraph optimised;
  std::vector<Graph> blocks;
  for (const Graph& block : rolled.blocks) {
    BlockReport report;
    ASSIGN_OR_RETURN(Graph best, OptimiseBlock(block, report.run));
    blocks.push_back(std::move(best));
    optimised.blocks.push_back(std::move(report));
  }
  for (const BlockInstance& instance : rolled.instances) ++optimised.blocks[instance.block].instances;
  optimised.graph = Unroll(rolled, blocks);
  RETURN_IF_ERROR(VerifyGraph(optimised.graph));
  return optimised;
}

}  // namespace metronome
