#ifndef METRONOME_KERNELS_PROGRAM_FUSED_SCHEDULE_H_
#define METRONOME_KERNELS_PROGRAM_FUSED_SCHEDULE_H_

#include <vector>

#include "kernels/program/fused_program.h"

namespace metronome::kernels {

// The order in which a row of a walk is computed: passes over its columns, one for each reduction and one that stores
// the results. Steps are by index into program.steps.
struct FusedSchedule {
  struct Pass {
    std::vector<int> row_steps;      // First, once.
    std::vector<int> element_steps;  // Then for each column; again if an earlier pass had them.
    int reduction = -1;              // What folds the columns; -1 in the last pass.
  };
  std::vector<Pass> passes;
  std::vector<bool> per_row;  // By value: whether it is the same in all columns of a row.
};

// `inputs_per_row`: which inputs are the same in all columns of a row.
FusedSchedule ScheduleFused(const FusedProgram& program, const std::vector<bool>& inputs_per_row);
FusedSchedule ScheduleFused(const FusedProgram& program, const FusedWalk& walk);

std::vector<bool> InputsPerRow(const FusedWalk& walk, size_t inputs);

}  // namespace metronome::kernels

#endif  // METRONOME_KERNELS_PROGRAM_FUSED_SCHEDULE_H_
