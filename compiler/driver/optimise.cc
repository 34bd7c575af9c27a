#include "compiler/driver/optimise.h"

#include <utility>

#include "compiler/egraph/extract.h"
#include "compiler/rolling/roll.h"
#include "compiler/rules/rules.h"
#include "kernels/base/status_macros.h"
#include "kernels/catalogue/catalogue.h"
#include "runtime/plan/plan.h"

namespace metronome::compiler {
namespace {

// The step that costs are taken at: a decode step some way into a sequence.
constexpr runtime::StepShape kStep = {.seq = 1, .past = 128};

// Seconds. Orders of magnitude suffice: they rank forms of one computation, which differ in launches and in bytes that
// pass through memory.
constexpr double kLaunchSeconds = 2e-6;
constexpr double kPrimitiveSeconds = 1e-6;  // On top: a fused form is never worse than the primitive that it replaces.
constexpr double kSecondsPerByte = 1 / 40e9;
constexpr double kSecondsPerFlop = 1 / 500e9;

kernels::TensorView ViewOf(const TensorType& type) {
  return {.dtype = type.dtype, .shape = runtime::EvaluateShape(type.shape, kStep)};
}

absl::StatusOr<OptimisedBlock> OptimiseBlock(const Graph& graph, const CancelToken& token) {
  OptimisedBlock block;
  ASSIGN_OR_RETURN(std::vector<ClassId> classes, AddGraph(graph, block.egraph));
  ASSIGN_OR_RETURN(block.report.run, Saturate(block.egraph, AllRules(), {.token = &token}));
  for (NodeId id : graph.results()) block.results.push_back(classes[id]);
  ASSIGN_OR_RETURN(block.choices, ChooseCheapest(block.egraph, block.results, StaticCost, token));
  ASSIGN_OR_RETURN(block.graph, Extract(block.egraph, block.results, block.choices));
  return block;
}

}  // namespace

double StaticCost(const ENode& node, const std::vector<TensorType>& inputs, const TensorType& type) {
  if (kernels::IsLeaf(node.op) || node.op == kernels::Op::kReshape) return 0;
  const kernels::KernelSpec* spec = kernels::FindKernelSpec(Name(node.op));
  if (spec == nullptr) return -1;
  std::vector<kernels::TensorView> operands;
  for (const TensorType& input : inputs) operands.push_back(ViewOf(input));
  const kernels::TensorView output = ViewOf(type);
  const kernels::KernelCost cost =
      spec->cost({.inputs = operands, .outputs = absl::MakeConstSpan(&output, 1), .attributes = &node.attributes});
  return kLaunchSeconds + (kernels::IsPrimitive(node.op) ? kPrimitiveSeconds : 0) +
         kSecondsPerByte * static_cast<double>(cost.bytes) + kSecondsPerFlop * static_cast<double>(cost.flops);
}

absl::StatusOr<Graph> OptimisedGraph::Whole(const CancelToken& token) const {
  std::vector<Graph> graphs;
  for (const OptimisedBlock& block : blocks) graphs.push_back(block.graph);
  return Unroll(rolled, graphs, token);
}

absl::StatusOr<OptimisedGraph> Optimise(const Graph& graph, const CancelToken& token) {
  OptimisedGraph optimised;
  ASSIGN_OR_RETURN(optimised.rolled, Roll(graph, token));
  for (const Graph& block : optimised.rolled.blocks) {
    ASSIGN_OR_RETURN(optimised.blocks.emplace_back(), OptimiseBlock(block, token));
  }
  for (const BlockInstance& instance : optimised.rolled.instances) ++optimised.blocks[instance.block].report.instances;
  ASSIGN_OR_RETURN(const Graph whole, optimised.Whole(token));
  RETURN_IF_ERROR(VerifyGraph(whole, token));
  return optimised;
}

}  // namespace metronome::compiler
