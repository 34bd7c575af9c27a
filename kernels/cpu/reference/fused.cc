#include <cstddef>
#include <vector>

#include "kernels/base/status_macros.h"
#include "kernels/cpu/reference/reference.h"
#include "kernels/interface/convert.h"
#include "kernels/program/fused_program.h"

namespace metronome::kernels::cpu {
namespace {

const CpuFunctionTable& Primitives() {
  static const CpuFunctionTable& table = *[] {
    auto* const primitives = new CpuFunctionTable();
    AddReferenceElementwise(*primitives);
    AddReferenceLayout(*primitives);
    AddReferenceRows(*primitives);
    return primitives;
  }();
  return table;
}

// A value of its own memory.
TensorView Allocate(DType dtype, const Shape& shape, std::vector<std::vector<std::byte>>& memory) {
  TensorView view = {.dtype = dtype, .shape = shape};
  view.data = memory.emplace_back(view.bytes()).data();
  return view;
}

void Encode(double value, const TensorView& view) {
  if (view.dtype == DType::kInt32) {
    *view.as<int32_t>() = static_cast<int32_t>(value);
  } else if (view.dtype == DType::kBool) {
    *view.as<uint8_t>() = value != 0 ? 1 : 0;
  } else {
    const auto number = static_cast<float>(value);
    ConvertElements(&number, DType::kFloat32, view.data, view.dtype, 1);
  }
}

// Each step by its primitive's kernel, with all values in memory.
absl::Status Fused(CpuContext& context, const KernelArgs& args) {
  ASSIGN_OR_RETURN(const FusedProgram* const program, context.fused_programs().Find(args));
  ASSIGN_OR_RETURN(const FusedShapes shapes, InferFusedShapes(*program, args.inputs, args.outputs));
  std::vector<std::vector<std::byte>> memory;
  memory.reserve(program->values());
  std::vector<TensorView> values(args.inputs.begin(), args.inputs.end());
  for (size_t i = 0; i < values.size(); ++i) values[i].shape = shapes.values[i];
  for (const FusedConstant& constant : program->constants) {
    values.push_back(Allocate(constant.dtype, shapes.values[values.size()], memory));
    Encode(constant.value, values.back());
  }
  const Attributes attributes = {{"axis", int64_t{shapes.domain.rank() - 1}}};
  for (const FusedStep& step : program->steps) {
    std::vector<TensorView> operands;
    for (int i = 0; i < OperandCount(step.op); ++i) operands.push_back(values[step.operands[i]]);
    const TensorView result = Allocate(step.dtype, shapes.values[values.size()], memory);
    RETURN_IF_ERROR(Primitives().at(Name(step.op))(
        context, {.inputs = operands, .outputs = absl::MakeConstSpan(&result, 1), .attributes = &attributes}));
    values.push_back(result);
  }
  for (size_t i = 0; i < args.outputs.size(); ++i) {
    const KernelArgs broadcast = {.inputs = absl::MakeConstSpan(&values[program->results[i]], 1),
                                  .outputs = args.outputs.subspan(i, 1),
                                  .attributes = &attributes};
    RETURN_IF_ERROR(Primitives().at("broadcast")(context, broadcast));
  }
  return absl::OkStatus();
}

}  // namespace

void AddReferenceFused(CpuFunctionTable& table) { table["fused"] = Fused; }

}  // namespace metronome::kernels::cpu
