#include <utility>

#include "compiler/rules/rules.h"

namespace metronome::compiler {
namespace {

// Products take any number of operands, which rules as text cannot say. A match binds the classes {normed x, norm's
// weight, operands of the product after x...}, the attributes {of the product, of the norm} and, as a scalar, the
// product's op.
class NormPrologue final : public Rewrite {
 public:
  absl::string_view name() const override { return "norm-prologue"; }

  std::vector<RewriteMatch> Search(const EGraph& egraph, size_t limit) const override {
    std::vector<RewriteMatch> matches;
    for (const kernels::Op op :
         {kernels::Op::kLinear, kernels::Op::kLinearGroup, kernels::Op::kGatedLinear, kernels::Op::kQkvRopeCache}) {
      for (ClassId root : egraph.ClassesWith(op)) {
        for (const ENode& product : egraph.Class(root).nodes) {
          if (product.op != op || product.attributes.Int("has_norm") != 0) continue;
          for (const ENode& norm : egraph.Class(product.children[0]).nodes) {
            if (norm.op != kernels::Op::kRmsNorm || norm.children.size() != 2) continue;
            if (matches.size() == limit) return matches;
            matches.push_back(MatchOf(root, product, norm));
          }
        }
      }
    }
    return matches;
  }

  ApplyOutcome Apply(EGraph& egraph, const RewriteMatch& match) const override {
    const std::vector<ClassId>& bound = match.bound.classes;
    ENode node = {.op = static_cast<kernels::Op>(*match.bound.scalars[0]), .children = {bound[0]}};
    node.children.insert(node.children.end(), bound.begin() + 2, bound.end());
    node.children.push_back(bound[1]);
    node.attributes = *match.bound.attributes[0];
    for (const auto& [name, value] : match.bound.attributes[1]->values()) node.attributes.Set(name, value);
    node.attributes.Set("has_norm", int64_t{1});
    const absl::StatusOr<ClassId> built = egraph.Add(std::move(node));
    if (!built.ok()) return ApplyOutcome::kDeclined;
    return egraph.Merge(match.root, *built) ? ApplyOutcome::kChanged : ApplyOutcome::kUnchanged;
  }

 private:
  static RewriteMatch MatchOf(ClassId root, const ENode& product, const ENode& norm) {
    RewriteMatch match = {.root = root};
    match.bound.classes = norm.children;
    match.bound.classes.insert(match.bound.classes.end(), product.children.begin() + 1, product.children.end());
    match.bound.attributes = {product.attributes, norm.attributes};
    match.bound.scalars = {static_cast<double>(product.op)};
    return match;
  }
};

}  // namespace

std::unique_ptr<Rewrite> NormPrologueRule() { return std::make_unique<NormPrologue>(); }

}  // namespace metronome::compiler
