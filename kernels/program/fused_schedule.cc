#include "kernels/program/fused_schedule.h"

#include <algorithm>

namespace metronome::kernels {
namespace {

class Scheduler {
 public:
  Scheduler(const FusedProgram& program, const std::vector<bool>& inputs_per_row) : program_(program) {
    Classify(inputs_per_row);
  }

  FusedSchedule Run() {
    for (const int reduction : reductions_) AddPass(reduction);
    AddPass(-1);
    return std::move(schedule_);
  }

 private:
  int ValueOf(int step) const { return program_.first_step() + step; }

  // A value is there from the pass on that follows all reductions it depends on.
  void Classify(const std::vector<bool>& inputs_per_row) {
    schedule_.per_row.assign(program_.values(), true);
    first_pass_.assign(program_.values(), 0);
    std::copy(inputs_per_row.begin(), inputs_per_row.end(), schedule_.per_row.begin());
    for (int i = 0; i < static_cast<int>(program_.steps.size()); ++i) {
      const FusedStep& step = program_.steps[i];
      bool per_row = true;
      int pass = 0;
      for (int operand = 0; operand < OperandCount(step.op); ++operand) {
        per_row = per_row && schedule_.per_row[step.operands[operand]];
        pass = std::max(pass, first_pass_[step.operands[operand]]);
      }
      if (IsReduction(step.op)) {
        reductions_.push_back(i);
        per_row = true;
        pass = static_cast<int>(reductions_.size());
      }
      schedule_.per_row[ValueOf(i)] = per_row;
      first_pass_[ValueOf(i)] = pass;
    }
  }

  void AddPass(int reduction) {
    const auto number = static_cast<int>(schedule_.passes.size());
    std::vector<bool> needed(program_.values());
    if (reduction >= 0) {
      needed[program_.steps[reduction].operands[0]] = true;
    } else {
      for (const int result : program_.results) needed[result] = true;
    }
    FusedSchedule::Pass pass = {.reduction = reduction};
    for (int i = static_cast<int>(program_.steps.size()) - 1; i >= 0; --i) {
      const FusedStep& step = program_.steps[i];
      const int value = ValueOf(i);
      if (schedule_.per_row[value]) {
        if (first_pass_[value] == number && !IsReduction(step.op)) pass.row_steps.push_back(i);
      } else if (needed[value]) {
        pass.element_steps.push_back(i);
        for (int operand = 0; operand < OperandCount(step.op); ++operand) needed[step.operands[operand]] = true;
      }
    }
    std::reverse(pass.row_steps.begin(), pass.row_steps.end());
    std::reverse(pass.element_steps.begin(), pass.element_steps.end());
    schedule_.passes.push_back(std::move(pass));
  }

  const FusedProgram& program_;
  std::vector<int> reductions_;  // Steps.
  std::vector<int> first_pass_;  // By value.
  FusedSchedule schedule_;
};

}  // namespace

FusedSchedule ScheduleFused(const FusedProgram& program, const std::vector<bool>& inputs_per_row) {
  return Scheduler(program, inputs_per_row).Run();
}

FusedSchedule ScheduleFused(const FusedProgram& program, const FusedWalk& walk) {
  return ScheduleFused(program, InputsPerRow(walk, program.inputs.size()));
}

std::vector<bool> InputsPerRow(const FusedWalk& walk, size_t inputs) {
  std::vector<bool> per_row;
  for (size_t i = 0; i < inputs; ++i) per_row.push_back(walk.strides[i][walk.rank - 1] == 0 || walk.columns == 1);
  return per_row;
}

}  // namespace metronome::kernels
