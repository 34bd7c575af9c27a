#ifndef METRONOME_RUNTIME_ENGINE_BOUND_PLAN_H_
#define METRONOME_RUNTIME_ENGINE_BOUND_PLAN_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/base/cancel_token.h"
#include "kernels/catalogue/catalogue.h"
#include "kernels/interface/backend.h"
#include "runtime/engine/recording_cache.h"
#include "runtime/plan/memory_plan.h"
#include "runtime/plan/plan.h"
#include "runtime/weights/weight_store.h"

namespace metronome::runtime {

// How the calls of a plan are launched.
enum class LaunchMode : uint8_t {
  kInOrder,  // One after the other, operands worked out for each step.
  kGraph,    // Operands are bound once for a number of tokens and only what depends on the position is renewed; small
             // calls that do not depend on each other run side by side. A backend that records launches is given the
             // whole step as one recording, from the second step at the same place on, whatever came in between.
};

// A plan with its kernels, weights and constants resolved on one backend. Place says where everything else lies for a
// step, Run launches it. Not thread-safe; backend, plan and weights must outlive it.
//
// METRONOME_DEBUG_SEQUENTIAL=1 in the environment waits for the device after every kernel, one at a time in the order
// of the plan, so that a failure names its kernel.
class BoundPlan {
 public:
  // What a step reads and writes besides weights and constants.
  struct Memory {
    void* tokens = nullptr;                        // int32 [seq].
    absl::Span<const kernels::TensorView> states;  // In the order of state_names().
    absl::Span<const kernels::TensorView> inputs;  // In the order of input_names(); shapes are those of the step.
    void* arena = nullptr;                         // ArenaBytes() of the step.
  };
  struct CallTime {
    size_t call = 0;
    int64_t ns = 0;
    kernels::KernelCost cost;  // Of the placed step.
  };

  // NotFound for a kernel that the backend lacks or a weight that the store lacks; ResourceExhausted; errors of the
  // token, which is asked every few weights.
  static absl::StatusOr<std::unique_ptr<BoundPlan>> Create(kernels::Backend& backend, const Plan& plan,
                                                           const WeightStore& weights, LaunchMode mode,
                                                           const CancelToken& token = {});

  const Plan& plan() const { return plan_; }
  const std::vector<std::string>& state_names() const { return state_names_; }
  const std::vector<std::string>& input_names() const { return input_names_; }

  // Bytes of arena that this step needs. Grows by powers of two of seq and past, so that it changes seldom.
  int64_t ArenaBytes(const StepShape& step);
  void Place(const StepShape& step, const Memory& memory);
  // Places a step that paused, as it was: `arrangement` is what arrangement() was then, though larger steps may have
  // been placed meanwhile.
  void PlaceAgain(const StepShape& step, const Memory& memory, const MemoryPlan& arrangement);
  // Where the temporaries of such a step lie in its arena.
  const MemoryPlan& arrangement(const StepShape& step) { return LayoutFor(step).memory; }

  // Launches the placed step. `keep_going`, if given, is asked before every launch; Cancelled when it says no. Errors
  // name the kernel.
  absl::Status Run(const std::function<bool()>& keep_going = nullptr);
  // Launches from launch `first` on until `pauses` says yes before one; that one, or launches() after the last. A step
  // that goes on is placed where it was, with all it has written there.
  absl::StatusOr<size_t> RunFrom(size_t first, const std::function<bool()>& pauses);
  size_t launches() const { return launches_.size(); }
  // Runs the placed step one call at a time and says how long each took on the device.
  absl::StatusOr<std::vector<CallTime>> Profile();

  // Why steps are launched call by call although the mode and the backend record: what the backend said when it last
  // refused to record or replay one. OK since it last recorded one, and before it was asked.
  const absl::Status& recording_refusal() const { return refusal_; }

  // Where result `index` of the placed step lies.
  const kernels::TensorView& result(size_t index) const { return views_[plan_.results[index]]; }
  const kernels::TensorView& view(ValueId id) const { return views_[id]; }

 private:
  // A memory plan and the largest step it serves. Decode has one of its own so that its few rows lie close together.
  struct Layout {
    StepShape capacity = {.seq = 0, .past = -1};
    MemoryPlan memory;
    uint64_t version = 0;  // Counts the plans that came before.
  };
  // The operands of a call: inputs, then outputs.
  struct Operands {
    std::vector<kernels::TensorView> views;
    size_t inputs = 0;
  };

  BoundPlan(kernels::Backend& backend, const Plan& plan, LaunchMode mode)
      : backend_(backend), plan_(plan), mode_(mode) {}

  absl::Status Bind(const WeightStore& weights, const CancelToken& token);
  void ArrangeWaves();
  Layout& LayoutFor(const StepShape& step);
  void PlaceAll(const Memory& memory, const MemoryPlan& arrangement);
  void PlaceValue(ValueId id, const Memory& memory, const MemoryPlan& arrangement);
  void BindOperands(size_t call);
  void RenewStepAttributes(size_t call);
  void GroupLaunches();
  bool MayRecord() const;
  StepPlace PlaceOf(const Memory& memory, const Layout& layout) const;
  // nullptr where the backend refuses.
  absl::StatusOr<std::unique_ptr<kernels::Recording>> RecordIfPossible(const std::function<absl::Status()>& launch);
  absl::StatusOr<bool> ReplayIfPossible(const kernels::Recording& recording);
  absl::Status Refused(const absl::Status& status);
  absl::Status LaunchAll(const std::function<bool()>& keep_going);
  absl::Status Launch(const std::vector<size_t>& calls);
  absl::Status LaunchBetween(absl::Span<const std::unique_ptr<kernels::TimeMark>> marks);
  kernels::KernelLaunch LaunchOf(size_t call) const;
  kernels::KernelCost CostOf(size_t call) const;
  absl::Status Explain(const absl::Status& status, absl::Span<const size_t> calls) const;

  kernels::Backend& backend_;
  const Plan& plan_;
  LaunchMode mode_;
  bool debug_sequential_ = false;
  std::vector<const kernels::Kernel*> kernels_;  // By call.
  std::vector<kernels::Attributes> attributes_;  // By call, step attributes included.
  std::vector<Operands> operands_;               // By call.
  std::vector<kernels::TensorView> views_;       // By ValueId.
  std::vector<int> numbers_;                     // By ValueId: of a state or an input; -1 for the others.
  std::vector<std::string> state_names_, input_names_;
  std::vector<std::unique_ptr<kernels::Buffer>> constants_;

  std::vector<int> waves_;                       // By call: 0 for calls that depend on none, and so on.
  std::vector<bool> moving_;                     // By ValueId: depends on the position.
  std::vector<ValueId> moving_values_;           // Those that do.
  std::vector<size_t> moving_calls_;             // Calls with such an operand or attribute.
  std::vector<bool> call_moves_;                 // By call: whether it is one of those.
  std::vector<std::vector<size_t>> launches_;    // Calls launched together, in order.
  std::vector<kernels::KernelLaunch> together_;  // Of the launch being made.

  Layout decode_layout_, prefill_layout_;
  StepShape step_;
  bool placed_ = false;
  bool recordable_ = true;  // Until the backend refuses for good.
  int refusals_ = 0;
  absl::Status refusal_;
  RecordingCache recordings_;
  RecordingCache::Entry* recorded_ = nullptr;  // Of the placed step; nullptr when steps are not recorded.
  Memory placed_memory_;                       // Its spans point into the two vectors below.
  std::vector<kernels::TensorView> placed_states_, placed_inputs_;
};

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_ENGINE_BOUND_PLAN_H_
