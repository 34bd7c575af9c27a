#ifndef METRONOME_COMPILER_EGRAPH_E_GRAPH_H_
#define METRONOME_COMPILER_EGRAPH_E_GRAPH_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "compiler/egraph/union_find.h"
#include "compiler/ir/graph.h"

namespace metronome::compiler {

using ClassId = int32_t;

// An op over classes of equal values. `declared` is what the op cannot infer from its inputs (see InferType) and empty
// for all others, so that equal computations are equal nodes.
struct ENode {
  kernels::Op op = kernels::Op::kConstant;
  std::vector<ClassId> children;
  kernels::Attributes attributes;
  TensorType declared;

  friend bool operator==(const ENode&, const ENode&) = default;
};

// Nodes that compute the same value, and what analyses know of it.
struct EClass {
  std::vector<ENode> nodes;                        // In order of arrival.
  TensorType type;                                 // Of every node.
  std::optional<double> constant;                  // The value, where it is a constant of one element.
  std::vector<std::pair<ENode, ClassId>> parents;  // Nodes with this class as a child, and the classes they are in.
};

// A set of terms under congruence: if a = b then f(a) = f(b) (Nelson 1980; with deferred rebuilding as in egg, Willsey
// et al. 2021, arXiv:2004.03082). Nodes are hash-consed. Analyses keep the tensor type and constant value of each
// class; two classes that disagree cannot be equal, so merging them is an error, which sticks: a rule has then proven
// something false, and nothing taken from the graph could be trusted.
//
// After Merge the invariants hold again only when Rebuild has run. Iteration orders depend on nothing but the sequence
// of calls. Not thread-safe.
class EGraph {
 public:
  // The class of this node, added if new. Children need not be canonical. InvalidArgument when the op does not accept
  // children of these types; the graph is unchanged then.
  absl::StatusOr<ClassId> Add(ENode node);
  // The class, if the node is there.
  std::optional<ClassId> Lookup(ENode node) const;

  // Makes both classes one; false when they are already. After a conflict nothing changes and status() says why.
  bool Merge(ClassId a, ClassId b);
  // Restores congruence and unique nodes.
  void Rebuild();

  ClassId Find(ClassId id) const { return sets_.Find(id); }
  const EClass& Class(ClassId id) const { return classes_[Find(id)]; }
  // Canonical classes in ascending order; valid after Rebuild.
  const std::vector<ClassId>& Classes() const { return canonical_; }
  // Those with a node of this op, likewise.
  absl::Span<const ClassId> ClassesWith(kernels::Op op) const;

  // Nodes of all classes; those added since the last Rebuild may count twice.
  int64_t node_count() const { return node_count_; }
  // OK, or the first conflict.
  const absl::Status& status() const { return status_; }

  // One line per class: "c3 : float32[seq, 8] = mul(c1, c2) | ...".
  std::string ToString() const;

 private:
  ENode Canonical(ENode node) const;
  absl::StatusOr<TensorType> TypeOf(const ENode& node) const;
  std::optional<double> ConstantOf(const ENode& node, const TensorType& type) const;
  ClassId AddNew(ENode node, TensorType type);
  void AddConstantNode(ClassId id);
  void Repair(ClassId id);

  struct NodeHash {
    size_t operator()(const ENode& node) const;
  };

  UnionFind sets_;
  std::vector<EClass> classes_;  // By id; empty where another class took the contents.
  absl::flat_hash_map<ENode, ClassId, NodeHash> memo_;
  std::vector<ClassId> dirty_;  // Merged since the last Rebuild.
  std::vector<ClassId> canonical_;
  std::vector<std::vector<ClassId>> by_op_;
  int64_t node_count_ = 0;
  absl::Status status_;
};

// The e-node for a graph node over these child classes.
ENode ToENode(const Node& node, std::vector<ClassId> children);

// Adds every node that results depend on; returns the class of each node, -1 for dead ones. Rebuilt.
absl::StatusOr<std::vector<ClassId>> AddGraph(const Graph& graph, EGraph& egraph);

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_EGRAPH_E_GRAPH_H_
