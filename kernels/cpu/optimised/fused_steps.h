#ifndef METRONOME_KERNELS_CPU_OPTIMISED_FUSED_STEPS_H_
#define METRONOME_KERNELS_CPU_OPTIMISED_FUSED_STEPS_H_

#include <cstdint>

#include "kernels/program/fused_program.h"

namespace metronome::kernels::cpu {

// A register: neighbouring columns of one value of a fused program, 4 bytes each. Floats of any dtype are float32
// numbers, bools are int32.
inline constexpr int64_t kFusedColumns = 256;

// Reads and writes elements in memory.
void LoadRegister(DType dtype, const void* from, int64_t columns, void* to);
void StoreRegister(DType dtype, const void* from, int64_t columns, void* to);
// The same element in all columns.
void FillRegister(const void* element, int64_t columns, void* to);

// One step that is no reduction, as the reference kernels compute it, to the bit. `dtype` is that of the last operand.
// The result may be an operand.
void RunStep(const FusedStep& step, DType dtype, const void* const (&operands)[3], int64_t columns, void* result);

// The fold of a register's columns into `value`, in order.
double FoldColumns(Op op, const void* operand, int64_t columns, double value);
double FoldStart(Op op);

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_OPTIMISED_FUSED_STEPS_H_
