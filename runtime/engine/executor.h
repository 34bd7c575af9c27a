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
#include "kernels/base/cancel_token.h"
#include "kernels/interface/backend.h"
#include "runtime/engine/bound_plan.h"
#include "runtime/engine/draw_sequence.h"
#include "runtime/kv/kv_cache.h"
#include "runtime/plan/plan_set.h"
#include "runtime/sampling/sampler.h"
#include "runtime/weights/weight_store.h"

namespace metronome::runtime {

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
  struct Bucket {
    std::unique_ptr<BoundPlan> plan;
    std::vector<int> states;  // By number of the plan's state: that of the cache.
  };

 public:
  // Caches given to Step are of the first plan's KvStateSpecsOf. InvalidArgument when the plans' states differ;
  // NotFound for a kernel the backend lacks or a weight the store lacks; ResourceExhausted; errors of the token.
  static absl::StatusOr<std::unique_ptr<Executor>> Create(kernels::Backend& backend, const PlanSet& plans,
                                                          const WeightStore& weights,
                                                          LaunchMode mode = LaunchMode::kInOrder,
                                                          const CancelToken& token = {});

  // Runs the model for `tokens` at positions cache.length() and up, and advances the cache by as many. Afterwards
  // Logits() are those after the last token. On error the cache keeps its length, and the same step may be tried again.
  // InvalidArgument (no tokens), OutOfRange (the cache is full, or a token id is not in the vocabulary),
  // ResourceExhausted, Cancelled (`keep_going`, asked before every kernel, said no), DataLoss (weights could not be
  // read from their file, which was truncated).
  absl::Status Step(absl::Span<const int32_t> tokens, KvCache& cache,
                    const std::function<bool()>& keep_going = nullptr);

  // A step that may pause between kernels, for others' steps. Has its temporaries to itself: the arena of the executor,
  // which gets it back when the step ends, and makes itself another for steps meanwhile. To give up is to destroy it.
  class PausableStep {
   private:
    friend class Executor;
    Bucket* bucket = nullptr;
    StepShape step;
    MemoryPlan arrangement;
    std::unique_ptr<kernels::Buffer> tokens, arena;
    size_t next = 0;  // Launch.
  };
  // Errors as Step, which these are but for the pauses. The cache is for no other step until this one has ended.
  absl::StatusOr<std::unique_ptr<PausableStep>> BeginStep(absl::Span<const int32_t> tokens, KvCache& cache);
  // Whether the step has ended: not so when `pauses`, asked before every kernel, said yes.
  absl::StatusOr<bool> GoOn(PausableStep& step, KvCache& cache, const std::function<bool()>& pauses);

  // Draws tokens on the device, each from the logits of a step of the one before; can_draw() says whether it can. The
  // host waits once, at the end.
  struct DrawOptions {
    SamplingOptions sampling;
    uint64_t state = 0;                 // Of the sampler's generator.
    absl::Span<const int32_t> history;  // As Sampler::Next has it for the first draw.
    // The first token is drawn from the last step's logits. Otherwise the last token of `history` takes a step first.
    bool from_logits = false;
    int64_t count = 1;  // Of tokens, in [1, DrawSequence::kMostDraws].
  };
  bool can_draw() const { return backend_.can_draw(); }
  // All but the last token drawn are in the cache afterwards. On error it may hold tokens that were not wanted: the
  // caller truncates it. Errors as Step; Internal as Sampler::Next.
  absl::StatusOr<std::vector<DrawnToken>> Draw(const DrawOptions& options, KvCache& cache,
                                               const std::function<bool()>& keep_going = nullptr);

  // Such a step, one kernel at a time, with how long each took. The cache does not advance.
  struct StepProfile {
    const Plan* plan = nullptr;
    StepShape step;
    std::vector<BoundPlan::CallTime> calls;
  };
  absl::StatusOr<StepProfile> Profile(absl::Span<const int32_t> tokens, KvCache& cache);

  // [vocab], those of the last step, brought to the host when first asked for; valid until the next. FailedPrecondition
  // before the first step and after one that failed.
  absl::StatusOr<absl::Span<const float>> Logits();
  // The first token of the largest logit, found on the device; the vocabulary's size when a logit is NaN. nullopt where
  // the plan does not say.
  std::optional<int32_t> most_likely() const { return most_likely_; }

  // BoundPlan::recording_refusal of the first plan that has one.
  absl::Status recording_refusal() const;

  int64_t arena_bytes() const { return arena_ == nullptr ? 0 : arena_->size_bytes(); }

 private:
  Executor(kernels::Backend& backend, const PlanSet& plans, const WeightStore& weights)
      : backend_(backend), plans_(plans), weights_(weights), draws_(backend) {}

  // Makes everything ready for the step; the bucket to run.
  absl::StatusOr<Bucket*> Prepare(int64_t tokens, KvCache& cache);
  BoundPlan::Memory MemoryOf(const Bucket& bucket, const KvCache& cache, const kernels::Buffer& tokens,
                             const kernels::Buffer* arena);
  absl::Status Finish(const BoundPlan& plan, KvCache& cache, int64_t tokens);

  kernels::Backend& backend_;
  const PlanSet& plans_;
  const WeightStore& weights_;
  std::vector<Bucket> buckets_;  // As plans_.
  std::unique_ptr<kernels::Buffer> tokens_;
  std::unique_ptr<kernels::Buffer> arena_;
  std::vector<kernels::TensorView> states_;  // Of the step.
  const PausableStep* placed_ = nullptr;     // The one whose plan lies as it left it.
  kernels::TensorView device_logits_;  // Of the last step; without data before the first and after one that failed.
  std::vector<std::byte> raw_logits_;
  std::vector<float> logits_;
  bool logits_known_ = false;  // logits_ are those of the last step.
  std::optional<int32_t> most_likely_;
  DrawSequence draws_;
};

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_ENGINE_EXECUTOR_H_
