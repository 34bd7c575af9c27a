#include "compiler/lowering/lower.h"

#include <utility>

#include "runtime/base/status_macros.h"

namespace metronome {
namespace {

class Lowering {
 public:
  explicit Lowering(const Graph& graph) : graph_(graph), uses_(graph.CountUses()), values_(graph.size(), kNoValue) {}

  absl::StatusOr<Plan> Run() {
    for (NodeId id = 0; id < graph_.size(); ++id) {
      if (uses_[id] > 0) LowerNode(id);
    }
    if (plan_.tokens == kNoValue)
      plan_.tokens = Append({.storage = Storage::kTokens, .dtype = DType::kInt32, .shape = {Dim::Seq()}});
    plan_.logits = values_[graph_.logits()];
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
        plan_.tokens = values_[id] = Append(std::move(value));
        return;
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
    values_[id] = Append(std::move(value));
    if (calls) AppendCall(node, values_[id]);
  }

  void AppendCall(const Node& node, ValueId output) {
    KernelCall call = {.kernel = std::string(Name(node.op)), .outputs = {output}};
    for (NodeId input : node.inputs) call.inputs.push_back(values_[input]);
    for (const auto& [name, attribute] : node.attributes.values()) {
      if (name == "start") {
        call.step_attributes.emplace_back(name, DecodeDim(std::get<std::vector<int64_t>>(attribute)));
      } else {
        call.attributes.Set(name, attribute);
      }
    }
    plan_.calls.push_back(std::move(call));
  }

  const Graph& graph_;
  std::vector<int> uses_;
  std::vector<ValueId> values_;
  Plan plan_;
};

}  // namespace

absl::StatusOr<Plan> Lower(const Graph& graph) { return Lowering(graph).Run(); }

}  // namespace metronome
