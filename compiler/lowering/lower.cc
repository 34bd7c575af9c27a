#include "compiler/lowering/lower.h"

#include <map>
#include <utility>

#include "runtime/base/status_macros.h"

namespace metronome {
namespace {

class Lowering {
 public:
  Lowering(const Graph& graph, const CancelToken& token)
      : graph_(graph), token_(token), uses_(graph.CountUses()), values_(graph.size(), kNoValue) {}

  absl::StatusOr<Plan> Run() {
    for (NodeId id = 0; id < graph_.size(); ++id) {
      RETURN_IF_ERROR(token_.CheckSometimes());
      if (uses_[id] > 0) LowerNode(id);
    }
    for (NodeId id : graph_.results()) plan_.results.push_back(values_[id]);
    RETURN_IF_ERROR(ValidatePlan(plan_));
    return std::move(plan_);
  }

 private:
  ValueId Append(PlanValue value) {
    plan_.values.push_back(std::move(value));
    return static_cast<ValueId>(plan_.values.size()) - 1;
  }

  void LowerNode(NodeId id) {
    const Node& node = graph_.node(id);
    PlanValue value = {.dtype = node.type.dtype, .shape = node.type.shape};
    switch (node.op) {
      case Op::kTokens:
        value.storage = Storage::kTokens;
        break;
      case Op::kInput:
        value.storage = Storage::kInput;
        value.name = std::string(node.attributes.String("name"));
        break;
      case Op::kWeight:
        value.storage = Storage::kWeight;
        value.name = std::string(node.attributes.String("name"));
        value.init = static_cast<WeightInit>(node.attributes.Int("init"));
        break;
      case Op::kConstant:
        value.storage = Storage::kConstant;
        value.contents = node.attributes.Floats("values");
        break;
      case Op::kState:
        value.storage = Storage::kState;
        value.name = std::string(node.attributes.String("name"));
        break;
      case Op::kReshape:
      case Op::kCacheWrite:
        value.storage = Storage::kAlias;
        value.alias_of = values_[node.inputs[0]];
        break;
      default:
        break;
    }
    const bool calls = value.storage == Storage::kTemporary || node.op == Op::kCacheWrite;
    if (calls && OutputCount(node) > 1) {
      values_[id] = OutputOf(node);
      return;
    }
    values_[id] = Append(std::move(value));
    if (calls) AppendCall(node, {values_[id]});
  }

  // The nodes of a kernel with several outputs share one call, made for the first of them.
  ValueId OutputOf(const Node& node) {
    const Attributes attributes = CallAttributes(node);
    const auto output = static_cast<size_t>(node.attributes.Int("output"));
    std::vector<Group>& groups = grouped_[node.inputs];
    for (const auto& [first, outputs] : groups) {
      if (first->op == node.op && CallAttributes(*first) == attributes) return outputs[output];
    }
    std::vector<ValueId> outputs;
    for (int i = 0; i < OutputCount(node); ++i) {
      const TensorType type = OutputType(node, i);
      PlanValue value = {.dtype = type.dtype, .shape = type.shape};
      if (const int written = WrittenInput(node.op, i); written >= 0) {
        value.storage = Storage::kAlias;
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
    Attributes attributes = node.attributes;
    attributes.Set("output", int64_t{output});
    return *InferType(node.op, inputs, attributes, node.type);  // The node itself has passed.
  }

  void AppendCall(const Node& node, std::vector<ValueId> outputs) {
    KernelCall call = {.kernel = std::string(Name(node.op)), .outputs = std::move(outputs)};
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

  using Group = std::pair<const Node*, std::vector<ValueId>>;

  const Graph& graph_;
  const CancelToken& token_;
  std::vector<int> uses_;
  std::vector<ValueId> values_;
  std::map<std::vector<NodeId>, std::vector<Group>> grouped_;  // Calls with several outputs, by their inputs.
  Plan plan_;
};

}  // namespace

absl::StatusOr<Plan> Lower(const Graph& graph, const CancelToken& token) { return Lowering(graph, token).Run(); }

}  // namespace metronome
