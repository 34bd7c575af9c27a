#ifndef METRONOME_COMPILER_ROLLING_ROLL_H_
#define METRONOME_COMPILER_ROLLING_ROLL_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "compiler/ir/graph.h"
#include "kernels/base/cancel_token.h"

namespace metronome::compiler {

// One place of the whole graph where a block stands: what its arguments are there.
struct BlockInstance {
  int block = 0;                     // Index into RolledGraph::blocks.
  std::vector<NodeId> inputs;        // By number of the block's input.
  std::vector<std::string> weights;  // By number of the block's weight: the names in the whole graph.
  std::vector<std::string> states;   // Likewise.
  std::vector<NodeId> outputs;       // The nodes of the whole graph that the block's results are.
};

// A graph as a sequence of blocks, equal blocks kept once: inputs, weights and states of a block are named "0", "1",
// ... and values that depend on nothing but the step's shape (masks, RoPE tables) are part of every block that reads
// them.
struct RolledGraph {
  std::vector<Graph> blocks;
  std::vector<BlockInstance> instances;  // In order of execution.
  std::vector<NodeId> results;           // Of the whole graph.
};

// Cuts the graph where only one value passes from what comes before to what comes after (a transformer: the residual
// stream), and joins the pieces to the smallest unit that occurs twice in a row and has weights (a layer). Where layers
// of two kinds alternate, units of one size that are equal share a block wherever they stand. What no unit covers, and
// a graph that cannot be cut, become blocks of their own. Errors of the token.
absl::StatusOr<RolledGraph> Roll(const Graph& graph, const CancelToken& token = {});

// The whole graph again, with `blocks` in place of those that Roll found; each keeps the inputs and results of the one
// it stands for. Equal nodes of different instances, such as masks, become one. Errors of the
// token.
absl::StatusOr<Graph> Unroll(const RolledGraph& rolled, absl::Span<const Graph> blocks, const CancelToken& token = {});

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_ROLLING_ROLL_H_
