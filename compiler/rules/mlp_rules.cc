#include "compiler/rules/rule.h"

namespace metronome {
namespace {

std::optional<Replacement> GatedActivation(const Graph& graph, NodeId root, const Match& match,
                                           absl::string_view activation) {
  const NodeId gate = match.nodes.at("gate"), up = match.nodes.at("up");
  const TensorType& type = graph.node(root).type;
  if (graph.node(gate).type != type || graph.node(up).type != type ||
      graph.node(match.nodes.at("gate32")).type.dtype != DType::kFloat32) {
    return std::nullopt;
  }
  return Replacement{Op::kGatedActivation, {gate, up}, {{"activation", std::string(activation)}}};
}

}  // namespace

std::vector<Rule> MlpRules() {
  return {
      {"gated-silu", "(mul (cast? (mul (= ?gate32 (cast? ?gate)) (sigmoid ?gate32))) ?up)",
       [](const Graph& graph, NodeId root, const Match& match) { return GatedActivation(graph, root, match, "silu"); }},
      // 0.7978845608... = sqrt(2 / pi).
      {"gated-gelu-tanh",
       "(mul (cast? (mul (mul (= ?gate32 (cast? ?gate)) 0.5)"
       " (add (tanh (mul (add ?gate32 (mul (mul ?gate32 (mul ?gate32 ?gate32)) 0.044715)) 0.7978845608028654)) 1))) "
       "?up)",
       [](const Graph& graph, NodeId root, const Match& match) {
         return GatedActivation(graph, root, match, "gelu_tanh");
       }},
  };
}

}  // namespace metronome
