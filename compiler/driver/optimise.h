#ifndef METRONOME_COMPILER_DRIVER_OPTIMISE_H_
#define METRONOME_COMPILER_DRIVER_OPTIMISE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "compiler/egraph/e_graph.h"
#include "compiler/egraph/extract.h"
#include "compiler/egraph/runner.h"
#include "compiler/ir/graph.h"
#include "compiler/rolling/roll.h"
#include "kernels/base/cancel_token.h"

namespace metronome::compiler {

// What saturation did for one distinct block.
struct BlockReport {
  int instances = 0;  // Times the block stands in the graph.
  RunReport run;
};

// One distinct block with all its forms, and the one that the static model of the work takes.
struct OptimisedBlock {
  BlockReport report;
  EGraph egraph;
  std::vector<ClassId> results;
  Choices choices;
  Graph graph;
};

// A whole graph by its blocks.
struct OptimisedGraph {
  RolledGraph rolled;
  std::vector<OptimisedBlock> blocks;  // As rolled.blocks.

  // The whole graph in the forms that the static model takes.
  absl::StatusOr<Graph> Whole(const CancelToken& token = {}) const;
};

// Rolls the graph into blocks, saturates each distinct block with all rules, and takes the cheapest form by StaticCost.
// Internal when a rule proves something false; errors of the token.
absl::StatusOr<OptimisedGraph> Optimise(const Graph& graph, const CancelToken& token = {});

// Seconds that a node alone takes at a decode step, by a rough model of the work: launches, bytes, and FLOPs of
// catalogue kernels. Leaves and reshapes are free; negative where no kernel runs it.
double StaticCost(const ENode& node, const std::vector<TensorType>& inputs, const TensorType& type);

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_DRIVER_OPTIMISE_H_
