#ifndef METRONOME_COMPILER_IR_GRAPH_H_
#define METRONOME_COMPILER_IR_GRAPH_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/base/cancel_token.h"
#include "kernels/catalogue/op_table.h"
#include "kernels/interface/attributes.h"
#include "kernels/interface/dtype.h"
#include "runtime/plan/dim.h"

namespace metronome::compiler {

// Index into a Graph, assigned in order of creation: inputs always precede their users.
using NodeId = int32_t;

struct TensorType {
  kernels::DType dtype = kernels::DType::kFloat32;
  std::vector<runtime::Dim> shape;  // Outermost first.

  int rank() const { return static_cast<int>(shape.size()); }
  std::string ToString() const;  // "bfloat16[seq, 2048]".
  friend bool operator==(const TensorType&, const TensorType&) = default;
};

struct Node {
  kernels::Op op = kernels::Op::kConstant;
  std::vector<NodeId> inputs;
  kernels::Attributes attributes;
  TensorType type;

  friend bool operator==(const Node&, const Node&) = default;
};

// A pure dataflow graph, except that cache_write and what it is fused into update the KV buffer they name in place;
// whoever reads the new contents takes the write as input. Equal nodes are created once (hash-consing), so a mask or a
// RoPE table shared by all layers exists once.
class Graph {
 public:
  // Returns the existing node if an equal one is there. Inputs must precede; types are the caller's duty (see
  // InferType, Verify).
  NodeId Add(Node node);

  const Node& node(NodeId id) const { return nodes_[id]; }
  NodeId size() const { return static_cast<NodeId>(nodes_.size()); }

  // What the graph computes. A whole model: the logits [1, vocab] after the step's last token, and the most
  // likely next token, int32 [1].
  const std::vector<NodeId>& results() const { return results_; }
  void set_results(std::vector<NodeId> results) { results_ = std::move(results); }

  // Readers of each node's value among the nodes that results depend on; being a result counts one. Dead nodes have 0.
  std::vector<int> CountUses() const;

  // One line per node that results depend on: "%7 = mul(%3, %6) : bfloat16[seq, 2048]".
  std::string ToString() const;

 private:
  std::vector<Node> nodes_;
  absl::flat_hash_map<uint64_t, std::vector<NodeId>> by_hash_;
  std::vector<NodeId> results_;
};

// The type of `op` applied to inputs of these types. `declared` supplies what the op cannot infer (leaves, cast,
// reshape, broadcast, slice) and is otherwise ignored. InvalidArgument names the op and the types that do not fit.
absl::StatusOr<TensorType> InferType(kernels::Op op, absl::Span<const TensorType> inputs,
                                     const kernels::Attributes& attributes, const TensorType& declared);

// Re-infers every node and checks that it has the type it claims, and that there are results. Internal, naming the
// node.
absl::Status VerifyGraph(const Graph& graph, const CancelToken& token = {});

// Outputs of the kernel that computes `node`: more than 1 for ops with an `output` attribute.
int OutputCount(const Node& node);
// The kernel call behind a node: its attributes without `output`, so that the nodes of one call compare equal.
kernels::Attributes CallAttributes(const Node& node);

// Dims as attribute values.
std::vector<int64_t> EncodeDim(runtime::Dim dim);
runtime::Dim DecodeDim(const std::vector<int64_t>& encoded);  // Empty decodes to 0.

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_IR_GRAPH_H_
