#include "runtime/engine/executor.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "kernels/convert.h"
#include "runtime/base/status_macros.h"

namespace metronome {
namespace {

std::vector<std::byte> EncodeConstant(const PlanValue& value) {
  std::vector<std::byte> bytes(value.contents.size() * SizeOf(value.dtype));
  for (size_t i = 0; i < value.contents.size(); ++i) {
    const double element = value.contents[i];
    const auto store = [&](auto typed) { std::memcpy(&bytes[i * sizeof(typed)], &typed, sizeof(typed)); };
    switch (value.dtype) {
      case DType::kFloat32:
        store(static_cast<float>(element));
        break;
      case DType::kBFloat16:
        store(BFloat16(static_cast<float>(element)));
        break;
      case DType::kFloat16:
        store(Float16(static_cast<float>(element)));
        break;
      case DType::kInt32:
        store(static_cast<int32_t>(element));
        break;
      case DType::kBool:
        store(static_cast<uint8_t>(element != 0));
        break;
    }
  }
  return bytes;
}

// The smallest power of two >= value, so that a growing step reallocates seldom.
int64_t RoundUp(int64_t value) {
  return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(value, 1))));
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
  std::vector<KvStateSpec> specs;
  for (const PlanValue& value : plan.values) {
    if (value.storage != Storage::kState) continue;
    const std::vector<Dim> row(value.shape.begin() + 1, value.shape.end());
    specs.push_back({value.name, value.dtype, EvaluateShape(row, {})});
  }
  return specs;
}

absl::StatusOr<std::unique_ptr<Executor>> Executor::Create(Backend& backend, const Plan& plan,
                                                           const WeightStore& weights) {
  auto executor = std::unique_ptr<Executor>(new Executor(backend, plan));
  RETURN_IF_ERROR(executor->Bind(weights));
  return executor;
}

absl::Status Executor::Bind(const WeightStore& weights) {
  const char* debug = std::getenv("METRONOME_DEBUG_SEQUENTIAL");
  debug_sequential_ = debug != nullptr && absl::string_view(debug) == "1";
  for (const KernelCall& call : plan_.calls) {
    ASSIGN_OR_RETURN(const Kernel* kernel, backend_.FindKernel(call.kernel));
    kernels_.push_back(kernel);
    attributes_.push_back(call.attributes);
  }
  views_.resize(plan_.values.size());
  state_index_.assign(plan_.values.size(), -1);
  int states = 0;
  for (size_t id = 0; id < plan_.values.size(); ++id) {
    const PlanValue& value = plan_.values[id];
    TensorView& view = views_[id];
    view = {.dtype = value.dtype, .shape = EvaluateShape(value.shape, {})};
    if (value.storage == Storage::kState) state_index_[id] = states++;
    if (value.storage == Storage::kWeight) {
      ASSIGN_OR_RETURN(view, weights.Get(value.name));
    }
    if (value.storage == Storage::kConstant) {
      const std::vector<std::byte> bytes = EncodeConstant(value);
      ASSIGN_OR_RETURN(std::unique_ptr<Buffer> buffer, backend_.Allocate(static_cast<int64_t>(bytes.size())));
      RETURN_IF_ERROR(backend_.CopyToDevice(buffer->data(), bytes.data(), static_cast<int64_t>(bytes.size())));
      view.data = buffer->data();
      constants_.push_back(std::move(buffer));
    }
  }
  logits_.resize(views_[plan_.results[0]].elements());
  raw_logits_.resize(views_[plan_.results[0]].bytes());
  return absl::OkStatus();
}

absl::StatusOr<const Executor::Layout*> Executor::LayoutFor(const StepShape& step) {
  Layout& layout = step.seq == 1 ? decode_layout_ : prefill_layout_;
  if (step.seq > layout.capacity.seq || step.past > layout.capacity.past) {
    layout.capacity = {.seq = std::max(layout.capacity.seq, RoundUp(step.seq)),
                       .past = std::max(layout.capacity.past, RoundUp(step.past))};
    layout.memory = PlanMemory(plan_, layout.capacity);
  }
  if (layout.memory.arena_bytes > arena_bytes()) {
    arena_.reset();  // First, so that old and new never add up.
    ASSIGN_OR_RETURN(arena_, backend_.Allocate(layout.memory.arena_bytes));
  }
  return &layout;
}

absl::Status Executor::PlaceValues(const StepShape& step, const KvCache& cache) {
  const int64_t token_bytes = step.seq * static_cast<int64_t>(sizeof(int32_t));
  if (tokens_ == nullptr || tokens_->size_bytes() < token_bytes) {
    ASSIGN_OR_RETURN(tokens_, backend_.Allocate(RoundUp(token_bytes)));
  }
  ASSIGN_OR_RETURN(const Layout* layout, LayoutFor(step));
  auto* const arena = arena_ == nullptr ? nullptr : static_cast<std::byte*>(arena_->data());
  for (size_t id = 0; id < plan_.values.size(); ++id) {
    const PlanValue& value = plan_.values[id];
    TensorView& view = views_[id];
    switch (value.storage) {
      case Storage::kWeight:
      case Storage::kConstant:
        break;
      case Storage::kState:
        view = cache.View(state_index_[id]);
        break;
      case Storage::kTokens:
        view.shape = EvaluateShape(value.shape, step);
        view.data = tokens_->data();
        break;
      case Storage::kTemporary:
        view.shape = EvaluateShape(value.shape, step);
        view.data = layout->memory.offsets[id] < 0 ? nullptr : arena + layout->memory.offsets[id];
        break;
      case Storage::kAlias:
        view.shape = EvaluateShape(value.shape, step);
        view.data = views_[value.alias_of].data;
        if (const int64_t first = value.first_row.Evaluate(step); first > 0) {
          view.data = static_cast<std::byte*>(view.data) + first * (view.bytes() / view.shape[0]);
        }
        break;
      case Storage::kInput:
        return absl::FailedPreconditionError(
            absl::StrCat("the plan is a part of a model: it reads '", value.name, "'"));
    }
  }
  return absl::OkStatus();
}

absl::Status Executor::Launch(size_t index, const StepShape& step) {
  const KernelCall& call = plan_.calls[index];
  inputs_.clear();
  outputs_.clear();
  for (ValueId id : call.inputs) inputs_.push_back(views_[id]);
  for (ValueId id : call.outputs) outputs_.push_back(views_[id]);
  for (const auto& [name, dim] : call.step_attributes) attributes_[index].Set(name, dim.Evaluate(step));
  RETURN_IF_ERROR(
      backend_.Launch(*kernels_[index], {.inputs = inputs_, .outputs = outputs_, .attributes = &attributes_[index]}));
  return debug_sequential_ ? backend_.Synchronize() : absl::OkStatus();
}

absl::Status Executor::LaunchAll(const StepShape& step) {
  for (size_t index = 0; index < plan_.calls.size(); ++index) {
    if (absl::Status status = Launch(index, step); !status.ok()) {
      return absl::Status(status.code(), absl::StrCat("kernel ", plan_.calls[index].kernel, " (call ", index, " of ",
                                                      plan_.calls.size(), ", seq ", step.seq, ", past ", step.past,
                                                      "): ", status.message()));
    }
  }
  return absl::OkStatus();
}

absl::Status Executor::FetchLogits() {
  const TensorView& view = views_[plan_.results[0]];
  RETURN_IF_ERROR(backend_.CopyToHost(raw_logits_.data(), view.data, view.bytes()));
  RETURN_IF_ERROR(backend_.Synchronize());
  ConvertToFloat32(raw_logits_.data(), view.dtype, logits_.data(), view.elements());
  return absl::OkStatus();
}

absl::Status Executor::Step(absl::Span<const int32_t> tokens, KvCache& cache) {
  if (tokens.empty()) return absl::InvalidArgumentError("a step needs at least one token");
  const StepShape step = {.seq = static_cast<int64_t>(tokens.size()), .past = cache.length()};
  RETURN_IF_ERROR(cache.EnsureCapacity(step.past + step.seq));
  RETURN_IF_ERROR(PlaceValues(step, cache));
  RETURN_IF_ERROR(
      backend_.CopyToDevice(tokens_->data(), tokens.data(), step.seq * static_cast<int64_t>(sizeof(int32_t))));
  RETURN_IF_ERROR(LaunchAll(step));
  RETURN_IF_ERROR(FetchLogits());
  return cache.Advance(step.seq);
}

}  // namespace metronome
