#ifndef METRONOME_RUNTIME_ENGINE_EXECUTOR_H_
#define METRONOME_RUNTIME_ENGINE_EXECUTOR_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/backend.h"
#include "runtime/engine/bound_plan.h"
#include "runtime/kv/kv_cache.h"
#include "runtime/plan/plan_set.h"
#include "runtime/weights/weight_store.h"

namespace metronome {

// What a model's plans need from outside. A state is windowed where attention alone reads it, through a window, in
// every plan.
std::vector<WeightSpec> WeightSpecsOf(const Plan& plan);
std::vector<KvStateSpec> KvStateSpecsOf(const Plan& plan);
std::vector<KvStateSpec> KvStateSpecsOf(const PlanSet& plans);

// Runs a model step by step on one backend, each step by the plan made for about as many tokens. All plans' temporaries
// share one arena, which grows to the largest step seen and never shrinks.
//
// Not thread-safe: the thread that drives the backend calls it. The backend, plans and weights must outlive it.
class Executor {
 public:
  // Caches given to Step are of the first plan's KvStateSpecsOf. InvalidArgument when the plans' states differ;
  // NotFound for a kernel the backend lacks or a weight the store lacks; ResourceExhausted.
  static absl::StatusOr<std::unique_ptr<Executor>> Create(Backend& backend, const PlanSet& plans,
                                                          const WeightStore& weights,
                                                          LaunchMode mode = LaunchMode::kInOrder);

  // Runs the model for `tokens` at positions cache.length() and up, and advances the cache by as many. Afterwards
  // logits() are those after the last token. On error the cache keeps its length, and the same step may be tried again.
  // InvalidArgument (no tokens), OutOfRange (the cache is full, or a token id is not in the vocabulary),
  // ResourceExhausted, Cancelled (`keep_going`, asked before every kernel, said no).
  absl::Status Step(absl::Span<const int32_t> tokens, KvCache& cache,
                    const std::function<bool()>& keep_going = nullptr);

  // Such a step, one kernel at a time, with how long each took. The cache does not advance.
  struct StepProfile {
    const Plan* plan = nullptr;
    StepShape step;
    std::vector<BoundPlan::CallTime> calls;
  };
  absl::StatusOr<StepProfile> Profile(absl::Span<const int32_t> tokens, KvCache& cache);

  // [vocab]; valid until the next Step.
  absl::Span<const float> logits() const { return logits_; }
  // The first token of the largest logit, found on the device; the vocabulary's size when a logit is NaN. nullopt where
  // the plan does not say.
  std::optional<int32_t> most_likely() const { return most_likely_; }

  int64_t arena_bytes() const { return arena_ == nullptr ? 0 : arena_->size_bytes(); }

 private:
  struct Bucket {
    std::unique_ptr<BoundPlan> plan;
    std::vector<int> states;  // By number of the plan's state: that of the cache.
  };

  Executor(Backend& backend, const PlanSet& plans) : backend_(backend), plans_(plans) {}

  // Makes everything ready for the step; the plan to run.
  absl::StatusOr<BoundPlan*> Prepare(absl::Span<const int32_t> tokens, KvCache& cache);
  absl::Status FetchResults(const BoundPlan& plan);

  Backend& backend_;
  const PlanSet& plans_;
  std::vector<Bucket> buckets_;  // As plans_.
  std::unique_ptr<Buffer> tokens_;
  std::unique_ptr<Buffer> arena_;
  std::vector<TensorView> states_;  // Of the step.
  std::vector<std::byte> raw_logits_;
  std::vector<float> logits_;
  std::optional<int32_t> most_likely_;
};

}  // namespace metronome

#endif  // METRONOME_RUNTIME_ENGINE_EXECUTOR_H_
