#ifndef METRONOME_COMPILER_RULES_RULE_H_
#define METRONOME_COMPILER_RULES_RULE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "compiler/ir/graph.h"
#include "compiler/rules/pattern.h"

namespace metronome {

// The node that may stand for a matched root. Its inputs are nodes of the matched graph; its type is the root's.
struct Replacement {
  Op op = Op::kLinear;
  std::vector<NodeId> inputs;
  Attributes attributes;
};

// One named rewrite from primitives to a fused form.
struct Rule {
  absl::string_view name;  // kebab-case.
  std::string pattern;
  // The replacement, or nullopt where shapes, dtypes or constants say that the match is not that form after all.
  std::optional<Replacement> (*apply)(const Graph& graph, NodeId root, const Match& match);
};

// Rules by concern. Within a list, and among the lists in the order of AllRules, the more specific comes first.
std::vector<Rule> NormRules();
std::vector<Rule> AttentionRules();
std::vector<Rule> MlpRules();
std::vector<Rule> LinearRules();

const std::vector<Rule>& AllRules();

}  // namespace metronome

#endif  // METRONOME_COMPILER_RULES_RULE_H_
