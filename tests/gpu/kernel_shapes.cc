#include "tests/gpu/kernel_shapes.h"

#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/driver/compile.h"
#include "compiler/frontend/catalogue.h"
#include "compiler/frontend/decoder.h"
#include "compiler/frontend/hf_config.h"
#include "kernels/catalogue/catalogue.h"
#include "runtime/base/status_macros.h"

namespace metronome::testing {
namespace {

constexpr StepShape kSteps[] = {{.seq = 1, .past = 1024}, {.seq = 1024, .past = 0}},
                    kTinySteps[] = {{.seq = 1, .past = 30}, {.seq = 12, .past = 0}};

// "1x2048".
std::string ShapeText(const PlanValue& value, const StepShape& step) {
  const Shape shape = EvaluateShape(value.shape, step);
  std::vector<int64_t> sizes;
  for (int axis = 0; axis < shape.rank(); ++axis) sizes.push_back(shape[axis]);
  const std::string text = sizes.empty() ? "scalar" : absl::StrJoin(sizes, "x");
  return value.dtype == DType::kBFloat16 ? text : absl::StrCat(text, ":", Name(value.dtype));
}

// What follows the model, the step and the count in a row.
std::string LaunchText(const Plan& plan, const KernelCall& call, const StepShape& step) {
  const auto operands = [&](const std::vector<ValueId>& ids) {
    return absl::StrJoin(ids, " ",
                         [&](std::string* out, ValueId id) { absl::StrAppend(out, ShapeText(plan.values[id], step)); });
  };
  Attributes attributes = call.attributes;
  for (const auto& [name, dim] : call.step_attributes) attributes.Set(name, dim.Evaluate(step));
  const auto views = [&](const std::vector<ValueId>& ids) {
    std::vector<TensorView> result;
    for (ValueId id : ids)
      result.push_back({.dtype = plan.values[id].dtype, .shape = EvaluateShape(plan.values[id].shape, step)});
    return result;
  };
  const std::vector<TensorView> inputs = views(call.inputs), outputs = views(call.outputs);
  const KernelCost cost =
      FindKernelSpec(call.kernel)->cost({.inputs = inputs, .outputs = outputs, .attributes = &attributes});
  return absl::StrCat(cost.bytes, ", ", cost.flops, ", \"", call.kernel, "\", \"", operands(call.inputs), "\", \"",
                      operands(call.outputs), "\", \"", attributes.ToString(), "\"");
}

absl::Status AddRows(const CatalogueEntry& model, absl::Span<const StepShape> steps, std::string& table) {
  ASSIGN_OR_RETURN(const ModelConfig config, ParseHfConfig(model.config));
  ASSIGN_OR_RETURN(const Graph graph, BuildDecoder(config, DType::kBFloat16));
  ASSIGN_OR_RETURN(const CompileResult compiled, Compile(graph, ExecutionPath::kGraph));
  const Plan& plan = compiled.plans[0].plan;
  for (const StepShape& step : steps) {
    std::vector<std::pair<std::string, int>> rows;  // In the order of their first launches.
    std::map<std::string, size_t> at;
    for (const KernelCall& call : plan.calls) {
      const std::string text = LaunchText(plan, call, step);
      const auto [found, is_new] = at.emplace(text, rows.size());
      if (is_new) rows.emplace_back(text, 0);
      ++rows[found->second].second;
    }
    for (const auto& [text, count] : rows)
      absl::StrAppend(&table, "{\"", model.key, "\", ", step.seq, ", ", count, ", ", text, "},\n");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> KernelShapeTable(bool tiny) {
  std::string table =
      "// Written by write_kernel_shapes: {model, tokens, launches, bytes, flops, kernel, inputs, outputs, "
      "attributes}.\n";
  for (const CatalogueEntry& model : ModelCatalogue()) {
    if (model.tiny == tiny) RETURN_IF_ERROR(AddRows(model, tiny ? kTinySteps : kSteps, table));
  }
  return table;
}

}  // namespace metronome::testing
