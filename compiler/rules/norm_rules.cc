#include <cmath>

#include "absl/strings/str_cat.h"
#include "compiler/rules/rule.h"

namespace metronome {
namespace {

// x / sqrt(mean(x^2) + eps), in float32 whatever the dtype of x.
constexpr absl::string_view kNormalised =
    "(mul (= ?x32 (cast? ?x)) (rsqrt (add (mul (reduce_sum (mul ?x32 ?x32)) #inverse_size) #eps)))";

std::optional<Replacement> RmsNorm(const Graph& graph, NodeId root, const Match& match, double weight_offset,
                                   int64_t round_before_weight) {
  const NodeId x = match.nodes.at("x");
  const TensorType& type = graph.node(x).type;
  const bool over_last_axis =
      type.rank() > 0 && type.shape.back().is_constant() &&
      std::abs(match.scalars.at("inverse_size") * static_cast<double>(type.shape.back().constant) - 1) < 1e-6;
  const TensorType& sum = graph.node(match.nodes.at("x32")).type;
  if (!over_last_axis || sum.dtype != DType::kFloat32 || graph.node(root).type != type) return std::nullopt;

  Replacement norm = {Op::kRmsNorm, {x}, {{"eps", match.scalars.at("eps")}}};
  if (const auto weight = match.nodes.find("w"); weight != match.nodes.end()) {
    if (graph.node(weight->second).type != TensorType{type.dtype, {type.shape.back()}}) return std::nullopt;
    norm.inputs.push_back(weight->second);
    norm.attributes.Set("weight_offset", weight_offset);
    norm.attributes.Set("round_before_weight", round_before_weight);
  }
  return norm;
}

}  // namespace

std::vector<Rule> NormRules() {
  return {
      {"rms-norm-offset-weight", absl::StrCat("(cast? (mul ", kNormalised, " (add (cast? ?w) 1)))"),
       [](const Graph& graph, NodeId root, const Match& match) { return RmsNorm(graph, root, match, 1, 0); }},
      {"rms-norm-round-then-weight", absl::StrCat("(mul (cast? ", kNormalised, ") ?w)"),
       [](const Graph& graph, NodeId root, const Match& match) { return RmsNorm(graph, root, match, 0, 1); }},
      {"rms-norm-weight", absl::StrCat("(cast? (mul ", kNormalised, " (cast? ?w)))"),
       [](const Graph& graph, NodeId root, const Match& match) { return RmsNorm(graph, root, match, 0, 0); }},
      {"rms-norm-weightless", absl::StrCat("(cast? ", kNormalised, ")"),
       [](const Graph& graph, NodeId root, const Match& match) { return RmsNorm(graph, root, match, 0, 0); }},
  };
}

}  // namespace metronome
