#ifndef METRONOME_COMPILER_EGRAPH_EXTRACT_H_
#define METRONOME_COMPILER_EGRAPH_EXTRACT_H_

#include <functional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "compiler/egraph/e_graph.h"
#include "kernels/base/cancel_token.h"

namespace metronome::compiler {

// Which node computes a class, as an index into its nodes.
using Choices = absl::flat_hash_map<ClassId, size_t>;

// The cost of running one node alone, in any unit, from the types of its inputs and output; negative where no kernel
// can run it.
using NodeCost =
    std::function<double(const ENode& node, const std::vector<TensorType>& inputs, const TensorType& type)>;

// The cheapest graph that computes `results`. Costs of shared values count once: a tree-wise choice is improved by
// exchanging single nodes, and all outputs of one call together, until no exchange helps. Deterministic.
// Internal when some class has no node that can run; errors of the token.
absl::StatusOr<Choices> ChooseCheapest(const EGraph& egraph, absl::Span<const ClassId> results, const NodeCost& cost,
                                       const CancelToken& token = {});

// One way to go from some choices to others: nodes for some classes.
using Exchange = std::vector<std::pair<ClassId, size_t>>;

// What may be exchanged in `choices`: each class that `results` need for each other node of it, and all outputs of a
// call together, for it and for nodes that stand alone; only nodes that can run. An exchange may make choices depend on
// themselves, which Extract refuses. Deterministic.
std::vector<Exchange> ExchangesOf(const EGraph& egraph, absl::Span<const ClassId> results, const Choices& choices,
                                  const NodeCost& cost);

// The graph that these choices describe; only classes that `results` need must have one. Internal when choices depend
// on themselves.
absl::StatusOr<Graph> Extract(const EGraph& egraph, absl::Span<const ClassId> results, const Choices& choices);

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_EGRAPH_EXTRACT_H_
