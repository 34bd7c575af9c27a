#ifndef METRONOME_RUNTIME_ENGINE_EXECUTOR_H_
#define METRONOME_RUNTIME_ENGINE_EXECUTOR_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/backend.h"
#include "runtime/kv/kv_cache.h"
#include "runtime/plan/memory_plan.h"
#include "runtime/plan/plan.h"
#include "runtime/weights/weight_store.h"

namespace metronome {

// What a plan needs from outside, in the order of its values.
std::vector<WeightSpec> WeightSpecsOf(const Plan& plan);
std::vector<KvStateSpec> KvStateSpecsOf(const Plan& plan);

// Runs a plan step by step on one backend. Kernels, weights and constants are resolved once, at creation; a step
// evaluates shapes and launches. Temporaries share one arena, which grows to the largest step seen and never shrinks.
//
// Not thread-safe: the thread that drives the backend calls it. The backend, plan and weights must outlive it.
//
// METRONOME_DEBUG_SEQUENTIAL=1 in the environment waits for the device after every kernel, so that a failure names its
// kernel.
class Executor {
 public:
  // NotFound for a kernel the backend lacks or a weight the store lacks; ResourceExhausted.
  static absl::StatusOr<std::unique_ptr<Executor>> Create(Backend& backend, const Plan& plan,
                                                          const WeightStore& weights);

  // Runs the plan for `tokens` at positions cache.length() and up, and advances the cache by as many. Afterwards
  // logits() are those after the last token. On error the cache keeps its length, and the same step may be tried again.
  // InvalidArgument (no tokens), OutOfRange (the cache is full, or a token id is not in the vocabulary),
  // ResourceExhausted.
  absl::Status Step(absl::Span<const int32_t> tokens, KvCache& cache);

  // [vocab]; valid until the next Step.
  absl::Span<const float> logits() const { return logits_; }

  int64_t arena_bytes() const { return arena_ == nullptr ? 0 : arena_->size_bytes(); }
  // What the arena would take for steps up to this shape.
  int64_t ArenaBytesFor(const StepShape& capacity) const { return PlanMemory(plan_, capacity).arena_bytes; }

 private:
  // A memory plan and the largest step it serves. Decode has one of its own so that its few rows lie close together.
  struct Layout {
    StepShape capacity = {.seq = 0, .past = -1};
    MemoryPlan memory;
  };

  Executor(Backend& backend, const Plan& plan) : backend_(backend), plan_(plan) {}

  absl::Status Bind(const WeightStore& weights);
  absl::StatusOr<const Layout*> LayoutFor(const StepShape& step);
  absl::Status PlaceValues(const StepShape& step, const KvCache& cache);
  absl::Status LaunchAll(const StepShape& step);
  absl::Status Launch(size_t call, const StepShape& step);
  absl::Status FetchLogits();

  Backend& backend_;
  const Plan& plan_;
  bool debug_sequential_ = false;
  std::vector<const Kernel*> kernels_;  // By call.
  std::vector<Attributes> attributes_;  // By call, step attributes included.
  std::vector<TensorView> views_;       // By ValueId.
  std::vector<int> state_index_;        // By ValueId; -1 where not a state.
  std::vector<std::unique_ptr<Buffer>> constants_;
  std::unique_ptr<Buffer> tokens_;
  std::unique_ptr<Buffer> arena_;
  Layout decode_layout_;
  Layout prefill_layout_;
  std::vector<TensorView> inputs_, outputs_;  // Of the call being launched.
  std::vector<std::byte> raw_logits_;
  std::vector<float> logits_;
};

}  // namespace metronome

#endif  // METRONOME_RUNTIME_ENGINE_EXECUTOR_H_
