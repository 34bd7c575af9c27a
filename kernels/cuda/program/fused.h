#ifndef METRONOME_KERNELS_CUDA_PROGRAM_FUSED_H_
#define METRONOME_KERNELS_CUDA_PROGRAM_FUSED_H_

#include <cstdint>

#include "kernels/catalogue/ops.h"
#include "kernels/cuda/primitives/device_context.h"
#include "kernels/interface/dtype_enum.h"
#include "kernels/program/fused_limits.h"

namespace metronome::kernels::cuda {

// The operands of a launch of `fused`, for the interpreter and for kernels that NVRTC made.
struct FusedOperands {
  FusedWalk walk;
  const void* inputs[kMaxFusedInputs] = {};
  void* outputs[kMaxFusedOutputs] = {};  // Dense: elements of the domain, or one a row.
};

// A step of a program; values are numbered as in FusedProgram.
struct FusedInstruction {
  Op op;
  OpGroup group;
  DType from;  // Of the last operand.
  DType to;    // Of the result.
  uint8_t operands[3];
};

// A program for the interpreter.
struct FusedCode {
  int inputs = 0, constants = 0, steps = 0, outputs = 0;
  DType input_dtypes[kMaxFusedInputs] = {};
  DType output_dtypes[kMaxFusedOutputs] = {};
  uint8_t results[kMaxFusedOutputs] = {};           // Values.
  bool once_a_row[kMaxFusedOutputs] = {};           // Else each element of the domain.
  uint32_t constant_bits[kMaxFusedConstants] = {};  // float32 or int32; 0 or 1.
  FusedInstruction instructions[kMaxFusedSteps] = {};
};

// Runs the program. Rows are folded in the order of the reduction kernels, for operands that begin aligned:
// `fold_width` neighbouring columns by each thread at a time.
struct FusedArgs {
  FusedOperands operands;
  FusedCode code;
  int fold_width = 0;  // 0: nothing is folded.
};
void LaunchFused(const DeviceContext& context, const FusedArgs& args);

// Threads of a group that folds a row: 8 or 32, or a block of 512.
int FusedGroup(int64_t columns, int fold_width);

// Where a generated kernel runs. `units` are rows that groups fold, or, without a group, pieces of a thread.
struct FusedGrid {
  unsigned blocks = 0;
  unsigned threads = 0;
};
FusedGrid FusedGridOf(const DeviceContext& context, int64_t units, int group);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PROGRAM_FUSED_H_
