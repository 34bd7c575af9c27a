#include "tests/gpu/bench/kernel_shapes.h"

#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/driver/compile.h"
#include "compiler/frontend/catalogue.h"
#include "compiler/frontend/decoder.h"
#include "compiler/frontend/hf_config.h"
#include "kernels/base/status_macros.h"
#include "kernels/catalogue/catalogue.h"

namespace metronome::testing {
namespace {

constexpr runtime::StepShape kSteps[] = {{.seq = 1, .past = 1024}, {.seq = 1024, .past = 0}},
                             kTinySteps[] = {{.seq = 1, .past = 30}, {.seq = 12, .past = 0}};

// "1x2048".
std::string ShapeText(const runtime::PlanValue& value, const runtime::StepShape& step) {
  const kernels::Shape shape = runtime::EvaluateShape(value.shape, step);
  std::vector<int64_t> sizes;
  for (int axis = 0; axis < shape.rank(); ++axis) sizes.push_back(shape[axis]);
  const std::string text = sizes.empty() ? "scalar" : absl::StrJoin(sizes, "x");
  return value.dtype == kernels::DType::kBFloat16 ? text : absl::StrCat(text, ":", Name(value.dtype));
}

// What follows the model, the step and the count in a row.
std::string LaunchText(const runtime::Plan& plan, const runtime::KernelCall& call, const runtime::StepShape& step) {
  const auto operands = [&](const std::vector<runtime::ValueId>& ids) {
    return absl::StrJoin(ids, " ", [&](std::string* out, runtime::ValueId id) {
      absl::StrAppend(out, ShapeText(plan.values[id], step));
    });
  };
  kernels::Attributes attributes = call.attributes;
  for (const auto& [name, dim] : call.step_attributes) attributes.Set(name, dim.Evaluate(step));
  const auto views = [&](const std::vector<runtime::ValueId>& ids) {
    std::vector<kernels::TensorView> result;
    for (runtime::ValueId id : ids)
      result.push_back({.dtype = plan.values[id].dtype, .shape = runtime::EvaluateShape(plan.values[id].shape, step)});
    return result;
  };
  const std::vector<kernels::TensorView> inputs = views(call.inputs), outputs = views(call.outputs);
  const kernels::KernelCost cost =
      kernels::FindKernelSpec(call.kernel)->cost({.inputs = inputs, .outputs = outputs, .attributes = &attributes});
  return absl::StrCat(cost.bytes, ", ", cost.flops, ", \"", call.kernel, "\", \"", operands(call.inputs), "\", \"",
                      operands(call.outputs), "\", \"", attributes.ToString(), "\"");
}

absl::Status AddRows(const compiler::CatalogueEntry& model, absl::Span<const runtime::StepShape> steps,
                     std::string& table) {
  ASSIGN_OR_RETURN(const compiler::ModelConfig config, compiler::ParseHfConfig(model.config));
  ASSIGN_OR_RETURN(const compiler::Graph graph, compiler::BuildDecoder(config, kernels::DType::kBFloat16));
  ASSIGN_OR_RETURN(const compiler::CompileResult compiled, compiler::Compile(graph, compiler::ExecutionPath::kGraph));
  const runtime::Plan& plan = compiled.plans[0].plan;
  for (const runtime::StepShape& step : steps) {
    std::vector<std::pair<std::string, int>> rows;  // In the order of their first launches.
    std::map<std::string, size_t> at;
    for (const runtime::KernelCall& call : plan.calls) {
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
  for (const compiler::CatalogueEntry& model : compiler::ModelCatalogue()) {
    if (model.tiny == tiny) RETURN_IF_ERROR(AddRows(model, tiny ? kTinySteps : kSteps, table));
  }
  return table;
}

}  // namespace metronome::testing
