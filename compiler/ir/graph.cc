#include "compiler/ir/graph.h"

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernels/base/status_macros.h"

namespace metronome::compiler {
namespace {

uint64_t HashNode(const Node& node) {
  uint64_t hash = absl::HashOf(static_cast<int>(node.op), node.inputs, node.attributes.ToString(),
                               static_cast<int>(node.type.dtype));
  for (const runtime::Dim& dim : node.type.shape) hash = absl::HashOf(hash, dim.constant, dim.seq, dim.past);
  return hash;
}

std::string FormatIds(const std::vector<NodeId>& ids) {
  return absl::StrJoin(ids, ", ", [](std::string* out, NodeId id) { absl::StrAppend(out, "%", id); });
}

std::string FormatNode(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  std::string text = absl::StrCat("%", id, " = ", Name(node.op));
  if (!node.inputs.empty()) absl::StrAppend(&text, "(", FormatIds(node.inputs), ")");
  if (!node.attributes.empty()) absl::StrAppend(&text, " ", node.attributes.ToString());
  return absl::StrCat(text, " : ", node.type.ToString());
}

}  // namespace

std::string TensorType::ToString() const {
  return absl::StrCat(
      Name(dtype), "[",
      absl::StrJoin(shape, ", ", [](std::string* out, const runtime::Dim& dim) { out->append(dim.ToString()); }), "]");
}

NodeId Graph::Add(Node node) {
  std::vector<NodeId>& bucket = by_hash_[HashNode(node)];
  for (NodeId id : bucket) {
    if (nodes_[id] == node) return id;
  }
  bucket.push_back(size());
  nodes_.push_back(std::move(node));
  return size() - 1;
}

std::vector<int> Graph::CountUses() const {
  std::vector<int> uses(nodes_.size(), 0);
  for (NodeId id : results_) ++uses[id];
  for (NodeId id = size() - 1; id >= 0; --id) {
    if (uses[id] == 0) continue;
    for (NodeId input : nodes_[id].inputs) ++uses[input];
  }
  return uses;
}

std::string Graph::ToString() const {
  const std::vector<int> uses = CountUses();
  std::string text;
  for (NodeId id = 0; id < size(); ++id) {
    if (uses[id] > 0) absl::StrAppend(&text, FormatNode(*this, id), "\n");
  }
  absl::StrAppend(&text, "results ", FormatIds(results_), "\n");
  return text;
}

absl::Status VerifyGraph(const Graph& graph, const CancelToken& token) {
  for (NodeId id = 0; id < graph.size(); ++id) {
    if (absl::Status status = token.CheckSometimes(); !status.ok()) return status;
    const Node& node = graph.node(id);
    std::vector<TensorType> inputs;
    for (NodeId input : node.inputs) {
      if (input < 0 || input >= id)
        return absl::InternalError(absl::StrCat(FormatNode(graph, id), ": input %", input, " does not precede it"));
      inputs.push_back(graph.node(input).type);
    }
    const absl::StatusOr<TensorType> inferred = InferType(node.op, inputs, node.attributes, node.type);
    if (!inferred.ok())
      return absl::InternalError(absl::StrCat(FormatNode(graph, id), ": ", inferred.status().message()));
    if (*inferred != node.type)
      return absl::InternalError(absl::StrCat(FormatNode(graph, id), ": should be ", inferred->ToString()));
  }
  if (graph.results().empty()) return absl::InternalError("the graph has no results");
  for (NodeId id : graph.results()) {
    if (id < 0 || id >= graph.size()) return absl::InternalError(absl::StrCat("there is no result %", id));
  }
  return absl::OkStatus();
}

int OutputCount(const Node& node) {
  const kernels::OpRow& row = kernels::RowOf(node.op);
  if (row.least_outputs == row.most_outputs) return row.least_outputs;
  const size_t extras = node.attributes.Int("has_norm") != 0 ? 2 : 1;  // x, and the weight of its norm.
  return static_cast<int>(node.inputs.size() - extras) / (node.attributes.Int("has_bias") != 0 ? 2 : 1);
}

kernels::Attributes CallAttributes(const Node& node) {
  kernels::Attributes attributes;
  for (const auto& [name, value] : node.attributes.values()) {
    if (name != "output") attributes.Set(name, value);
  }
  return attributes;
}

std::vector<int64_t> EncodeDim(runtime::Dim dim) { return {dim.constant, dim.seq, dim.past}; }

runtime::Dim DecodeDim(const std::vector<int64_t>& encoded) {
  return encoded.size() == 3 ? runtime::Dim(encoded[0], encoded[1], encoded[2]) : runtime::Dim(0);
}

}  // namespace metronome::compiler
