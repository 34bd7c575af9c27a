#include "runtime/engine/executor.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "kernels/convert.h"
#include "runtime/base/status_macros.h"
#include "runtime/plan/storage_root.h"

namespace metronome {

std::vector<WeightSpec> WeightSpecsOf(const Plan& plan) {
  std::vector<WeightSpec> specs;
  for (const PlanValue& value : plan.values) {
    if (value.storage == Storage::kWeight)
      specs.push_back({value.name, value.dtype, EvaluateShape(value.shape, {}), value.init});
  }
  return specs;
}

std::vector<KvStateSpec> KvStateSpecsOf(const Plan& plan) {
  constexpr int64_t kUnread = -1;
  std::vector<int64_t> windows(plan.values.size(), kUnread);  // By state.
  for (const KernelCall& call : plan.calls) {
    const int64_t window = call.kernel == "attention" ? call.attributes.Int("window") : 0;
    for (ValueId id : call.inputs) {
      if (WritesInPlace(plan, call, id)) continue;
      int64_t& widest = windows[StorageRoot(plan, id)];
      widest = window == 0 || widest == 0 ? 0 : std::max(widest, window);
    }
  }
  std::vector<KvStateSpec> specs;
  for (size_t id = 0; id < plan.values.size(); ++id) {
    const PlanValue& value = plan.values[id];
    if (value.storage != Storage::kState) continue;
    const std::vector<Dim> row(value.shape.begin() + 1, value.shape.end());
    specs.push_back({value.name, value.dtype, EvaluateShape(row, {}), std::max<int64_t>(0, windows[id])});
  }
  return specs;
}

std::vector<KvStateSpec> KvStateSpecsOf(const PlanSet& plans) {
  std::vector<KvStateSpec> specs = KvStateSpecsOf(plans[0].plan);
  for (const BucketPlan& bucket : plans) {
    for (const KvStateSpec& other : KvStateSpecsOf(bucket.plan)) {
      const auto at =
          std::find_if(specs.begin(), specs.end(), [&](const KvStateSpec& spec) { return spec.name == other.name; });
      if (at == specs.end()) continue;  // Executor::Create refuses such plans.
      at->window = at->window == 0 || other.window == 0 ? 0 : std::max(at->window, other.window);
    }
  }
  return specs;
}

absl::StatusOr<std::unique_ptr<Executor>> Executor::Create(Backend& backend, const PlanSet& plans,
                                                           const WeightStore& weights, LaunchMode mode) {
  auto executor = std::unique_ptr<Executor>(new Executor(backend, plans));
  const std::vector<KvStateSpec> specs = KvStateSpecsOf(plans[0].plan);
  for (const BucketPlan& bucket : plans) {
    Bucket bound;
    ASSIGN_OR_RETURN(bound.plan, BoundPlan::Create(backend, bucket.plan, weights, mode));
    if (const std::vector<std::string>& inputs = bound.plan->input_names(); !inputs.empty()) {
      return absl::FailedPreconditionError(absl::StrCat("the plan is a part of a model: it reads '", inputs[0], "'"));
    }
    for (const std::string& name : bound.plan->state_names()) {
      const auto at =
          std::find_if(specs.begin(), specs.end(), [&](const KvStateSpec& spec) { return spec.name == name; });
      if (at == specs.end())
        return absl::InvalidArgumentError(
            absl::StrCat("the plan of ", bucket.seq, " tokens alone has a state '", name, "'"));
      bound.states.push_back(static_cast<int>(at - specs.begin()));
    }
    executor->buckets_.push_back(std::move(bound));
  }
  const TensorView& logits = executor->buckets_[0].plan->result(0);
  executor->logits_.resize(logits.elements());
  executor->raw_logits_.resize(logits.bytes());
  return executor;
}

absl::StatusOr<BoundPlan*> Executor::Prepare(absl::Span<const int32_t> tokens, KvCache& cache) {
  if (tokens.empty()) return absl::InvalidArgumentError("a step needs at least one token");
  const StepShape step = {.seq = static_cast<int64_t>(tokens.size()), .past = cache.length()};
  const int64_t token_bytes = step.seq * static_cast<int64_t>(sizeof(int32_t));
  RETURN_IF_ERROR(cache.EnsureCapacity(step.past + step.seq));
  if (tokens_ == nullptr || tokens_->size_bytes() < token_bytes) {
    ASSIGN_OR_RETURN(tokens_,
                     backend_.Allocate(static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(token_bytes)))));
  }
  Bucket& bucket = buckets_[NearestBucket(plans_, step.seq)];
  if (const int64_t needed = bucket.plan->ArenaBytes(step); needed > arena_bytes()) {
    arena_.reset();  // First, so that old and new never add up.
    ASSIGN_OR_RETURN(arena_, backend_.Allocate(needed));
  }
  states_.clear();
  for (int state : bucket.states) states_.push_back(cache.View(state));
  bucket.plan->Place(
      step, {.tokens = tokens_->data(), .states = states_, .arena = arena_ == nullptr ? nullptr : arena_->data()});
  RETURN_IF_ERROR(backend_.CopyToDevice(tokens_->data(), tokens.data(), token_bytes));
  return bucket.plan.get();
}

absl::Status Executor::FetchResults(const BoundPlan& plan) {
  const TensorView& view = plan.result(0);
  if (plan.plan().results.size() > 1) {
    most_likely_.emplace();
    RETURN_IF_ERROR(backend_.CopyToHost(&*most_likely_, plan.result(1).data, sizeof(int32_t)));
  }
  RETURN_IF_ERROR(backend_.CopyToHost(raw_logits_.data(), view.data, view.bytes()));
  RETURN_IF_ERROR(backend_.Synchronize());
  ConvertToFloat32(raw_logits_.data(), view.dtype, logits_.data(), view.elements());
  return absl::OkStatus();
}

absl::Status Executor::Step(absl::Span<const int32_t> tokens, KvCache& cache, const std::function<bool()>& keep_going) {
  ASSIGN_OR_RETURN(BoundPlan* const plan, Prepare(tokens, cache));
  RETURN_IF_ERROR(plan->Run(keep_going));
  RETURN_IF_ERROR(FetchResults(*plan));
  return cache.Advance(static_cast<int64_t>(tokens.size()));
}

absl::StatusOr<Executor::StepProfile> Executor::Profile(absl::Span<const int32_t> tokens, KvCache& cache) {
  ASSIGN_OR_RETURN(BoundPlan* const plan, Prepare(tokens, cache));
  StepProfile profile = {.plan = &plan->plan(),
                         .step = {.seq = static_cast<int64_t>(tokens.size()), .past = cache.length()}};
  ASSIGN_OR_RETURN(profile.calls, plan->Profile());
  return profile;
}

}  // namespace metronome
