#include "runtime/engine/bound_plan.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/clock.h"
#include "kernels/base/status_macros.h"
#include "runtime/engine/constant_bytes.h"
#include "runtime/plan/storage_root.h"

namespace metronome::runtime {
namespace {

// Calls that move fewer bytes run side by side: one thread does them in about the time that a team takes to meet.
constexpr int64_t kSmallCallBytes = 64 * 1024;
// After so many refusals of the backend, a plan is not recorded any more.
constexpr int kMostRefusals = 2;

// The smallest power of two >= value.
int64_t RoundUp(int64_t value) {
  return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(std::max<int64_t>(value, 1))));
}

bool Moves(const Dim& dim) { return dim.past != 0; }

bool Moves(const PlanValue& value) {
  return Moves(value.first_row) ||
         std::any_of(value.shape.begin(), value.shape.end(), [](const Dim& dim) { return Moves(dim); });
}

bool SamePlace(absl::Span<const kernels::TensorView> a, absl::Span<const kernels::TensorView> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const kernels::TensorView& x, const kernels::TensorView& y) {
                      return x.data == y.data && x.dtype == y.dtype && x.shape == y.shape;
                    });
}

}  // namespace

absl::StatusOr<std::unique_ptr<BoundPlan>> BoundPlan::Create(kernels::Backend& backend, const Plan& plan,
                                                             const WeightStore& weights, LaunchMode mode,
                                                             const CancelToken& token) {
  auto bound = std::unique_ptr<BoundPlan>(new BoundPlan(backend, plan, mode));
  RETURN_IF_ERROR(bound->Bind(weights, token));
  return bound;
}

absl::Status BoundPlan::Bind(const WeightStore& weights, const CancelToken& token) {
  const char* debug = std::getenv("METRONOME_DEBUG_SEQUENTIAL");
  debug_sequential_ = debug != nullptr && absl::string_view(debug) == "1";
  for (const KernelCall& call : plan_.calls) {
    ASSIGN_OR_RETURN(const kernels::Kernel* kernel, backend_.FindKernel(call.kernel));
    kernels_.push_back(kernel);
    attributes_.push_back(call.attributes);
  }
  operands_.resize(plan_.calls.size());
  views_.resize(plan_.values.size());
  numbers_.assign(plan_.values.size(), -1);
  for (size_t id = 0; id < plan_.values.size(); ++id) {
    RETURN_IF_ERROR(token.CheckSometimes());
    const PlanValue& value = plan_.values[id];
    kernels::TensorView& view = views_[id];
    view = {.dtype = value.dtype, .shape = EvaluateShape(value.shape, {})};
    if (value.storage == Storage::kState) {
      numbers_[id] = static_cast<int>(state_names_.size());
      state_names_.push_back(value.name);
    }
    if (value.storage == Storage::kInput) {
      numbers_[id] = static_cast<int>(input_names_.size());
      input_names_.push_back(value.name);
    }
    if (value.storage == Storage::kWeight) {
      ASSIGN_OR_RETURN(view, weights.Get(value.name));
    }
    if (value.storage == Storage::kConstant) {
      const std::vector<std::byte> bytes = ConstantBytes(value);
      ASSIGN_OR_RETURN(std::unique_ptr<kernels::Buffer> buffer, backend_.Allocate(static_cast<int64_t>(bytes.size())));
      RETURN_IF_ERROR(backend_.CopyToDevice(buffer->data(), bytes.data(), static_cast<int64_t>(bytes.size())));
      view.data = buffer->data();
      constants_.push_back(std::move(buffer));
    }
  }
  ArrangeWaves();
  return absl::OkStatus();
}

// In order, each call is a wave of its own. In a graph, a call follows all that it depends on: those that wrote what it
// reads, and those that read or wrote what it writes.
void BoundPlan::ArrangeWaves() {
  struct Use {
    int written = -1, read = -1;  // Wave of the last call that did.
  };
  std::map<ValueId, Use> uses;  // By storage.
  for (size_t i = 0; i < plan_.calls.size(); ++i) {
    const KernelCall& call = plan_.calls[i];
    int wave = 0;
    for (ValueId id : call.inputs) wave = std::max(wave, uses[StorageRoot(plan_, id)].written + 1);
    for (ValueId id : call.outputs) {
      const Use& use = uses[StorageRoot(plan_, id)];
      wave = std::max({wave, use.written + 1, use.read + 1});
    }
    if (mode_ == LaunchMode::kInOrder || debug_sequential_) wave = static_cast<int>(i);
    waves_.push_back(wave);
    for (ValueId id : call.inputs) {
      int& read = uses[StorageRoot(plan_, id)].read;
      read = std::max(read, wave);
    }
    for (ValueId id : call.outputs) uses[StorageRoot(plan_, id)].written = wave;
  }
  moving_.resize(plan_.values.size());
  for (size_t id = 0; id < plan_.values.size(); ++id) {
    const PlanValue& value = plan_.values[id];
    moving_[id] = Moves(value) || (value.storage == Storage::kAlias && moving_[value.alias_of]);
    if (moving_[id]) moving_values_.push_back(static_cast<ValueId>(id));
  }
  call_moves_.resize(plan_.calls.size());
  for (size_t i = 0; i < plan_.calls.size(); ++i) {
    const KernelCall& call = plan_.calls[i];
    const auto moves = [&](ValueId id) { return moving_[id]; };
    if (std::any_of(call.inputs.begin(), call.inputs.end(), moves) ||
        std::any_of(call.outputs.begin(), call.outputs.end(), moves) ||
        std::any_of(call.step_attributes.begin(), call.step_attributes.end(),
                    [](const auto& attribute) { return Moves(attribute.second); })) {
      moving_calls_.push_back(i);
      call_moves_[i] = true;
    }
  }
}

BoundPlan::Layout& BoundPlan::LayoutFor(const StepShape& step) {
  Layout& layout = step.seq == 1 ? decode_layout_ : prefill_layout_;
  if (step.seq > layout.capacity.seq || step.past > layout.capacity.past) {
    layout.capacity = {.seq = std::max(layout.capacity.seq, RoundUp(step.seq)),
                       .past = std::max(layout.capacity.past, RoundUp(step.past))};
    MemoryPlan memory = PlanMemory(plan_, layout.capacity, waves_);
    if (memory == layout.memory) return layout;  // No temporary grows with the cache.
    layout.memory = std::move(memory);
    ++layout.version;
    placed_ = false;
  }
  return layout;
}

int64_t BoundPlan::ArenaBytes(const StepShape& step) { return LayoutFor(step).memory.arena_bytes; }

void BoundPlan::PlaceValue(ValueId id, const Memory& memory, const MemoryPlan& arrangement) {
  const PlanValue& value = plan_.values[id];
  kernels::TensorView& view = views_[id];
  switch (value.storage) {
    case Storage::kWeight:
    case Storage::kConstant:
      break;
    case Storage::kState:
      view = memory.states[numbers_[id]];
      break;
    case Storage::kInput:
      view = memory.inputs[numbers_[id]];
      break;
    case Storage::kTokens:
      view.shape = EvaluateShape(value.shape, step_);
      view.data = memory.tokens;
      break;
    case Storage::kTemporary:
      view.shape = EvaluateShape(value.shape, step_);
      view.data =
          arrangement.offsets[id] < 0 ? nullptr : static_cast<std::byte*>(memory.arena) + arrangement.offsets[id];
      break;
    case Storage::kAlias:
      view.shape = EvaluateShape(value.shape, step_);
      view.data = views_[value.alias_of].data;
      if (const int64_t first = value.first_row.Evaluate(step_); first > 0) {
        view.data = static_cast<std::byte*>(view.data) + first * (view.bytes() / view.shape[0]);
      }
      break;
  }
}

void BoundPlan::BindOperands(size_t index) {
  const KernelCall& call = plan_.calls[index];
  Operands& operands = operands_[index];
  operands.views.clear();
  operands.inputs = call.inputs.size();
  for (ValueId id : call.inputs) operands.views.push_back(views_[id]);
  for (ValueId id : call.outputs) operands.views.push_back(views_[id]);
}

void BoundPlan::RenewStepAttributes(size_t index) {
  for (const auto& [name, dim] : plan_.calls[index].step_attributes) attributes_[index].Set(name, dim.Evaluate(step_));
}

kernels::KernelLaunch BoundPlan::LaunchOf(size_t call) const {
  const absl::Span<const kernels::TensorView> views = operands_[call].views;
  const size_t inputs = operands_[call].inputs;
  return {kernels_[call],
          {.inputs = views.subspan(0, inputs),
           .outputs = views.subspan(inputs),
           .attributes = &attributes_[call],
           .follows_past = call_moves_[call]}};
}

kernels::KernelCost BoundPlan::CostOf(size_t call) const {
  return kernels::FindKernelSpec(plan_.calls[call].kernel)->cost(LaunchOf(call).args);
}

// Wave by wave: the small calls of a wave together, then each of the others.
void BoundPlan::GroupLaunches() {
  std::map<int, std::vector<size_t>> by_wave;
  for (size_t i = 0; i < plan_.calls.size(); ++i) by_wave[waves_[i]].push_back(i);
  launches_.clear();
  for (const auto& [wave, calls] : by_wave) {
    std::vector<size_t> small;
    std::vector<std::vector<size_t>> alone;
    for (size_t call : calls) {
      const std::vector<ValueId>& inputs = plan_.calls[call].inputs;
      const bool grows = std::any_of(inputs.begin(), inputs.end(), [&](ValueId id) { return moving_[id]; });
      if (!grows && CostOf(call).bytes < kSmallCallBytes) {
        small.push_back(call);
      } else {
        alone.push_back({call});
      }
    }
    if (!small.empty()) launches_.push_back(std::move(small));
    launches_.insert(launches_.end(), alone.begin(), alone.end());
  }
}

void BoundPlan::Place(const StepShape& step, const Memory& memory) {
  const Layout& layout = LayoutFor(step);
  const bool moved_only = mode_ == LaunchMode::kGraph && placed_ && step.seq == step_.seq &&
                          memory.tokens == placed_memory_.tokens && memory.arena == placed_memory_.arena &&
                          SamePlace(memory.states, placed_states_) && SamePlace(memory.inputs, placed_inputs_);
  step_ = step;
  if (!MayRecord()) {
    recorded_ = nullptr;
  } else if (moved_only && recorded_ != nullptr) {
    ++recorded_->visits;  // The place visited last.
  } else {
    recorded_ = &recordings_.Visit(PlaceOf(memory, layout));
  }
  if (moved_only) {
    for (ValueId id : moving_values_) PlaceValue(id, memory, layout.memory);
    for (size_t call : moving_calls_) {
      BindOperands(call);
      RenewStepAttributes(call);
    }
    return;
  }
  PlaceAll(memory, layout.memory);
}

void BoundPlan::PlaceAgain(const StepShape& step, const Memory& memory, const MemoryPlan& arrangement) {
  step_ = step;
  recorded_ = nullptr;
  PlaceAll(memory, arrangement);
  placed_ = false;  // The arrangement may not be that of the next step.
}

void BoundPlan::PlaceAll(const Memory& memory, const MemoryPlan& arrangement) {
  for (size_t id = 0; id < plan_.values.size(); ++id) PlaceValue(static_cast<ValueId>(id), memory, arrangement);
  for (size_t call = 0; call < plan_.calls.size(); ++call) {
    BindOperands(call);
    RenewStepAttributes(call);
  }
  placed_states_.assign(memory.states.begin(), memory.states.end());
  placed_inputs_.assign(memory.inputs.begin(), memory.inputs.end());
  placed_memory_ = {.tokens = memory.tokens, .states = placed_states_, .inputs = placed_inputs_, .arena = memory.arena};
  placed_ = true;
  if (mode_ == LaunchMode::kInOrder || debug_sequential_) {
    launches_.resize(plan_.calls.size());
    for (size_t call = 0; call < plan_.calls.size(); ++call) launches_[call] = {call};
  } else {
    GroupLaunches();
  }
}

absl::Status BoundPlan::Explain(const absl::Status& status, absl::Span<const size_t> calls) const {
  if (status.ok()) return status;
  std::string names;
  for (size_t call : calls) absl::StrAppend(&names, names.empty() ? "" : " or ", plan_.calls[call].kernel);
  return absl::Status(status.code(), absl::StrCat("kernel ", names, " (call ", calls[0], " of ", plan_.calls.size(),
                                                  ", seq ", step_.seq, ", past ", step_.past, "): ", status.message()));
}

bool BoundPlan::MayRecord() const {
  return mode_ == LaunchMode::kGraph && !debug_sequential_ && recordable_ && backend_.can_record();
}

StepPlace BoundPlan::PlaceOf(const Memory& memory, const Layout& layout) const {
  const auto address = [](const void* data) { return static_cast<uint64_t>(reinterpret_cast<uintptr_t>(data)); };
  StepPlace place = {static_cast<uint64_t>(step_.seq), layout.version, address(memory.tokens), address(memory.arena)};
  for (const absl::Span<const kernels::TensorView> views : {memory.states, memory.inputs}) {
    for (const kernels::TensorView& view : views) {
      place.push_back(address(view.data));
      for (int axis = 0; axis < view.shape.rank(); ++axis) place.push_back(static_cast<uint64_t>(view.shape[axis]));
    }
  }
  return place;
}

// A step that is not recorded or replayed, whatever the reason, is launched call by call: that is no error while the
// device lives, and if a kernel is to blame, launching it will say so. What is refused with these codes always will be;
// anything else is tried once more, since the launches in between load what a capture may have stumbled over.
absl::Status BoundPlan::Refused(const absl::Status& status) {
  if (!backend_.Health().ok()) return status;
  refusal_ = status;
  ++refusals_;
  if (absl::IsFailedPrecondition(status) || absl::IsUnimplemented(status) || refusals_ >= kMostRefusals)
    recordable_ = false;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<kernels::Recording>> BoundPlan::RecordIfPossible(
    const std::function<absl::Status()>& launch) {
  absl::Status status = backend_.BeginRecording(step_.past);
  if (status.ok()) {
    status = launch();
    absl::StatusOr<std::unique_ptr<kernels::Recording>> recording = backend_.EndRecording();
    if (status.ok()) status = recording.status();  // The first error says most.
    if (status.ok()) {
      refusal_ = absl::OkStatus();
      return recording;
    }
  }
  RETURN_IF_ERROR(Refused(status));
  return nullptr;
}

// False where the backend refuses.
absl::StatusOr<bool> BoundPlan::ReplayIfPossible(const kernels::Recording& recording) {
  const absl::Status status = backend_.Replay(recording, step_.past);
  if (status.ok()) return true;
  RETURN_IF_ERROR(Refused(status));
  return false;
}

absl::Status BoundPlan::Run(const std::function<bool()>& keep_going) {
  if (recorded_ != nullptr && recorded_->visits > 1) {
    if (recorded_->recording == nullptr && recordable_) {
      ASSIGN_OR_RETURN(recorded_->recording, RecordIfPossible([&] { return LaunchAll(nullptr); }));
    }
    if (recorded_->recording != nullptr) {
      if (keep_going != nullptr && !keep_going()) return absl::CancelledError("cancelled before a step");
      ASSIGN_OR_RETURN(const bool replayed, ReplayIfPossible(*recorded_->recording));
      if (replayed) return absl::OkStatus();
      recorded_->recording.reset();
    }
  }
  return LaunchAll(keep_going);
}

absl::Status BoundPlan::LaunchAll(const std::function<bool()>& keep_going) {
  for (const std::vector<size_t>& calls : launches_) {
    if (keep_going != nullptr && !keep_going()) return absl::CancelledError("cancelled during a step");
    RETURN_IF_ERROR(Launch(calls));
  }
  return absl::OkStatus();
}

absl::Status BoundPlan::Launch(const std::vector<size_t>& calls) {
  if (calls.size() == 1) {
    const kernels::KernelLaunch launch = LaunchOf(calls[0]);
    RETURN_IF_ERROR(Explain(backend_.Launch(*launch.kernel, launch.args), calls));
  } else {
    together_.clear();
    for (size_t call : calls) together_.push_back(LaunchOf(call));
    RETURN_IF_ERROR(Explain(backend_.LaunchTogether(together_), calls));
  }
  return debug_sequential_ ? Explain(backend_.Synchronize(), calls) : absl::OkStatus();
}

// A recorded step is one launch of the device, which does not pause.
absl::StatusOr<size_t> BoundPlan::RunFrom(size_t first, const std::function<bool()>& pauses) {
  if (first == 0 && recorded_ != nullptr && recorded_->visits > 1) {
    if (pauses != nullptr && pauses()) return first;
    RETURN_IF_ERROR(Run());
    return launches_.size();
  }
  for (size_t i = first; i < launches_.size(); ++i) {
    if (pauses != nullptr && pauses()) return i;
    RETURN_IF_ERROR(Launch(launches_[i]));
  }
  return launches_.size();
}

// Between marks, all enqueued at once, so that what launching costs the host is not counted where it can be recorded.
absl::Status BoundPlan::LaunchBetween(absl::Span<const std::unique_ptr<kernels::TimeMark>> marks) {
  RETURN_IF_ERROR(backend_.SetMark(*marks[0]));
  size_t next = 1;
  // Waves keep what is not yet read, so their order is the only safe one.
  for (const std::vector<size_t>& calls : launches_) {
    for (size_t call : calls) {
      const kernels::KernelLaunch launch = LaunchOf(call);
      RETURN_IF_ERROR(Explain(backend_.Launch(*launch.kernel, launch.args), {call}));
      RETURN_IF_ERROR(backend_.SetMark(*marks[next++]));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<BoundPlan::CallTime>> BoundPlan::Profile() {
  std::vector<std::unique_ptr<kernels::TimeMark>> marks(plan_.calls.size() + 1);
  for (std::unique_ptr<kernels::TimeMark>& mark : marks) {
    ASSIGN_OR_RETURN(mark, backend_.CreateMark());
  }
  std::unique_ptr<kernels::Recording> recording;
  if (backend_.can_record()) {
    ASSIGN_OR_RETURN(recording, RecordIfPossible([&] { return LaunchBetween(marks); }));
  }
  bool replayed = false;
  if (recording != nullptr) {
    ASSIGN_OR_RETURN(replayed, ReplayIfPossible(*recording));
  }
  if (!replayed) RETURN_IF_ERROR(LaunchBetween(marks));
  RETURN_IF_ERROR(backend_.Synchronize());
  std::vector<CallTime> times;
  for (const std::vector<size_t>& calls : launches_) {
    for (size_t call : calls) {
      const size_t at = times.size();
      ASSIGN_OR_RETURN(const double seconds, backend_.SecondsBetween(*marks[at], *marks[at + 1]));
      times.push_back({call, static_cast<int64_t>(seconds * 1e9), CostOf(call)});
    }
  }
  return times;
}

}  // namespace metronome::runtime
