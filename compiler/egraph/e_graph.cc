#include "compiler/egraph/e_graph.h"

#include <algorithm>
#include <cmath>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernels/base/status_macros.h"

namespace metronome::compiler {
namespace {

// Whether the node's type has parts that its inputs do not give.
bool IsDeclared(kernels::Op op) {
  return kernels::IsLeaf(op) || op == kernels::Op::kCast || op == kernels::Op::kReshape ||
         op == kernels::Op::kBroadcast || op == kernels::Op::kSlice;
}

double RoundTo(kernels::DType dtype, double value) {
  switch (dtype) {
    case kernels::DType::kBFloat16:
      return static_cast<float>(kernels::BFloat16(static_cast<float>(value)));
    case kernels::DType::kFloat16:
      return static_cast<float>(kernels::Float16(static_cast<float>(value)));
    case kernels::DType::kFloat32:
      return static_cast<float>(value);
    default:
      return value;
  }
}

// Frontends compute constants in double, imported graphs carry them in float32: a few float32 roundings apart is equal.
bool SameConstant(double a, double b) {
  return a == b || std::abs(a - b) <= 4e-7 * std::max(std::abs(a), std::abs(b)) || (std::isnan(a) && std::isnan(b));
}

// Nothing where digits cancel: equal constants may be a few roundings apart, and differences of them are then far
// apart.
std::optional<double> RoundedSum(kernels::DType dtype, double a, double b) {
  if ((a < 0 && b > 0) || (a > 0 && b < 0)) return std::nullopt;
  return RoundTo(dtype, a + b);
}

std::string FormatENode(const ENode& node) {
  std::string text = absl::StrCat(Name(node.op));
  if (!node.children.empty()) {
    absl::StrAppend(
        &text, "(",
        absl::StrJoin(node.children, ", ", [](std::string* out, ClassId child) { absl::StrAppend(out, "c", child); }),
        ")");
  }
  if (!node.attributes.empty()) absl::StrAppend(&text, " ", node.attributes.ToString());
  return text;
}

}  // namespace

size_t EGraph::NodeHash::operator()(const ENode& node) const {
  size_t hash = absl::HashOf(static_cast<int>(node.op), node.children, node.attributes.ToString(),
                             static_cast<int>(node.declared.dtype));
  for (const runtime::Dim& dim : node.declared.shape) hash = absl::HashOf(hash, dim.constant, dim.seq, dim.past);
  return hash;
}

ENode EGraph::Canonical(ENode node) const {
  for (ClassId& child : node.children) child = Find(child);
  return node;
}

absl::StatusOr<TensorType> EGraph::TypeOf(const ENode& node) const {
  std::vector<TensorType> inputs;
  for (ClassId child : node.children) inputs.push_back(Class(child).type);
  return InferType(node.op, inputs, node.attributes, node.declared);
}

std::optional<double> EGraph::ConstantOf(const ENode& node, const TensorType& type) const {
  if (node.op == kernels::Op::kConstant) {
    const std::vector<double>& values = node.attributes.Floats("values");
    if (values.size() != 1) return std::nullopt;
    // Narrow dtypes hold another number, and that is the one that takes part. What float32 rounds off is within
    // SameConstant, and attributes such as an eps stay as they were written.
    return type.dtype == kernels::DType::kFloat32 ? values[0] : RoundTo(type.dtype, values[0]);
  }
  if (type.rank() != 0 || !kernels::IsFloat(type.dtype)) return std::nullopt;
  std::vector<double> inputs;
  for (ClassId child : node.children) {
    const EClass& input = Class(child);
    if (!input.constant.has_value()) return std::nullopt;
    inputs.push_back(RoundTo(input.type.dtype, *input.constant));
  }
  switch (node.op) {
    case kernels::Op::kNeg:
      return -inputs[0];
    case kernels::Op::kCast:
      return RoundTo(type.dtype, inputs[0]);
    case kernels::Op::kAdd:
      return RoundedSum(type.dtype, inputs[0], inputs[1]);
    case kernels::Op::kSub:
      return RoundedSum(type.dtype, inputs[0], -inputs[1]);
    case kernels::Op::kMul:
      return RoundTo(type.dtype, inputs[0] * inputs[1]);
    case kernels::Op::kDiv:
      return RoundTo(type.dtype, inputs[0] / inputs[1]);
    default:
      return std::nullopt;
  }
}

std::optional<ClassId> EGraph::Lookup(ENode node) const {
  const auto found = memo_.find(Canonical(std::move(node)));
  if (found == memo_.end()) return std::nullopt;
  return Find(found->second);
}

absl::StatusOr<ClassId> EGraph::Add(ENode node) {
  node = Canonical(std::move(node));
  if (const auto found = memo_.find(node); found != memo_.end()) return Find(found->second);
  ASSIGN_OR_RETURN(TensorType type, TypeOf(node));
  return AddNew(std::move(node), std::move(type));
}

ClassId EGraph::AddNew(ENode node, TensorType type) {
  const ClassId id = sets_.Add();
  ++node_count_;
  memo_.emplace(node, id);
  for (ClassId child : node.children) classes_[child].parents.emplace_back(node, id);
  const std::optional<double> constant = ConstantOf(node, type);
  classes_.push_back({.nodes = {std::move(node)}, .type = std::move(type), .constant = constant, .parents = {}});
  dirty_.push_back(id);
  if (constant.has_value()) AddConstantNode(id);
  return id;
}

// A class that is known to be a number holds that number, so that patterns over constants see it.
void EGraph::AddConstantNode(ClassId id) {
  const EClass& known = classes_[id];
  const ENode constant = {kernels::Op::kConstant, {}, {{"values", std::vector<double>{*known.constant}}}, known.type};
  if (const auto found = memo_.find(constant); found != memo_.end()) {
    Merge(id, found->second);
    return;
  }
  memo_.emplace(constant, id);
  classes_[id].nodes.push_back(constant);
}

bool EGraph::Merge(ClassId a, ClassId b) {
  a = Find(a);
  b = Find(b);
  if (a == b || !status_.ok()) return false;
  if (b < a) std::swap(a, b);  // The older id stays, so that results do not depend on the order of operands.
  EClass &kept = classes_[a], &taken = classes_[b];
  const bool constants_differ =
      kept.constant.has_value() && taken.constant.has_value() && !SameConstant(*kept.constant, *taken.constant);
  if (kept.type != taken.type || constants_differ) {
    status_ = absl::InternalError(
        absl::StrCat("two values proven equal are not: ", FormatENode(kept.nodes[0]), " : ", kept.type.ToString(),
                     constants_differ ? absl::StrCat(" = ", *kept.constant) : "", " and ", FormatENode(taken.nodes[0]),
                     " : ", taken.type.ToString(), constants_differ ? absl::StrCat(" = ", *taken.constant) : ""));
    return false;
  }
  sets_.Join(a, b);
  if (!kept.constant.has_value()) kept.constant = taken.constant;
  kept.nodes.insert(kept.nodes.end(), std::make_move_iterator(taken.nodes.begin()),
                    std::make_move_iterator(taken.nodes.end()));
  kept.parents.insert(kept.parents.end(), std::make_move_iterator(taken.parents.begin()),
                      std::make_move_iterator(taken.parents.end()));
  taken = EClass();
  dirty_.push_back(a);
  return true;
}

// Parents of a merged class may have become equal: they get one memo entry, and their classes are merged.
void EGraph::Repair(ClassId id) {
  std::vector<std::pair<ENode, ClassId>> parents = std::move(classes_[id].parents);
  classes_[id].parents.clear();
  absl::flat_hash_map<ENode, size_t, NodeHash> seen;
  std::vector<std::pair<ENode, ClassId>> unique;
  for (auto& [node, owner] : parents) {
    memo_.erase(node);
    ENode canonical = Canonical(std::move(node));
    const auto [at, inserted] = seen.try_emplace(canonical, unique.size());
    if (inserted) {
      unique.emplace_back(std::move(canonical), owner);
    } else {
      Merge(unique[at->second].second, owner);
    }
  }
  for (auto& [node, owner] : unique) {
    const auto [at, inserted] = memo_.try_emplace(node, Find(owner));
    if (!inserted) Merge(at->second, owner);
    owner = Find(owner);
    if (!classes_[owner].constant.has_value()) {
      classes_[owner].constant = ConstantOf(node, classes_[owner].type);
      if (classes_[owner].constant.has_value()) AddConstantNode(owner);
    }
  }
  std::vector<std::pair<ENode, ClassId>>& kept = classes_[Find(id)].parents;
  kept.insert(kept.end(), std::make_move_iterator(unique.begin()), std::make_move_iterator(unique.end()));
}

void EGraph::Rebuild() {
  while (!dirty_.empty()) {
    std::vector<ClassId> dirty = std::exchange(dirty_, {});
    for (ClassId& id : dirty) id = Find(id);
    std::sort(dirty.begin(), dirty.end());
    dirty.erase(std::unique(dirty.begin(), dirty.end()), dirty.end());
    for (ClassId id : dirty) Repair(Find(id));
  }
  canonical_.clear();
  node_count_ = 0;
  by_op_.assign(kernels::kOpCount, {});
  for (ClassId id = 0; id < sets_.size(); ++id) {
    if (Find(id) != id) continue;
    canonical_.push_back(id);
    std::vector<ENode> nodes = std::move(classes_[id].nodes);
    classes_[id].nodes.clear();
    absl::flat_hash_map<ENode, bool, NodeHash> seen;
    for (ENode& node : nodes) {
      node = Canonical(std::move(node));
      if (seen.emplace(node, true).second) classes_[id].nodes.push_back(std::move(node));
    }
    node_count_ += static_cast<int64_t>(classes_[id].nodes.size());
    for (const ENode& node : classes_[id].nodes) {
      std::vector<ClassId>& classes = by_op_[static_cast<size_t>(node.op)];
      if (classes.empty() || classes.back() != id) classes.push_back(id);
    }
  }
}

absl::Span<const ClassId> EGraph::ClassesWith(kernels::Op op) const {
  return by_op_.empty() ? absl::Span<const ClassId>() : by_op_[static_cast<size_t>(op)];
}

std::string EGraph::ToString() const {
  std::string text;
  for (ClassId id : canonical_) {
    absl::StrAppend(&text, "c", id, " : ", classes_[id].type.ToString(), " = ",
                    absl::StrJoin(classes_[id].nodes, " | ",
                                  [](std::string* out, const ENode& node) { out->append(FormatENode(node)); }),
                    "\n");
  }
  return text;
}

ENode ToENode(const Node& node, std::vector<ClassId> children) {
  ENode result = {node.op, std::move(children), node.attributes, {}};
  if (!IsDeclared(node.op)) return result;
  result.declared = node.type;
  if (node.op == kernels::Op::kCast) result.declared.shape.clear();  // Its input has the shape.
  return result;
}

absl::StatusOr<std::vector<ClassId>> AddGraph(const Graph& graph, EGraph& egraph) {
  const std::vector<int> uses = graph.CountUses();
  std::vector<ClassId> classes(graph.size(), -1);
  for (NodeId id = 0; id < graph.size(); ++id) {
    if (uses[id] == 0) continue;
    std::vector<ClassId> children;
    for (NodeId input : graph.node(id).inputs) children.push_back(classes[input]);
    ASSIGN_OR_RETURN(classes[id], egraph.Add(ToENode(graph.node(id), std::move(children))));
  }
  egraph.Rebuild();
  for (ClassId& id : classes) {
    if (id >= 0) id = egraph.Find(id);
  }
  return classes;
}

}  // namespace metronome::compiler
