#include "compiler/lowering/lower.h"

#include <map>
#include <utility>

#include "kernels/base/status_macros.h"

namespace metronome::compiler {
namespace {

class Lowering {
 public:
  Lowering(const Graph& graph, const CancelToken& token)
      : graph_(graph), token_(token), uses_(graph.CountUses()), values_(graph.size(), runtime::kNoValue) {}

  absl::StatusOr<runtime::Plan> Run() {
    for (NodeId id = 0; id < graph_.size(); ++id) {
      RETURN_IF_ERROR(token_.CheckSometimes());
      if (uses_[id] > 0) LowerNode(id);
    }
    for (NodeId id : graph_.results()) plan_.results.push_back(values_[id]);
    RETURN_IF_ERROR(runtime::ValidatePlan(plan_));
    return std::move(plan_);
  }

 private:
  runtime::ValueId Append(runtime::PlanValue value) {
    plan_.values.push_back(std::move(value));
    return static_cast<runtime::ValueId>(plan_.values.size()) - 1;
  }

  void LowerNode(NodeId id) {
    const Node& node = graph_.node(id);
    runtime::PlanValue value = {.dtype = node.type.dtype, .shape = node.type.shape};
    switch (node.op) {
      case kernels::Op::kTokens:
        value.storage = runtime::Storage::kTokens;
        break;
      case kernels::Op::kInput:
        value.storage = runtime::Storage::kInput;
        value.name = std::string(node.attributes.String("name"));
        break;
      case kernels::Op::kWeight:
        value.storage = runtime::Storage::kWeight;
        value.name = std::string(node.attributes.String("name"));
        value.init = static_cast<runtime::WeightInit>(node.attributes.Int("init"));
        break;
      case kernels::Op::kConstant:
        value.storage = runtime::Storage::kConstant;
        value.contents = node.attributes.Floats("values");
        break;
      case kernels::Op::kState:
        value.storage = runtime::Storage::kState;
        value.name = std::string(node.attributes.String("name"));
        break;
      case kernels::Op::kReshape:
      case kernels::Op::kCacheWrite:
        value.storage = runtime::Storage::kAlias;
        value.alias_of = values_[node.inputs[0]];
        break;
      default:
        break;
    }
    const bool calls = value.storage == runtime::Storage::kTemporary || node.op == kernels::Op::kCacheWrite;
    if (calls && OutputCount(node) > 1) {
      values_[id] = OutputOf(node);
      return;
    }
    values_[id] = Append(std::move(value));
    if (calls) AppendCall(node, {values_[id]});
  }

  // The nodes of a kernel with several outputs share one call, made for the first of them.
  runtime::ValueId OutputOf(const Node& node) {
    const kernels::Attributes attributes = CallAttributes(node);
    const auto output = static_cast<size_t>(node.attributes.Int("output"));
    std::vector<Group>& groups = grouped_[node.inputs];
    for (const auto& [first, outputs] : groups) {
      if (first->op == node.op && CallAttributes(*first) == attributes) return outputs[output];
    }
    std::vector<runtime::ValueId> outputs;
    for (int i = 0; i < OutputCount(node); ++i) {
      const TensorType type = OutputType(node, i);
      runtime::PlanValue value = {.dtype = type.dtype, .shape = type.shape};
      if (const int written = kernels::WrittenInput(node.op, i); written >= 0) {
        value.storage = runtime::Storage::kAlias;
        value.alias_of = values_[node.inputs[written]];
      }
      outputs.push_back(Append(std::move(value)));
    }
    AppendCall(node, outputs);
    groups.emplace_back(&node, outputs);
    return outputs[output];
  }

  TensorType OutputType(const Node& node, int output) const {
    std::vector<TensorType> inputs;
    for (NodeId input : node.inputs) inputs.push_back(graph_.node(input).type);
    kernels::Attributes attributes = node.attributes;
    attributes.Set("output", int64_t{output});
    return *InferType(node.op, inputs, attributes, node.type);  // The node itself has passed.
  }

  void AppendCall(const Node& node, std::vector<runtime::ValueId> outputs) {
    runtime::KernelCall call = {.kernel = std::string(Name(node.op)), .outputs = std::move(outputs)};
    for (NodeId input : node.inputs) call.inputs.push_back(values_[input]);
    for (const auto& [name, attribute] : node.attributes.values()) {
      if (name == "output") continue;
      if (name == "start") {
        call.step_attributes.emplace_back(name, DecodeDim(std::get<std::vector<int64_t>>(attribute)));
      } else {
        call.attributes.Set(name, attribute);
      }
    }
    plan_.calls.push_back(std::move(call));
  }

  using Group = std::pair<const Node*, std::vector<runtime::ValueId>>;

  const Graph& graph_;
  const CancelToken& token_;
  std::vector<int> uses_;
  std::vector<runtime::ValueId> values_;
  std::map<std::vector<NodeId>, std::vector<Group>> grouped_;  // Calls with several outputs, by their inputs.
  runtime::Plan plan_;
};

}  // namespace

absl::StatusOr<runtime::Plan> Lower(const Graph& graph, const CancelToken& token) {
  return Lowering(graph, token).Run();
}

}  // namespace metronome::compiler
