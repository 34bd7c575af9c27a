#ifndef METRONOME_KERNELS_CUDA_PROGRAM_FUSED_SOURCE_H_
#define METRONOME_KERNELS_CUDA_PROGRAM_FUSED_SOURCE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "kernels/cuda/program/fused.h"
#include "kernels/program/fused_program.h"

namespace metronome::kernels::cuda {

// How a generated kernel walks its operands: all that its source depends on beside the program.
struct FusedVariant {
  int rank = 1;
  int width = 1;            // Columns that a thread takes at a time; the fold's order where rows are folded.
  bool packs = false;       // As vectors; else one by one.
  int group = 0;            // Threads that fold a row; 0: nothing is folded.
  bool wide = false;        // 32 bits do not count the elements.
  uint32_t per_row = 0;     // Bit i: input i is the same in all columns of a row.
  uint32_t once_a_row = 0;  // Bit i: output i has one element a row.

  friend bool operator==(const FusedVariant&, const FusedVariant&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const FusedVariant& v) {
    return H::combine(std::move(h), v.rank, v.width, v.packs, v.group, v.wide, v.per_row, v.once_a_row);
  }
};

FusedVariant VariantOf(const FusedProgram& program, const FusedArgs& args);

// CUDA C++ of a kernel `name` (FusedOperands), to follow kFusedInclude. It computes what the interpreter does, to the
// bit.
std::string GenerateFusedSource(const FusedProgram& program, const FusedVariant& variant, absl::string_view name);
inline constexpr absl::string_view kFusedInclude = "#include \"kernels/cuda/program/fused_columns.cuh\"\n";

// Blocks and threads of a launch of the kernel.
FusedGrid GridOf(const DeviceContext& context, const FusedVariant& variant, const FusedWalk& walk);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PROGRAM_FUSED_SOURCE_H_
