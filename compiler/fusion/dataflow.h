#ifndef METRONOME_COMPILER_FUSION_DATAFLOW_H_
#define METRONOME_COMPILER_FUSION_DATAFLOW_H_

#include <optional>
#include <vector>

#include "kernels/catalogue/ops.h"
#include "runtime/plan/plan.h"

namespace metronome::compiler {

// A place where a call's result is read: an operand of another call, or a result of the plan.
struct Use {
  static constexpr int kResult = -1;
  int call = kResult;                          // Index into plan.calls.
  runtime::ValueId value = runtime::kNoValue;  // The name it is read by: the call's output or an alias of it.
};

// Who writes and reads what in a plan, and which calls a fused program can stand for. The plan must outlive it.
class Dataflow {
 public:
  explicit Dataflow(const runtime::Plan& plan);

  const runtime::Plan& plan() const { return plan_; }
  const runtime::KernelCall& call(int index) const { return plan_.calls[index]; }
  int calls() const { return static_cast<int>(plan_.calls.size()); }
  const std::vector<runtime::Dim>& ShapeOf(runtime::ValueId value) const { return plan_.values[value].shape; }

  // The call that writes a temporary, by any of its names; -1 for what no call computes.
  int ProducerOf(runtime::ValueId value) const;
  const std::vector<Use>& UsesOf(int call) const { return uses_[call]; }  // Of all outputs.
  // The op of a call that may become a step. None for other kernels, reductions of other axes, calls whose result is
  // read as only a part of it, and calls that read a state which is written after them.
  std::optional<kernels::Op> StepOf(int call) const { return steps_[call]; }
  // Of a call that only repeats its operand's elements, which a program does by walking them: how many copies stand
  // side by side along the last axis (concat of a value with itself), or 1 (broadcast). 0 for all others.
  int64_t CopiesOf(int call) const { return copies_[call]; }

 private:
  bool MayFuse(int call) const;
  std::optional<kernels::Op> Classify(int call) const;
  int64_t CountCopies(int call) const;
  bool IsWhole(runtime::ValueId alias) const;

  const runtime::Plan& plan_;
  std::vector<int> producers_;     // By storage root.
  std::vector<int> last_written_;  // By storage root: the last call that does.
  std::vector<std::vector<Use>> uses_;
  std::vector<std::optional<kernels::Op>> steps_;
  std::vector<int64_t> copies_;
};

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_FUSION_DATAFLOW_H_
