#include "compiler/search/block_runner.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "compiler/fusion/fuse_plan.h"
#include "compiler/lowering/lower.h"
#include "kernels/base/clock.h"
#include "kernels/base/status_macros.h"
#include "kernels/interface/convert.h"
#include "runtime/engine/executor.h"

namespace metronome::compiler {
namespace {

// Instances take turns until their weights are far larger than any cache.
constexpr int64_t kRotatedBytes = int64_t{192} << 20;
constexpr size_t kMaxInstances = 8;
// Forms kept bound: the incumbent, the default, and the candidate.
constexpr size_t kMaxForms = 3;
// A first run that takes this many times the incumbent's, and not just by a hiccup, is given up.
constexpr double kTimeoutRatio = 3;
constexpr double kTimeoutSlackNs = 20e6;
// Turns that together take longer than this are cut to two: long runs vary less.
constexpr double kTurnsNs = 400e6;
// How long instances are timed in one go while others wait.
constexpr double kStretchNs = 50e6;
// Asking the token takes longer only when others worked meanwhile.
constexpr int64_t kUndisturbedNs = 100'000;
// After two turns, a candidate this much slower is not worth more.
constexpr double kGiveUpRatio = 1.25;

double MedianOf(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

Measurement Rejected(Rejection rejection, const absl::Status& status) {
  return {.rejection = rejection, .detail = std::string(status.message())};
}

Measurement Failed(const absl::Status& status) {
  return Rejected(absl::IsResourceExhausted(status) ? Rejection::kResource : Rejection::kBuild, status);
}

// Uniform in [-1.7, 1.7], of variance 1.
absl::Status FillRandom(kernels::Backend& backend, const kernels::TensorView& view, std::mt19937_64& random) {
  std::vector<float> values(view.elements());
  for (float& value : values) value = (static_cast<float>(random() >> 40) * 0x1p-24f - 0.5f) * 3.4641f;
  std::vector<std::byte> bytes(view.bytes());
  kernels::ConvertElements(values.data(), kernels::DType::kFloat32, bytes.data(), view.dtype, view.elements());
  return backend.CopyToDevice(view.data, bytes.data(), view.bytes());
}

// The numbers that Roll named the block's inputs, weights and states by.
size_t Number(absl::string_view name) {
  size_t number = 0;
  (void)absl::SimpleAtoi(name, &number);
  return number;
}

// Rows of the smallest table that the step's tokens index.
int64_t VocabularyOf(const Graph& block) {
  int64_t rows = 1 << 30;
  for (NodeId id = 0; id < block.size(); ++id) {
    const Node& node = block.node(id);
    if (node.op == kernels::Op::kGather) rows = std::min(rows, block.node(node.inputs[0]).type.shape[0].constant);
  }
  return std::max<int64_t>(rows, 1);
}

}  // namespace

double BlockRunner::Tolerance(kernels::DType dtype) {
  if (dtype == kernels::DType::kBFloat16) return 0.03;
  return dtype == kernels::DType::kFloat16 ? 0.004 : 1e-4;
}

absl::StatusOr<std::unique_ptr<BlockRunner>> BlockRunner::Create(kernels::Backend& backend,
                                                                 const runtime::WeightStore& weights,
                                                                 const RolledGraph& rolled, int block,
                                                                 const runtime::StepShape& step, uint64_t seed,
                                                                 const CancelToken& token) {
  auto runner = std::unique_ptr<BlockRunner>(new BlockRunner(backend, weights, rolled.blocks[block], step, token));
  RETURN_IF_ERROR(runner->AddInstances(rolled, block, seed));
  RETURN_IF_ERROR(runner->MakeInputs(seed));
  return runner;
}

absl::Status BlockRunner::AddInstances(const RolledGraph& rolled, int block, uint64_t seed) {
  ASSIGN_OR_RETURN(const runtime::Plan plan, Lower(block_));
  states_ = runtime::KvStateSpecsOf(plan);
  std::mt19937_64 random(seed + 1);
  int64_t bytes = 0;
  for (const BlockInstance& at : rolled.instances) {
    if (at.block != block) continue;
    if (!instances_.empty() && (bytes >= kRotatedBytes || instances_.size() >= kMaxInstances)) break;
    Instance instance = {.at = &at};
    for (const std::string& name : at.weights) {
      ASSIGN_OR_RETURN(const kernels::TensorView weight, weights_.Get(name));
      bytes += weight.bytes();
    }
    if (!states_.empty()) {
      ASSIGN_OR_RETURN(instance.cache,
                       runtime::KvCache::Create(backend_, states_, {.max_length = step_.past + step_.seq}));
      RETURN_IF_ERROR(instance.cache->EnsureCapacity(step_.past + step_.seq));
      for (size_t i = 0; i < states_.size(); ++i)
        RETURN_IF_ERROR(FillRandom(backend_, instance.cache->View(static_cast<int>(i)), random));
    }
    instances_.push_back(std::move(instance));
  }
  return absl::OkStatus();
}

absl::Status BlockRunner::MakeInputs(uint64_t seed) {
  std::mt19937_64 random(seed);
  for (NodeId id = 0; id < block_.size(); ++id) {
    const Node& node = block_.node(id);
    if (node.op != kernels::Op::kInput) continue;
    const size_t number = Number(node.attributes.String("name"));
    inputs_.resize(std::max(inputs_.size(), number + 1));
    kernels::TensorView view = {.dtype = node.type.dtype, .shape = runtime::EvaluateShape(node.type.shape, step_)};
    if (!kernels::IsFloat(view.dtype))
      return absl::UnimplementedError(absl::StrCat("a block reads ", node.type.ToString(), " from those before it"));
    ASSIGN_OR_RETURN(input_buffers_.emplace_back(), backend_.Allocate(view.bytes()));
    view.data = input_buffers_.back()->data();
    RETURN_IF_ERROR(FillRandom(backend_, view, random));
    inputs_[number] = view;
  }
  const int64_t vocabulary = VocabularyOf(block_);
  std::vector<int32_t> tokens(step_.seq);
  for (int32_t& token : tokens) token = static_cast<int32_t>(random() % static_cast<uint64_t>(vocabulary));
  const auto bytes = static_cast<int64_t>(tokens.size() * sizeof(int32_t));
  ASSIGN_OR_RETURN(tokens_, backend_.Allocate(bytes));
  return backend_.CopyToDevice(tokens_->data(), tokens.data(), bytes);
}

absl::StatusOr<std::unique_ptr<BlockRunner::Form>> BlockRunner::Bind(const runtime::Plan& plan) {
  auto form = std::make_unique<Form>();
  for (const Instance& instance : instances_) {
    auto own = std::make_unique<runtime::Plan>(plan);
    for (runtime::PlanValue& value : own->values) {
      if (value.storage == runtime::Storage::kWeight) value.name = instance.at->weights[Number(value.name)];
    }
    ASSIGN_OR_RETURN(form->bound.emplace_back(),
                     runtime::BoundPlan::Create(backend_, *own, weights_, runtime::LaunchMode::kInOrder));
    form->plans.push_back(std::move(own));
  }
  return form;
}

absl::StatusOr<BlockRunner::Form*> BlockRunner::Find(const Graph& graph) {
  std::string text = graph.ToString();
  auto at = std::find_if(forms_.begin(), forms_.end(), [&](const auto& form) { return form->text == text; });
  if (at == forms_.end()) {
    ASSIGN_OR_RETURN(const runtime::Plan lowered, Lower(graph));
    ASSIGN_OR_RETURN(const runtime::Plan plan, FusePlan(lowered));
    ASSIGN_OR_RETURN(std::unique_ptr<Form> form, Bind(plan));
    form->text = std::move(text);
    forms_.push_front(std::move(form));
    if (forms_.size() > kMaxForms) forms_.pop_back();
  } else {
    forms_.splice(forms_.begin(), forms_, at);
  }
  return forms_.front().get();
}

absl::Status BlockRunner::Run(Form& form, size_t index) {
  runtime::BoundPlan& plan = *form.bound[index];
  const runtime::KvCache* const cache = instances_[index].cache.get();
  std::vector<kernels::TensorView> states, inputs;
  for (const std::string& name : plan.state_names()) {
    const auto spec =
        std::find_if(states_.begin(), states_.end(), [&](const runtime::KvStateSpec& s) { return s.name == name; });
    states.push_back(cache->View(static_cast<int>(spec - states_.begin())));
  }
  for (const std::string& name : plan.input_names()) inputs.push_back(inputs_[Number(name)]);
  RETURN_IF_ERROR(EnsureArena(plan.ArenaBytes(step_)));
  plan.Place(step_, {.tokens = tokens_->data(), .states = states, .inputs = inputs, .arena = arena_->data()});
  return plan.Run();
}

absl::Status BlockRunner::EnsureArena(int64_t bytes) {
  if (arena_ != nullptr && arena_->size_bytes() >= bytes) return absl::OkStatus();
  for (const std::unique_ptr<Form>& form : forms_) {
    form->recorded.reset();
    form->recording_tried = false;
  }
  arena_.reset();
  ASSIGN_OR_RETURN(arena_, backend_.Allocate(bytes));
  return absl::OkStatus();
}

absl::Status BlockRunner::RunAll(Form& form) {
  for (size_t i = 0; i < form.bound.size(); ++i) RETURN_IF_ERROR(Run(form, i));
  return absl::OkStatus();
}

absl::Status BlockRunner::RecordIfPossible(Form& form) {
  if (form.recording_tried || !backend_.can_record()) return absl::OkStatus();
  // First without: code is made and loaded, and the arena grows, where nothing is recorded.
  RETURN_IF_ERROR(RunAll(form));
  RETURN_IF_ERROR(backend_.Synchronize());
  form.recording_tried = true;
  ASSIGN_OR_RETURN(form.recorded, RecordedRun::Record(backend_, step_.past, [&] { return RunAll(form); }));
  return absl::OkStatus();
}

double BlockRunner::NowNs() const {
  return static_cast<double>(Clock::Real().MonotonicNs() - backend_.CompileTimeNs());
}

absl::StatusOr<double> BlockRunner::RunAllNs(Form& form) {
  const auto instances = static_cast<double>(form.bound.size());
  RETURN_IF_ERROR(RecordIfPossible(form));
  RETURN_IF_ERROR(LetOthersIn(form, form.bound.size() - 1));
  if (form.recorded != nullptr) {
    ASSIGN_OR_RETURN(const double ns, form.recorded->TimeNs());
    return ns / instances;
  }
  double total = 0, start = NowNs();
  for (size_t i = 0; i < form.bound.size(); ++i) {
    RETURN_IF_ERROR(Run(form, i));
    if (i + 1 < form.bound.size() && NowNs() - start < kStretchNs) continue;
    RETURN_IF_ERROR(backend_.Synchronize());
    total += NowNs() - start;
    if (i + 1 < form.bound.size()) RETURN_IF_ERROR(LetOthersIn(form, i));
    start = NowNs();
  }
  return total / instances;
}

absl::Status BlockRunner::LetOthersIn(Form& form, size_t instance) {
  const int64_t waited_ns = token_.waited_ns();
  RETURN_IF_ERROR(token_.Check());
  if (token_.waited_ns() - waited_ns < kUndisturbedNs) return absl::OkStatus();
  RETURN_IF_ERROR(Run(form, instance));
  return backend_.Synchronize();
}

// Results of the first instance, then the rows that it wrote to its cache. Only valid right after it ran.
absl::StatusOr<BlockRunner::Values> BlockRunner::Read(const Form& form) {
  RETURN_IF_ERROR(backend_.Synchronize());
  Values values;
  const auto read = [&](const kernels::TensorView& view) -> absl::Status {
    if (!kernels::IsFloat(view.dtype)) {  // An index jumps where a rounding turns a tie.
      values.emplace_back();
      return absl::OkStatus();
    }
    std::vector<std::byte> bytes(view.bytes());
    RETURN_IF_ERROR(backend_.CopyToHost(bytes.data(), view.data, view.bytes()));
    values.emplace_back(view.elements());
    kernels::ConvertToFloat32(bytes.data(), view.dtype, values.back().data(), view.elements());
    return absl::OkStatus();
  };
  for (size_t i = 0; i < form.plans[0]->results.size(); ++i) RETURN_IF_ERROR(read(form.bound[0]->result(i)));
  for (size_t i = 0; i < states_.size(); ++i) {
    kernels::TensorView rows = instances_[0].cache->View(static_cast<int>(i));
    rows.shape[0] = step_.seq;
    rows.data = static_cast<std::byte*>(rows.data) + step_.past * states_[i].row_bytes();
    RETURN_IF_ERROR(read(rows));
  }
  return values;
}

absl::Status BlockRunner::SetReference(const Graph& graph) {
  ASSIGN_OR_RETURN(const runtime::Plan plan, Lower(graph));
  ASSIGN_OR_RETURN(const std::unique_ptr<Form> form, Bind(plan));
  RETURN_IF_ERROR(Run(*form, 0));
  ASSIGN_OR_RETURN(reference_, Read(*form));
  return absl::OkStatus();
}

absl::Status BlockRunner::CompareWithReference(const Form& form) {
  ASSIGN_OR_RETURN(const Values values, Read(form));
  const runtime::Plan& plan = *form.plans[0];
  for (size_t i = 0; i < values.size(); ++i) {
    const kernels::DType dtype =
        i < plan.results.size() ? plan.values[plan.results[i]].dtype : states_[i - plan.results.size()].dtype;
    double difference = 0, norm = 0;
    for (size_t j = 0; j < values[i].size(); ++j) {
      const double wanted = reference_[i][j], error = values[i][j] - wanted;
      difference += error * error;
      norm += wanted * wanted;
    }
    const double relative = std::sqrt(difference / std::max(norm, 1e-30));
    // Not finite counts as different too.
    if (!(relative <= Tolerance(dtype))) {
      return absl::DataLossError(absl::StrCat(i < plan.results.size() ? "result " : "cache rows ",
                                              i < plan.results.size() ? i : i - plan.results.size(), " differ by ",
                                              relative, " of their norm, more than ", Tolerance(dtype)));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<double> BlockRunner::TimeNs(const Graph& graph, int runs) {
  ASSIGN_OR_RETURN(Form* const form, Find(graph));
  std::vector<double> times;
  for (int run = 0; run < runs; ++run) {
    ASSIGN_OR_RETURN(times.emplace_back(), RunAllNs(*form));
  }
  return MedianOf(std::move(times));
}

Measurement BlockRunner::Compare(const Graph& candidate, const Graph& incumbent, int runs) {
  const absl::StatusOr<Form*> current = Find(incumbent);
  if (!current.ok()) return Failed(current.status());
  const absl::StatusOr<double> usual = RunAllNs(**current);
  if (!usual.ok()) return Failed(usual.status());
  const absl::StatusOr<Form*> form = Find(candidate);
  if (!form.ok()) return Failed(form.status());

  const double start = NowNs();
  if (const absl::Status status = Run(**form, 0); !status.ok()) return Failed(status);
  if (const absl::Status status = backend_.Synchronize(); !status.ok()) return Failed(status);
  const double first = NowNs() - start;
  if (first > kTimeoutRatio * *usual + kTimeoutSlackNs) {
    return Rejected(Rejection::kTimeout, absl::DeadlineExceededError(absl::StrCat(
                                             "first run took ", first * 1e-6, " ms, the incumbent ", *usual * 1e-6)));
  }
  if (const absl::Status status = CompareWithReference(**form); !status.ok())
    return Rejected(Rejection::kNumeric, status);

  if (2 * runs * static_cast<double>((*form)->bound.size()) * *usual > kTurnsNs) runs = std::min(runs, 2);
  std::vector<double> candidate_times, incumbent_times;
  for (int run = 0; run < runs; ++run) {
    for (const bool candidate_now : {run % 2 == 0, run % 2 != 0}) {
      const absl::StatusOr<double> time = RunAllNs(candidate_now ? **form : **current);
      if (!time.ok()) return Failed(time.status());
      (candidate_now ? candidate_times : incumbent_times).push_back(*time);
    }
    if (run == 1 && *std::min_element(candidate_times.begin(), candidate_times.end()) >
                        kGiveUpRatio * *std::max_element(incumbent_times.begin(), incumbent_times.end()))
      break;
  }
  return {.candidate_ns = MedianOf(std::move(candidate_times)), .incumbent_ns = MedianOf(std::move(incumbent_times))};
}

}  // namespace metronome::compiler
