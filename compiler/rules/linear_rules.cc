#include "compiler/rules/rule.h"

namespace metronome {
namespace {

std::optional<Replacement> FuseLinear(const Graph& graph, NodeId root, const Match& match) {
  const NodeId x = match.nodes.at("x"), weight = match.nodes.at("w");
  const TensorType& type = graph.node(root).type;
  if (graph.node(x).type.rank() != 2 || graph.node(weight).type.rank() != 2) return std::nullopt;
  Replacement linear = {Op::kLinear, {x, weight}, {}};
  if (const auto bias = match.nodes.find("bias"); bias != match.nodes.end()) {
    if (graph.node(bias->second).type != TensorType{type.dtype, {type.shape[1]}}) return std::nullopt;
    linear.inputs.push_back(bias->second);
    linear.attributes.Set("has_bias", 1);
  }
  if (const auto residual = match.nodes.find("residual"); residual != match.nodes.end()) {
    if (graph.node(residual->second).type != type) return std::nullopt;
    linear.inputs.push_back(residual->second);
    linear.attributes.Set("has_residual", 1);
  }
  return linear;
}

}  // namespace

std::vector<Rule> LinearRules() {
  return {
      {"linear-bias-residual", "(add ?residual (add (matmul transpose_b=1 ?x ?w) ?bias))", FuseLinear},
      {"linear-residual", "(add ?residual (matmul transpose_b=1 ?x ?w))", FuseLinear},
      {"linear-bias", "(add (matmul transpose_b=1 ?x ?w) ?bias)", FuseLinear},
      {"linear", "(matmul transpose_b=1 ?x ?w)", FuseLinear},
  };
}

const std::vector<Rule>& AllRules() {
  static const std::vector<Rule>* const kRules = [] {
    auto* rules = new std::vector<Rule>;
    for (auto group : {AttentionRules, NormRules, MlpRules, LinearRules}) {
      for (Rule& rule : group()) rules->push_back(std::move(rule));
    }
    return rules;
  }();
  return *kRules;
}

}  // namespace metronome
