#ifndef METRONOME_COMPILER_DRIVER_OPTIMISE_H_
#define METRONOME_COMPILER_DRIVER_OPTIMISE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "compiler/egraph/runner.h"
#include "compiler/ir/graph.h"

namespace metronome {

// What saturation did for one distinct block.
struct BlockReport {
  int instances = 0;  // Times the block stands in the graph.
  RunReport run;
};

struct OptimisedGraph {
  Graph graph;
  std::vector<BlockReport> blocks;
};

// Rolls the graph into blocks, saturates each distinct block with all rules, and takes the cheapest form by a static
// model of the work (launches, bytes, FLOPs of catalogue kernels) at a decode step. Internal when a rule proves
// something false.
absl::StatusOr<OptimisedGraph> Optimise(const Graph& graph);

}  // namespace metronome

#endif  // METRONOME_COMPILER_DRIVER_OPTIMISE_H_
