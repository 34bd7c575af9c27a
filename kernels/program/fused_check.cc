#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernels/base/status_macros.h"
#include "kernels/catalogue/checks.h"
#include "kernels/program/fused_program.h"

namespace metronome::kernels {
namespace {

absl::StatusOr<FusedProgram> ParseOf(const KernelArgs& args) {
  std::vector<DType> dtypes;
  for (const TensorView& input : args.inputs) dtypes.push_back(input.dtype);
  return FusedProgram::Parse(args.attributes->String("program"), dtypes);
}

std::string Format(DType dtype, const Shape& shape) {
  return absl::StrCat(Name(dtype), "[", absl::StrJoin(shape.dims(), ", "), "]");
}

absl::Status Check(const KernelArgs& args) {
  ASSIGN_OR_RETURN(const FusedProgram program, ParseOf(args));
  ASSIGN_OR_RETURN(const FusedShapes shapes, InferFusedShapes(program, args.inputs, args.outputs));
  if (program.results.size() != args.outputs.size())
    return absl::InvalidArgumentError(
        absl::StrCat("the program gives ", program.results.size(), " results for ", args.outputs.size(), " outputs"));
  Shape row = shapes.domain;
  if (program.reduces()) row[row.rank() - 1] = 1;
  for (size_t i = 0; i < program.results.size(); ++i) {
    const int value = program.results[i];
    const TensorView& output = args.outputs[i];
    if (output.dtype != program.dtype(value))
      return absl::InvalidArgumentError(absl::StrCat("output ", i, " is ", Format(output.dtype, output.shape),
                                                     ", the program gives ", Name(program.dtype(value))));
    if (!(output.shape == shapes.domain) && !(program.reduces() && output.shape == row))
      return absl::InvalidArgumentError(absl::StrCat("output ", i, " is ", Format(output.dtype, output.shape),
                                                     ", smaller than the operands' ",
                                                     Format(output.dtype, shapes.domain)));
    for (int axis = 0; axis < output.shape.rank(); ++axis) {
      const int64_t size = shapes.values[value][axis];
      if (size != 1 && size != output.shape[axis])
        return absl::InvalidArgumentError(absl::StrCat("output ", i, " is ", Format(output.dtype, output.shape),
                                                       ", the program gives ",
                                                       Format(output.dtype, shapes.values[value])));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckFused(const KernelArgs& args) {
  const absl::Status status = Check(args);
  return status.ok() ? status : absl::InvalidArgumentError(absl::StrCat(": ", status.message()));
}

// Each step counts one operation an element of its result; a reduction, of its operand.
KernelCost FusedCost(const KernelArgs& args) {
  KernelCost cost;
  for (const TensorView& in : args.inputs) cost.bytes += in.bytes();
  for (const TensorView& out : args.outputs) cost.bytes += out.bytes();
  const absl::StatusOr<FusedProgram> program = ParseOf(args);
  if (!program.ok()) return cost;
  const absl::StatusOr<FusedShapes> shapes = InferFusedShapes(*program, args.inputs, args.outputs);
  if (!shapes.ok()) return cost;
  for (size_t i = 0; i < program->steps.size(); ++i) {
    const FusedStep& step = program->steps[i];
    const int value = IsReduction(step.op) ? step.operands[0] : program->first_step() + static_cast<int>(i);
    cost.flops += shapes->values[value].elements();
  }
  return cost;
}

}  // namespace metronome::kernels
