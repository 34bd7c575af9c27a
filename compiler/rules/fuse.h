#ifndef METRONOME_COMPILER_RULES_FUSE_H_
#define METRONOME_COMPILER_RULES_FUSE_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "compiler/ir/graph.h"
#include "compiler/rules/rule.h"

namespace metronome {

struct FusionResult {
  Graph graph;
  std::map<std::string, int> fired;  // Times each rule replaced a node, by rule name.
};

// Covers `graph` from its logits down with the largest forms the rules know: at each node the first rule that applies
// replaces the whole pattern, and the walk continues at the replacement's operands. A match that would compute a matrix
// product a second time, because something outside reads it too, is declined. Nodes that no rule covers stay as they
// are. Linear in the size of the graph times the number of rules. Internal when a rule's pattern or result is
// malformed.
absl::StatusOr<FusionResult> Fuse(const Graph& graph, const std::vector<Rule>& rules);

}  // namespace metronome

#endif  // METRONOME_COMPILER_RULES_FUSE_H_
