#include "compiler/rules/fuse.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/status_macros.h"

namespace metronome {
namespace {

struct CompiledRule {
  const Rule* rule = nullptr;
  Pattern pattern;
};

class Fuser {
 public:
  Fuser(const Graph& source, std::vector<CompiledRule> rules)
      : source_(source), rules_(std::move(rules)), uses_(source.CountUses()) {}

  absl::StatusOr<FusionResult> Run() {
    Select();
    RETURN_IF_ERROR(Rebuild());
    return std::move(result_);
  }

 private:
  // Chooses, from the logits down, what stands for each node that is still needed.
  void Select() {
    chosen_.resize(source_.size());
    std::vector<bool> needed(source_.size(), false);
    needed[source_.logits()] = true;
    for (NodeId id = source_.logits(); id >= 0; --id) {
      if (!needed[id]) continue;
      chosen_[id] = Choose(id);
      for (NodeId input : chosen_[id]->inputs) needed[input] = true;
    }
  }

  Replacement Choose(NodeId id) {
    Match match;
    for (const CompiledRule& candidate : rules_) {
      if (!candidate.pattern.MatchAt(source_, id, match) || RepeatsProduct(match)) continue;
      if (std::optional<Replacement> replacement = candidate.rule->apply(source_, id, match)) {
        ++result_.fired[std::string(candidate.rule->name)];
        return *std::move(replacement);
      }
    }
    const Node& node = source_.node(id);
    return {node.op, node.inputs, node.attributes};
  }

  bool RepeatsProduct(const Match& match) const {
    for (NodeId id : match.interior) {
      if (source_.node(id).op == Op::kMatmul && uses_[id] > 1) return true;
    }
    return false;
  }

  absl::Status Rebuild() {
    std::vector<NodeId> renamed(source_.size(), -1);
    for (NodeId id = 0; id < source_.size(); ++id) {
      if (!chosen_[id].has_value()) continue;
      for (NodeId& input : chosen_[id]->inputs) input = renamed[input];
      ASSIGN_OR_RETURN(renamed[id], Emit(*chosen_[id], source_.node(id).type));
    }
    result_.graph.set_logits(renamed[source_.logits()]);
    return VerifyGraph(result_.graph);
  }

  absl::StatusOr<NodeId> Emit(Replacement& node, const TensorType& type) {
    std::vector<TensorType> inputs;
    for (NodeId input : node.inputs) inputs.push_back(result_.graph.node(input).type);
    ASSIGN_OR_RETURN(TensorType inferred, InferType(node.op, inputs, node.attributes, type));
    const NodeId emitted = node.op == Op::kReshape
                               ? Reshape(node.inputs[0], type.shape)
                               : result_.graph.Add({node.op, node.inputs, node.attributes, std::move(inferred)});
    return Reshape(emitted, type.shape);
  }

  // `x` under another shape, looking through a reshape that made `x`.
  NodeId Reshape(NodeId x, const std::vector<Dim>& shape) {
    if (result_.graph.node(x).op == Op::kReshape) x = result_.graph.node(x).inputs[0];
    if (result_.graph.node(x).type.shape == shape) return x;
    return result_.graph.Add({Op::kReshape, {x}, {}, {result_.graph.node(x).type.dtype, shape}});
  }

  const Graph& source_;
  std::vector<CompiledRule> rules_;
  std::vector<int> uses_;
  std::vector<std::optional<Replacement>> chosen_;
  FusionResult result_;
};

}  // namespace

absl::StatusOr<FusionResult> Fuse(const Graph& graph, const std::vector<Rule>& rules) {
  std::vector<CompiledRule> compiled;
  for (const Rule& rule : rules) {
    absl::StatusOr<Pattern> pattern = Pattern::Parse(rule.pattern);
    if (!pattern.ok()) return absl::InternalError(absl::StrCat("rule ", rule.name, ": ", pattern.status().message()));
    compiled.push_back({&rule, *std::move(pattern)});
  }
  return Fuser(graph, std::move(compiled)).Run();
}

}  // namespace metronome
