#include "server/engine/explain.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "compiler/driver/optimise.h"
#include "kernels/base/clock.h"
#include "kernels/base/status_macros.h"
#include "runtime/engine/matmul_rate.h"
#include "runtime/statistics/sample/quantile.h"
#include "server/rpc/grpc_status.h"

namespace metronome::server {
namespace {

// An answer of these sizes, with four dumps, fits into the 4 MB that clients take by default.
constexpr size_t kMaxDumpBytes = size_t{640} << 10;
constexpr int64_t kMaxTrials = 8192;
constexpr size_t kMaxTrialDetailBytes = 100;

constexpr int kSteps = 5;

// "bfloat16[1, 2048] x [8192, 2048]": a dtype is repeated only where it changes.
std::string OperandsOf(const runtime::Plan& plan, const runtime::KernelCall& call, const runtime::StepShape& step) {
  std::string text;
  kernels::DType last = kernels::DType::kBool;
  for (runtime::ValueId id : call.inputs) {
    const runtime::PlanValue& value = plan.values[id];
    if (!text.empty()) absl::StrAppend(&text, " x ");
    if (text.empty() || value.dtype != last) absl::StrAppend(&text, Name(value.dtype));
    last = value.dtype;
    const kernels::Shape shape = runtime::EvaluateShape(value.shape, step);
    absl::StrAppend(&text, "[");
    for (int axis = 0; axis < shape.rank(); ++axis) absl::StrAppend(&text, axis == 0 ? "" : ", ", shape[axis]);
    absl::StrAppend(&text, "]");
  }
  if (const absl::string_view program = call.attributes.String("program"); !program.empty())
    absl::StrAppend(&text, ": ", program);
  return text;
}

std::string TuningOf(const runtime::KernelCall& call) {
  std::string text;
  for (const auto& [name, value] : call.attributes.values()) {
    if (absl::StartsWith(name, "tune_"))
      absl::StrAppend(&text, text.empty() ? "" : " ", absl::string_view(name).substr(5), "=", std::get<int64_t>(value));
  }
  return text;
}

class Explanation {
 public:
  Explanation(LoadedModel& model, const v1::ExplainRequest& request, v1::ExplainResponse& response)
      : model_(model),
        step_{.seq = std::max<int64_t>(1, request.tokens()), .past = request.past()},
        response_(response) {}

  absl::Status MeasureSteps(const CancelToken& token) {
    ASSIGN_OR_RETURN(const std::unique_ptr<runtime::KvCache> cache,
                     runtime::KvCache::Create(model_.backend(), runtime::KvStateSpecsOf(model_.plans()),
                                              {.max_length = step_.past + step_.seq}));
    runtime::Executor& executor = model_.executor();
    const std::vector<int32_t> own(static_cast<size_t>(step_.seq), 1);
    RETURN_IF_ERROR(cache->AdvanceRandomly(step_.past, /*seed=*/0));
    const auto keep_going = [&] { return token.Check().ok(); };
    std::vector<double> steps;
    std::map<size_t, std::vector<double>> calls;
    for (int i = 0; i < kSteps; ++i) {
      const int64_t start = Clock::Real().MonotonicNs();
      RETURN_IF_ERROR(token.Check());
      RETURN_IF_ERROR(executor.Step(own, *cache, keep_going));
      steps.push_back(static_cast<double>(Clock::Real().MonotonicNs() - start) * 1e-6);
      RETURN_IF_ERROR(cache->Truncate(step_.past));
      ASSIGN_OR_RETURN(const runtime::Executor::StepProfile profile, executor.Profile(own, *cache));
      plan_ = profile.plan;
      for (const runtime::BoundPlan::CallTime& call : profile.calls) {
        calls[call.call].push_back(static_cast<double>(call.ns) * 1e-6);
        costs_[call.call] = call.cost;
      }
    }
    response_.set_step_ms(statistics::Median(steps));
    for (auto& [call, times] : calls) times_[call] = statistics::Median(std::move(times));
    return absl::OkStatus();
  }

  absl::Status MeasureDevice() {
    ASSIGN_OR_RETURN(read_bytes_per_second_, model_.backend().MeasureReadBandwidth());
    ASSIGN_OR_RETURN(
        matmul_flops_per_second_,
        runtime::MeasureMatmulRate(model_.backend(),
                                   kernels::ParseDType(model_.request().dtype).value_or(kernels::DType::kFloat32)));
    response_.set_read_bytes_per_second(read_bytes_per_second_);
    response_.set_matmul_flops_per_second(matmul_flops_per_second_);
    return absl::OkStatus();
  }

  void Attribute() {
    std::map<std::string, v1::KernelUse> uses;
    double attributed = 0;
    for (const auto& [index, ms] : times_) {
      const runtime::KernelCall& call = plan_->calls[index];
      const std::string operands = OperandsOf(*plan_, call, step_), tuning = TuningOf(call);
      v1::KernelUse& use = uses[absl::StrCat(call.kernel, " ", operands, " ", tuning)];
      use.set_kernel(call.kernel);
      use.set_operands(operands);
      use.set_tuning(tuning);
      use.set_calls(use.calls() + 1);
      use.set_bytes(use.bytes() + costs_[index].bytes);
      use.set_flops(use.flops() + costs_[index].flops);
      use.set_ms(use.ms() + ms);
      attributed += ms;
    }
    std::vector<v1::KernelUse> sorted;
    for (auto& [key, use] : uses) {
      const double least_seconds = std::max(static_cast<double>(use.bytes()) / read_bytes_per_second_,
                                            static_cast<double>(use.flops()) / matmul_flops_per_second_);
      use.set_roofline(use.ms() > 0 ? least_seconds * 1e3 / use.ms() : 0);
      sorted.push_back(std::move(use));
    }
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const v1::KernelUse& a, const v1::KernelUse& b) { return a.ms() > b.ms(); });
    for (v1::KernelUse& use : sorted) *response_.add_kernels() = std::move(use);
    response_.set_unattributed_ms(response_.step_ms() - attributed);
    const runtime::BucketPlan& bucket = model_.plans()[runtime::NearestBucket(model_.plans(), step_.seq)];
    response_.set_bucket(bucket.seq);
    response_.set_plan_hash(plan_->Hash());
    response_.set_tokens(step_.seq);
    response_.set_past(step_.past);
  }

  void ReportCompilation() {
    const compiler::CompileReport& report = model_.compile_report();
    response_.mutable_rules_fired()->insert(report.rules_fired.begin(), report.rules_fired.end());
    response_.set_saturation_ms(report.saturation_ms);
    response_.set_search_ms(report.search_ms);
    for (const compiler::SaturationReport& block : report.blocks) {
      v1::Saturation& saturation = *response_.add_blocks();
      saturation.set_instances(block.instances);
      saturation.set_stop_reason(block.stop_reason);
      saturation.set_iterations(block.iterations);
      saturation.set_nodes(block.nodes);
      saturation.set_classes(block.classes);
      saturation.set_elapsed_ms(block.elapsed_ms);
    }
    int64_t trials = 0;
    for (const compiler::SearchReport& search : report.searches) {
      v1::PlanSearch& found = *response_.add_searches();
      found.set_block(search.block);
      found.set_tokens(search.seq);
      found.set_past(search.past);
      found.set_budget(search.budget);
      found.set_default_ms(search.default_ms);
      found.set_best_ms(search.best_ms);
      found.set_tried(static_cast<int64_t>(search.log.size()));
      for (const compiler::SearchLogEntry& entry : search.log) {
        if (++trials > kMaxTrials) break;
        v1::PlanTrial& trial = *found.add_trials();
        trial.set_number(entry.number);
        trial.set_outcome(entry.outcome);
        trial.set_detail(BoundedText(entry.detail, kMaxTrialDetailBytes));
        trial.set_candidate_ms(entry.candidate_ms);
        trial.set_incumbent_ms(entry.incumbent_ms);
      }
    }
  }

  absl::Status Dump(const CancelToken& token) {
    ASSIGN_OR_RETURN(const compiler::Graph graph, model_.BuildGraph(token));
    response_.set_graph_text(graph.ToString());
    response_.set_plan_text(plan_->ToString());
    if (model_.request().path == compiler::ExecutionPath::kEager) return absl::OkStatus();
    ASSIGN_OR_RETURN(const compiler::OptimisedGraph optimised, compiler::Optimise(graph, token));
    for (size_t i = 0; i < optimised.blocks.size(); ++i) {
      absl::StrAppend(response_.mutable_blocks_text(), "block ", i, ", ", optimised.blocks[i].report.instances,
                      " times\n", optimised.rolled.blocks[i].ToString(), "becomes\n",
                      optimised.blocks[i].graph.ToString());
    }
    ASSIGN_OR_RETURN(const compiler::Graph whole, optimised.Whole(token));
    response_.set_fused_text(whole.ToString());
    return absl::OkStatus();
  }

 private:
  LoadedModel& model_;
  runtime::StepShape step_;
  v1::ExplainResponse& response_;
  const runtime::Plan* plan_ = nullptr;
  std::map<size_t, double> times_;  // Milliseconds by call.
  std::map<size_t, kernels::KernelCost> costs_;
  double read_bytes_per_second_ = 0, matmul_flops_per_second_ = 0;
};

}  // namespace

absl::Status Explain(LoadedModel& model, const v1::ExplainRequest& request, const CancelToken& token,
                     v1::ExplainResponse& response) {
  if (request.tokens() < 0)
    return absl::InvalidArgumentError(absl::StrCat("tokens is ", request.tokens(), ", not at least 0"));
  if (request.past() < 0)
    return absl::InvalidArgumentError(absl::StrCat("past is ", request.past(), ", not at least 0"));
  const int64_t tokens = std::max<int64_t>(1, request.tokens()), most = model.facts().max_cache_len;
  if (tokens > runtime::kPrefillChunk) {
    return absl::OutOfRangeError(
        absl::StrCat("tokens is ", tokens, "; a step takes ", runtime::kPrefillChunk, " at most"));
  }
  if (request.past() > most - tokens) {
    return absl::OutOfRangeError(absl::StrCat(tokens, " tokens after position ", request.past(), " exceed the ", most,
                                              " that ", request.model(), " was compiled with"));
  }
  Explanation explanation(model, request, response);
  RETURN_IF_ERROR(explanation.MeasureSteps(token));
  RETURN_IF_ERROR(explanation.MeasureDevice());
  explanation.Attribute();
  explanation.ReportCompilation();
  if (!request.dumps()) return absl::OkStatus();
  RETURN_IF_ERROR(explanation.Dump(token));
  for (std::string* text : {response.mutable_graph_text(), response.mutable_plan_text(), response.mutable_blocks_text(),
                            response.mutable_fused_text()})
    *text = BoundedText(*text, kMaxDumpBytes);
  return absl::OkStatus();
}

}  // namespace metronome::server
