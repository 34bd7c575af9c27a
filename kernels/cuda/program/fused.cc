#include "kernels/cuda/program/fused.h"

#include <bit>

#include "kernels/base/status_macros.h"
#include "kernels/cuda/kernel_table.h"
#include "kernels/cuda/program/fused_launcher.h"
#include "kernels/program/fused_program.h"

namespace metronome::kernels::cuda {
namespace {

constexpr int kVectorBytes = 16;

uint32_t BitsOf(const FusedConstant& constant) {
  if (IsFloat(constant.dtype)) return std::bit_cast<uint32_t>(static_cast<float>(constant.value));
  return static_cast<uint32_t>(static_cast<int32_t>(constant.value));
}

FusedCode CodeOf(const FusedProgram& program, const FusedWalk& walk, absl::Span<const TensorView> outputs) {
  FusedCode code = {.inputs = static_cast<int>(program.inputs.size()),
                    .constants = static_cast<int>(program.constants.size()),
                    .steps = static_cast<int>(program.steps.size()),
                    .outputs = static_cast<int>(outputs.size())};
  std::copy(program.inputs.begin(), program.inputs.end(), code.input_dtypes);
  for (size_t i = 0; i < program.constants.size(); ++i) code.constant_bits[i] = BitsOf(program.constants[i]);
  for (size_t i = 0; i < program.steps.size(); ++i) {
    const FusedStep& step = program.steps[i];
    FusedInstruction& instruction = code.instructions[i];
    instruction = {.op = step.op,
                   .group = GroupOf(step.op),
                   .from = program.dtype(step.operands[OperandCount(step.op) - 1]),
                   .to = step.dtype,
                   .operands = {}};
    for (int operand = 0; operand < OperandCount(step.op); ++operand)
      instruction.operands[operand] = static_cast<uint8_t>(step.operands[operand]);
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    code.output_dtypes[i] = outputs[i].dtype;
    code.results[i] = static_cast<uint8_t>(program.results[i]);
    code.once_a_row[i] = program.reduces() && walk.columns != 1 && outputs[i].shape.back() == 1;
  }
  return code;
}

// As the reduction kernels would fold the first sum's operand; a maximum is the same in any order.
int FoldWidth(const FusedProgram& program, int64_t columns) {
  DType dtype = DType::kFloat32;
  for (auto step = program.steps.rbegin(); step != program.steps.rend(); ++step) {
    if (step->op == Op::kReduceSum) dtype = step->dtype;
  }
  const int vector = kVectorBytes / static_cast<int>(SizeOf(dtype));
  return columns % vector == 0 ? vector : 1;
}

absl::Status Fused(const DeviceContext& context, const KernelArgs& args) {
  FusedPrograms parsed;
  FusedPrograms& programs = context.fused != nullptr ? context.fused->programs() : parsed;
  ASSIGN_OR_RETURN(const FusedProgram* const program, programs.Find(args));
  ASSIGN_OR_RETURN(const FusedArgs launch, PrepareFused(*program, args));
  if (context.fused != nullptr) {
    ASSIGN_OR_RETURN(const bool launched, context.fused->Launch(context, *program, launch));
    if (launched) return absl::OkStatus();
  }
  LaunchFused(context, launch);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<FusedArgs> PrepareFused(const FusedProgram& program, const KernelArgs& args) {
  ASSIGN_OR_RETURN(const FusedShapes shapes, InferFusedShapes(program, args.inputs, args.outputs));
  FusedArgs launch;
  launch.operands.walk = WalkFused(program, shapes, args.inputs);
  for (size_t i = 0; i < args.inputs.size(); ++i) launch.operands.inputs[i] = args.inputs[i].data;
  for (size_t i = 0; i < args.outputs.size(); ++i) launch.operands.outputs[i] = args.outputs[i].data;
  launch.code = CodeOf(program, launch.operands.walk, args.outputs);
  if (program.reduces()) launch.fold_width = FoldWidth(program, launch.operands.walk.columns);
  return launch;
}

void AddFused(CudaFunctionTable& table) { table["fused"] = Fused; }

}  // namespace metronome::kernels::cuda
