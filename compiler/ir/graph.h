#ifndef METRONOME_COMPILER_IR_GRAPH_H_
#define METRONOME_COMPILER_IR_GRAPH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "compiler/ir/op.h"
#include "kernels/attributes.h"
#include "kernels/dtype.h"
#include "runtime/plan/dim.h"

namespace metronome {

// Index into a Graph, assigned in order of creation: inputs always precede their users.
using NodeId = int32_t;

struct TensorType {
  DType dtype = DType::kFloat32;
  std::vector<Dim> shape;  // Outermost first.

  int rank() const { return static_cast<int>(shape.size()); }
  std::string ToString() const;  // "bfloat16[seq, 2048]".
  friend bool operator==(const TensorType&, const TensorType&) = default;
};

struct Node {
  Op op = Op::kConstant;
  std::vector<NodeId> inputs;
  Attributes attributes;
  TensorType type;

  friend bool operator==(const Node&, const Node&) = default;
};

// A pure dataflow graph, except that cache_write updates the KV buffer it names in place; whoever reads the new
// contents takes the write as input. Equal nodes are created once (hash-consing), so a mask or a RoPE table shared by
// all layers exists once.
class Graph {
 public:
  // Returns the existing node if an equal one is there. Inputs must precede; types are the caller's duty (see
  // InferType, Verify).
  NodeId Add(Node node);

  const Node& node(NodeId id) const { return nodes_[id]; }
  NodeId size() const { return static_cast<NodeId>(nodes_.size()); }

  // The result of a step: [1, vocab], the logits after its last token.
  NodeId logits() const { return logits_; }
  void set_logits(NodeId id) { logits_ = id; }

  // Readers of each node's value among the nodes that logits depend on; the logits themselves count one. Dead nodes
  // have 0.
  std::vector<int> CountUses() const;

  // One line per node that logits depend on: "%7 = mul(%3, %6) : bfloat16[seq, 2048]".
  std::string ToString() const;

 private:
  std::vector<Node> nodes_;
  absl::flat_hash_map<uint64_t, std::vector<NodeId>> by_hash_;
  NodeId logits_ = -1;
};

// The type of `op` applied to inputs of these types. `declared` supplies what the op cannot infer (leaves, cast,
// reshape, broadcast, slice) and is otherwise ignored. InvalidArgument names the op and the types that do not fit.
absl::StatusOr<TensorType> InferType(Op op, absl::Span<const TensorType> inputs, const Attributes& attributes,
                                     const TensorType& declared);

// Re-infers every node and checks that it has the type it claims, and that logits are [1, n]. Internal, naming the
// node.
absl::Status VerifyGraph(const Graph& graph);

// Dims as attribute values.
std::vector<int64_t> EncodeDim(Dim dim);
Dim DecodeDim(const std::vector<int64_t>& encoded);  // Empty decodes to 0.

}  // namespace metronome

#endif  // METRONOME_COMPILER_IR_GRAPH_H_
