#include <algorithm>
#include <array>
#include <cstring>

#include "kernels/base/status_macros.h"
#include "kernels/cpu/optimised/fused_steps.h"
#include "kernels/cpu/optimised/optimised.h"
#include "kernels/program/fused_program.h"
#include "kernels/program/fused_schedule.h"

// A program is interpreted a register of columns at a time, so that deciding what to do costs little beside doing it,
// and the values in between stay in the first-level cache.
namespace metronome::kernels::cpu {
namespace {

// Elements that a member takes at a time.
constexpr int64_t kGrainElements = 16384;
constexpr size_t kRegisterBytes = kFusedColumns * 4;

// What a launch of one program does, the same for all members.
struct Launch {
  Launch(const FusedProgram& p, const FusedShapes& shapes, const KernelArgs& a)
      : program(p), args(a), walk(WalkFused(p, shapes, a.inputs)), schedule(ScheduleFused(p, walk)) {}

  const FusedProgram& program;
  const KernelArgs& args;
  const FusedWalk walk;
  const FusedSchedule schedule;
};

const std::byte* ElementAt(const TensorView& view, int64_t index) {
  return static_cast<const std::byte*>(view.data) + index * static_cast<int64_t>(SizeOf(view.dtype));
}

// One member's registers.
class Worker {
 public:
  Worker(const Launch& launch, CpuContext& context, int member)
      : launch_(launch),
        program_(launch.program),
        memory_(static_cast<std::byte*>(
            context.Scratch(member, static_cast<size_t>(launch.program.values()) * kRegisterBytes))) {
    for (size_t i = 0; i < program_.constants.size(); ++i) {
      const int value = static_cast<int>(program_.inputs.size() + i);
      const FusedConstant& constant = program_.constants[i];
      if (IsFloat(constant.dtype)) {
        const auto number = static_cast<float>(constant.value);
        FillRegister(&number, kFusedColumns, Register(value));
      } else {
        const auto number = static_cast<int32_t>(constant.value);
        FillRegister(&number, kFusedColumns, Register(value));
      }
    }
  }

  // Columns [begin, end) of a row; where rows are reduced, all of them.
  void Run(int64_t row, int64_t begin, int64_t end) {
    row_ = row;
    width_ = std::min(end - begin, kFusedColumns);
    FindRow();
    for (const FusedSchedule::Pass& pass : launch_.schedule.passes) {
      for (const int step : pass.row_steps) RunOnce(step);
      double folded = pass.reduction < 0 ? 0 : FoldStart(program_.steps[pass.reduction].op);
      for (int64_t at = begin; at < end; at += kFusedColumns) {
        const int64_t columns = std::min(end - at, kFusedColumns);
        LoadColumns(at, columns);
        for (const int step : pass.element_steps) RunStepOn(step, columns);
        if (pass.reduction >= 0) {
          const FusedStep& step = program_.steps[pass.reduction];
          folded = FoldColumns(step.op, registers_[step.operands[0]], columns, folded);
        } else {
          StoreColumns(at, columns);
        }
      }
      if (pass.reduction >= 0) KeepFolded(pass.reduction, folded);
    }
    StoreRows();
  }

 private:
  // The value's own register, where it is from now on.
  void* Register(int value) {
    void* const own = memory_ + static_cast<size_t>(value) * kRegisterBytes;
    registers_[value] = own;
    return own;
  }

  void FindRow() {
    const FusedWalk& walk = launch_.walk;
    for (size_t i = 0; i < program_.inputs.size(); ++i) {
      int64_t rest = row_;
      starts_[i] = 0;
      for (int axis = walk.rank - 2; axis >= 0; --axis) {
        starts_[i] += rest % walk.sizes[axis] * walk.strides[i][axis];
        rest /= walk.sizes[axis];
      }
    }
    for (size_t i = 0; i < program_.inputs.size(); ++i) {
      if (!launch_.schedule.per_row[i]) continue;
      LoadRegister(program_.inputs[i], ElementAt(launch_.args.inputs[i], starts_[i]), 1, Register(static_cast<int>(i)));
      FillRegister(registers_[i], width_, Register(static_cast<int>(i)));
    }
  }

  // 4-byte numbers are used where they lie.
  void LoadColumns(int64_t at, int64_t columns) {
    for (size_t i = 0; i < program_.inputs.size(); ++i) {
      if (launch_.schedule.per_row[i]) continue;
      const std::byte* const from = ElementAt(launch_.args.inputs[i], starts_[i] + at);
      if (SizeOf(program_.inputs[i]) == 4) {
        registers_[i] = from;
      } else {
        LoadRegister(program_.inputs[i], from, columns, Register(static_cast<int>(i)));
      }
    }
  }

  void RunStepOn(int index, int64_t columns) {
    const FusedStep& step = program_.steps[index];
    const int last = step.operands[OperandCount(step.op) - 1];
    const void* operands[3] = {};
    for (int i = 0; i < OperandCount(step.op); ++i) operands[i] = registers_[step.operands[i]];
    RunStep(step, program_.dtype(last), operands, columns, Register(program_.first_step() + index));
  }

  void RunOnce(int index) {
    RunStepOn(index, 1);
    const int value = program_.first_step() + index;
    FillRegister(registers_[value], width_, Register(value));
  }

  void KeepFolded(int index, double folded) {
    const int value = program_.first_step() + index;
    auto number = static_cast<float>(folded);
    if (program_.steps[index].dtype == DType::kBFloat16) number = static_cast<float>(BFloat16(number));
    if (program_.steps[index].dtype == DType::kFloat16) number = static_cast<float>(Float16(number));
    FillRegister(&number, std::max<int64_t>(width_, 1), Register(value));
  }

  // Results of which every row has one element are stored when the row is done.
  bool OnceARow(size_t output) const {
    return launch_.walk.columns != 1 && launch_.args.outputs[output].elements() == launch_.walk.rows;
  }

  void StoreColumns(int64_t at, int64_t columns) {
    for (size_t i = 0; i < program_.results.size(); ++i) {
      if (!OnceARow(i)) Store(i, row_ * launch_.walk.columns + at, columns);
    }
  }

  void StoreRows() {
    for (size_t i = 0; i < program_.results.size(); ++i) {
      if (OnceARow(i)) Store(i, row_, 1);
    }
  }

  void Store(size_t output, int64_t index, int64_t columns) {
    const TensorView& view = launch_.args.outputs[output];
    StoreRegister(view.dtype, registers_[program_.results[output]], columns,
                  const_cast<std::byte*>(ElementAt(view, index)));
  }

  const Launch& launch_;
  const FusedProgram& program_;
  std::byte* memory_;
  int64_t row_ = 0;
  int64_t width_ = 0;  // Columns that registers of a row's values need.
  std::array<int64_t, kMaxFusedInputs> starts_{};
  std::array<const void*, kMaxFusedValues> registers_{};  // Where each value is now.
};

}  // namespace

absl::Status OptimisedFused(CpuContext& context, const KernelArgs& args) {
  ASSIGN_OR_RETURN(const FusedProgram* const program, context.fused_programs().Find(args));
  ASSIGN_OR_RETURN(const FusedShapes shapes, InferFusedShapes(*program, args.inputs, args.outputs));
  const Launch launch(*program, shapes, args);
  const FusedWalk& walk = launch.walk;
  if (program->reduces()) {
    const int64_t rows = std::max<int64_t>(1, kGrainElements / std::max<int64_t>(1, walk.columns));
    context.pool().ParallelFor(walk.rows, rows, [&](int64_t begin, int64_t end, int member) {
      Worker worker(launch, context, member);
      for (int64_t row = begin; row < end; ++row) worker.Run(row, 0, walk.columns);
    });
    return absl::OkStatus();
  }
  const int64_t pieces = (walk.columns + kFusedColumns - 1) / kFusedColumns;  // Of a row.
  const int64_t piece = std::min(kFusedColumns, walk.columns);
  const int64_t grain = std::max<int64_t>(1, kGrainElements / std::max<int64_t>(1, piece));
  context.pool().ParallelFor(walk.rows * pieces, grain, [&](int64_t begin, int64_t end, int member) {
    Worker worker(launch, context, member);
    for (int64_t at = begin; at < end; ++at) {
      const int64_t column = at % pieces * kFusedColumns;
      worker.Run(at / pieces, column, std::min(column + kFusedColumns, walk.columns));
    }
  });
  return absl::OkStatus();
}

}  // namespace metronome::kernels::cpu
