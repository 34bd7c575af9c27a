#include <algorithm>
#include <map>
#include <utility>

#include "compiler/rules/rules.h"

namespace metronome::compiler {
namespace {

// The most weights that one call takes.
constexpr size_t kMaxMembers = 8;

bool IsWeight(const EGraph& egraph, ClassId id) {
  const std::vector<ENode>& nodes = egraph.Class(id).nodes;
  return std::any_of(nodes.begin(), nodes.end(), [](const ENode& node) { return node.op == kernels::Op::kWeight; });
}

// Rules as text see one tree at a time; this one needs siblings. Its weights are leaves, so no member can depend on
// another. A match binds classes {x, product, weight[, bias], product, weight[, bias], ...} and the scalar 1 for
// biases.
class MergeLinear final : public Rewrite {
 public:
  absl::string_view name() const override { return "merge-linear"; }

  std::vector<RewriteMatch> Search(const EGraph& egraph, size_t limit) const override {
    std::map<std::pair<ClassId, bool>, std::vector<std::vector<ClassId>>> members;  // By input and bias.
    for (ClassId id : egraph.ClassesWith(kernels::Op::kLinear)) {
      for (const ENode& node : egraph.Class(id).nodes) {
        const bool has_bias = node.attributes.Int("has_bias") != 0;
        if (node.op != kernels::Op::kLinear || node.children.size() != (has_bias ? 3u : 2u) ||
            !node.attributes.String("activation").empty() || !IsWeight(egraph, node.children[1])) {
          continue;
        }
        std::vector<ClassId> member = {id};
        member.insert(member.end(), node.children.begin() + 1, node.children.end());
        members[{node.children[0], has_bias}].push_back(std::move(member));
      }
    }
    std::vector<RewriteMatch> matches;
    for (const auto& [key, products] : members) {
      if (products.size() < 2 || products.size() > kMaxMembers || matches.size() == limit) continue;
      RewriteMatch match = {.root = products[0][0]};
      match.bound.classes = {key.first};
      match.bound.scalars = {key.second ? 1.0 : 0.0};
      for (const std::vector<ClassId>& member : products)
        match.bound.classes.insert(match.bound.classes.end(), member.begin(), member.end());
      matches.push_back(std::move(match));
    }
    return matches;
  }

  ApplyOutcome Apply(EGraph& egraph, const RewriteMatch& match) const override {
    const bool has_bias = *match.bound.scalars[0] != 0;
    const std::vector<ClassId>& bound = match.bound.classes;
    const size_t width = has_bias ? 3 : 2, count = (bound.size() - 1) / width;
    ENode node = {.op = kernels::Op::kLinearGroup, .children = {bound[0]}};
    for (size_t part = 1; part < width; ++part) {
      for (size_t i = 0; i < count; ++i) node.children.push_back(bound[1 + i * width + part]);
    }
    if (has_bias) node.attributes.Set("has_bias", int64_t{1});
    std::vector<ClassId> outputs;
    for (size_t i = 0; i < count; ++i) {
      node.attributes.Set("output", static_cast<int64_t>(i));
      const absl::StatusOr<ClassId> output = egraph.Add(node);
      if (!output.ok()) return ApplyOutcome::kDeclined;
      outputs.push_back(*output);
    }
    bool changed = false;
    for (size_t i = 0; i < count; ++i) changed = egraph.Merge(bound[1 + i * width], outputs[i]) || changed;
    return changed ? ApplyOutcome::kChanged : ApplyOutcome::kUnchanged;
  }
};

}  // namespace

std::unique_ptr<Rewrite> MergeLinearRule() { return std::make_unique<MergeLinear>(); }

}  // namespace metronome::compiler
