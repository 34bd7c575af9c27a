#ifndef METRONOME_KERNELS_PROGRAM_FUSED_PROGRAM_H_
#define METRONOME_KERNELS_PROGRAM_FUSED_PROGRAM_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "kernels/catalogue/catalogue.h"
#include "kernels/catalogue/op_table.h"
#include "kernels/interface/backend.h"
#include "kernels/interface/dtype.h"
#include "kernels/interface/tensor_view.h"
#include "kernels/program/fused_limits.h"

namespace metronome::kernels {

// The op of this name, if programs may have it as a step.
std::optional<Op> ParseProgramStep(absl::string_view name);
inline int OperandCount(Op step) { return RowOf(step).least_inputs; }

// One primitive of a program. Operands are numbers of values: first the inputs, then the constants, then the steps.
struct FusedStep {
  Op op = Op::kNeg;
  DType dtype = DType::kFloat32;  // Of the result; each step is rounded to it as its primitive would.
  int operands[3] = {-1, -1, -1};
};

struct FusedConstant {
  DType dtype = DType::kFloat32;
  double value = 0;  // A number of the dtype.
};

// What the kernel `fused` computes: primitives on scalars, for each element of a domain that all operands broadcast to.
// As text: "t0 = cast(x0, float32); t1 = reduce_sum(t0); t2 = div(t0, t1); return t2, t0". x0, x1, ... are the inputs;
// a number is a constant of its neighbour's dtype. A reduction folds the domain's last axis and keeps it with size 1.
struct FusedProgram {
  std::vector<DType> inputs;
  std::vector<FusedConstant> constants;
  std::vector<FusedStep> steps;
  std::vector<int> results;  // Numbers of steps' values, distinct.

  int first_step() const { return static_cast<int>(inputs.size() + constants.size()); }  // Its value's number.
  int values() const { return first_step() + static_cast<int>(steps.size()); }
  DType dtype(int value) const;

  // InvalidArgument naming what is wrong and where: syntax, an unknown name, dtypes that do not fit, more of anything
  // than the limits of fused_limits.h, a step that nothing uses.
  static absl::StatusOr<FusedProgram> Parse(absl::string_view text, absl::Span<const DType> inputs);
  // Parses to the same program, if no step has only constants for operands.
  std::string ToString() const;
  bool reduces() const;  // Whether any step folds rows.
};

bool SameConstant(const FusedConstant& a, const FusedConstant& b);  // To the bit.
// The constant as a number of its dtype, as the runtime rounds constants.
double RoundConstant(DType dtype, double value);

// Shapes of a launch.
struct FusedShapes {
  Shape domain;               // What inputs and outputs broadcast to.
  std::vector<Shape> values;  // By number, each of the domain's rank; constants have one element.
};
// InvalidArgument where shapes do not broadcast, or a reduction's operand is not as long as the domain's rows.
absl::StatusOr<FusedShapes> InferFusedShapes(const FusedProgram& program, absl::Span<const TensorView> inputs,
                                             absl::Span<const TensorView> outputs = {});

FusedWalk WalkFused(const FusedProgram& program, const FusedShapes& shapes, absl::Span<const TensorView> inputs);

// Programs that were parsed once. Not thread-safe.
class FusedPrograms {
 public:
  // The program of a launch; valid as long as this. The errors of Parse.
  absl::StatusOr<const FusedProgram*> Find(const KernelArgs& args);

 private:
  absl::flat_hash_map<std::string, std::unique_ptr<FusedProgram>> programs_;  // By text and dtypes of inputs.
};

}  // namespace metronome::kernels

#endif  // METRONOME_KERNELS_PROGRAM_FUSED_PROGRAM_H_
