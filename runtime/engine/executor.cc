#include "runtime/engine/executor.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "kernels/catalogue/op_table.h"
#include "kernels/interface/convert.h"
#include "kernels/interface/profiler_range.h"
#include "runtime/plan/storage_root.h"

namespace metronome::runtime {
namespace {

int64_t BytesOf(absl::Span<const int32_t> tokens) { return static_cast<int64_t>(tokens.size() * sizeof(int32_t)); }

std::string StepName(int64_t tokens, int64_t past) {
  return tokens == 1 ? absl::StrCat("decode past=", past) : absl::StrCat("prefill seq=", tokens, " past=", past);
}

}  // namespace

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
    const int64_t window = kernels::HasTrait(call.kernel, kernels::kWindowed) ? call.attributes.Int("window") : 0;
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

absl::StatusOr<std::unique_ptr<Executor>> Executor::Create(kernels::Backend& backend, const PlanSet& plans,
                                                           const WeightStore& weights, LaunchMode mode,
                                                           const CancelToken& token) {
  auto executor = std::unique_ptr<Executor>(new Executor(backend, plans, weights));
  const std::vector<KvStateSpec> specs = KvStateSpecsOf(plans[0].plan);
  for (const BucketPlan& bucket : plans) {
    Bucket bound;
    ASSIGN_OR_RETURN(bound.plan, BoundPlan::Create(backend, bucket.plan, weights, mode, token));
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
  const kernels::TensorView& logits = executor->buckets_[0].plan->result(0);
  executor->logits_.resize(logits.elements());
  executor->raw_logits_.resize(logits.bytes());
  return executor;
}

absl::StatusOr<Executor::Bucket*> Executor::Prepare(int64_t tokens, KvCache& cache) {
  if (tokens == 0) return absl::InvalidArgumentError("a step needs at least one token");
  const StepShape step = {.seq = tokens, .past = cache.length()};
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
  bucket.plan->Place(step, MemoryOf(bucket, cache, *tokens_, arena_.get()));
  placed_ = nullptr;
  device_logits_ = {};  // The step overwrites them.
  logits_known_ = false;
  most_likely_.reset();
  return &bucket;
}

BoundPlan::Memory Executor::MemoryOf(const Bucket& bucket, const KvCache& cache, const kernels::Buffer& tokens,
                                     const kernels::Buffer* arena) {
  states_.clear();
  for (int state : bucket.states) states_.push_back(cache.View(state));
  return {.tokens = tokens.data(), .states = states_, .arena = arena == nullptr ? nullptr : arena->data()};
}

absl::Status Executor::Step(absl::Span<const int32_t> tokens, KvCache& cache, const std::function<bool()>& keep_going) {
  const auto count = static_cast<int64_t>(tokens.size());
  const kernels::ProfilerRange range(backend_, [&] { return StepName(count, cache.length()); });
  ASSIGN_OR_RETURN(Bucket* const bucket, Prepare(count, cache));
  RETURN_IF_ERROR(backend_.CopyToDevice(tokens_->data(), tokens.data(), BytesOf(tokens)));
  RETURN_IF_ERROR(bucket->plan->Run(keep_going));
  return Finish(*bucket->plan, cache, count);
}

absl::Status Executor::Finish(const BoundPlan& plan, KvCache& cache, int64_t tokens) {
  if (plan.plan().results.size() > 1) {
    int32_t most_likely = 0;
    const kernels::HostCopy copy = {&most_likely, plan.result(1).data, sizeof(most_likely)};
    RETURN_IF_ERROR(backend_.Fetch({copy}));
    most_likely_ = most_likely;
  } else {
    RETURN_IF_ERROR(backend_.Synchronize());
  }
  RETURN_IF_ERROR(weights_.CheckReadable());
  device_logits_ = plan.result(0);
  return cache.Advance(tokens);
}

absl::StatusOr<std::unique_ptr<Executor::PausableStep>> Executor::BeginStep(absl::Span<const int32_t> tokens,
                                                                            KvCache& cache) {
  auto step = std::make_unique<PausableStep>();
  const auto count = static_cast<int64_t>(tokens.size());
  ASSIGN_OR_RETURN(step->bucket, Prepare(count, cache));
  RETURN_IF_ERROR(backend_.CopyToDevice(tokens_->data(), tokens.data(), BytesOf(tokens)));
  step->step = {.seq = count, .past = cache.length()};
  step->arrangement = step->bucket->plan->arrangement(step->step);
  step->tokens = std::move(tokens_);
  step->arena = std::move(arena_);
  placed_ = step.get();
  return step;
}

absl::StatusOr<bool> Executor::GoOn(PausableStep& step, KvCache& cache, const std::function<bool()>& pauses) {
  const kernels::ProfilerRange range(backend_, [&] { return StepName(step.step.seq, step.step.past); });
  BoundPlan& plan = *step.bucket->plan;
  if (placed_ != &step) {
    plan.PlaceAgain(step.step, MemoryOf(*step.bucket, cache, *step.tokens, step.arena.get()), step.arrangement);
    placed_ = &step;
  }
  ASSIGN_OR_RETURN(step.next, plan.RunFrom(step.next, pauses));
  if (step.next < plan.launches()) {
    RETURN_IF_ERROR(backend_.Synchronize());  // Whoever comes next is not to wait for what was only enqueued.
    return false;
  }
  tokens_ = std::move(step.tokens);
  arena_ = std::move(step.arena);
  logits_known_ = false;
  most_likely_.reset();
  device_logits_ = {};
  RETURN_IF_ERROR(Finish(plan, cache, step.step.seq));
  return true;
}

absl::Status Executor::recording_refusal() const {
  for (const Bucket& bucket : buckets_) RETURN_IF_ERROR(bucket.plan->recording_refusal());
  return absl::OkStatus();
}

absl::StatusOr<absl::Span<const float>> Executor::Logits() {
  if (device_logits_.data == nullptr) return absl::FailedPreconditionError("no step was taken");
  if (!logits_known_) {
    RETURN_IF_ERROR(backend_.CopyToHost(raw_logits_.data(), device_logits_.data, device_logits_.bytes()));
    kernels::ConvertToFloat32(raw_logits_.data(), device_logits_.dtype, logits_.data(), device_logits_.elements());
    logits_known_ = true;
  }
  return logits_;
}

absl::StatusOr<std::vector<DrawnToken>> Executor::Draw(const DrawOptions& options, KvCache& cache,
                                                       const std::function<bool()>& keep_going) {
  if (options.from_logits && device_logits_.data == nullptr) return absl::FailedPreconditionError("no step was taken");
  if (!options.from_logits && options.history.empty()) return absl::InvalidArgumentError("no token takes a step");
  RETURN_IF_ERROR(draws_.Begin(options.sampling, options.state, options.history, options.count));
  for (int64_t i = 0; i < options.count; ++i) {
    if (i > 0 || !options.from_logits) {
      const kernels::ProfilerRange range(backend_, [&] { return StepName(1, cache.length()); });
      ASSIGN_OR_RETURN(Bucket* const bucket, Prepare(1, cache));
      const std::unique_ptr<BoundPlan>& plan = bucket->plan;
      if (i == 0) RETURN_IF_ERROR(backend_.CopyToDevice(tokens_->data(), &options.history.back(), sizeof(int32_t)));
      RETURN_IF_ERROR(plan->Run(keep_going));
      device_logits_ = plan->result(0);
      RETURN_IF_ERROR(cache.Advance(1));
    }
    RETURN_IF_ERROR(draws_.Draw(device_logits_, static_cast<int32_t*>(tokens_->data())));
  }
  ASSIGN_OR_RETURN(std::vector<DrawnToken> tokens, draws_.Finish());
  RETURN_IF_ERROR(weights_.CheckReadable());
  return tokens;
}

absl::StatusOr<Executor::StepProfile> Executor::Profile(absl::Span<const int32_t> tokens, KvCache& cache) {
  ASSIGN_OR_RETURN(Bucket* const bucket, Prepare(static_cast<int64_t>(tokens.size()), cache));
  const std::unique_ptr<BoundPlan>& plan = bucket->plan;
  RETURN_IF_ERROR(backend_.CopyToDevice(tokens_->data(), tokens.data(), BytesOf(tokens)));
  StepProfile profile = {.plan = &plan->plan(),
                         .step = {.seq = static_cast<int64_t>(tokens.size()), .past = cache.length()}};
  ASSIGN_OR_RETURN(profile.calls, plan->Profile());
  RETURN_IF_ERROR(weights_.CheckReadable());
  return profile;
}

}  // namespace metronome::runtime
