#ifndef METRONOME_COMPILER_FUSION_REGION_H_
#define METRONOME_COMPILER_FUSION_REGION_H_

#include <optional>
#include <vector>

#include "compiler/fusion/dataflow.h"
#include "kernels/program/fused_program.h"

namespace metronome::compiler {

// A value under a shape that has as many elements.
struct Operand {
  runtime::ValueId value = runtime::kNoValue;
  std::vector<runtime::Dim> shape;
  friend bool operator==(const Operand&, const Operand&) = default;
};

// Calls that one fused program computes, at the place of the last of them.
struct Region {
  std::vector<int> calls;  // Ascending.
  std::vector<int> kept;   // Of these: copies that others read too, which stay beside the program.
  kernels::FusedProgram program;
  std::vector<Operand> inputs, outputs;
};

// The program of these calls, which StepOf or CopiesOf knows. None where they are no region:
//  - shapes: one domain, which each value has, or its rows after a reduction. A smaller value may be computed again for
//    each element of the domain if that is cheap and nothing else reads it. A value that is read under another shape is
//    computed under that one, where its operands can follow. Where copies stand side by side, all shapes have an axis
//    for them.
//  - order: a reader outside that comes before the last call.
//  - limits of kernels/program/fused_limits.h.
std::optional<Region> DescribeRegion(const Dataflow& dataflow, std::vector<int> calls);

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_FUSION_REGION_H_
