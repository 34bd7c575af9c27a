#include "compiler/driver/search_plans.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "compiler/fusion/fuse_plan.h"
#include "compiler/lowering/lower.h"
#include "compiler/search/block_runner.h"
#include "compiler/search/search.h"
#include "compiler/search/search_space.h"
#include "kernels/base/clock.h"
#include "kernels/base/status_macros.h"

namespace metronome::compiler {
namespace {

constexpr double kNsPerCandidate = 250e6;
// Of the budget, what decode gets; the prefill buckets share the rest.
constexpr double kDecodeShare = 0.4;
// Blocks with less of a step's time are not worth a candidate.
constexpr double kLeastShare = 0.03;
// Steps up to this many tokens are checked against the primitives; beyond, against the default form, which the shorter
// steps have checked.
constexpr int64_t kMaxEagerSeq = 16;
// The default must be beaten by this much again in the last measurement.
constexpr double kLeastFinalGain = 0.005;

class PlanSearch {
 public:
  PlanSearch(kernels::Backend& backend, const runtime::WeightStore& weights, const PlanSearchOptions& options,
             CompileResult& result)
      : backend_(backend), weights_(weights), options_(options), token_(*options.token), result_(result) {}

  absl::Status Run() {
    const double start = NowNs();
    std::vector<int64_t> buckets;
    for (int64_t seq : runtime::kBuckets) {
      if (seq == 1 || seq / 2 < options_.max_seq) buckets.push_back(std::min(seq, options_.max_seq));
    }
    runtime::PlanSet plans;
    for (size_t i = 0; i < buckets.size(); ++i) {
      const double share = buckets.size() == 1
                               ? 1
                               : (i == 0 ? kDecodeShare : (1 - kDecodeShare) / static_cast<double>(buckets.size() - 1));
      ASSIGN_OR_RETURN(runtime::Plan plan, SearchBucket(buckets[i], share));
      plans.push_back({.seq = buckets[i], .plan = std::move(plan)});
    }
    result_.plans = std::move(plans);
    result_.report.search_ms = (NowNs() - start) * 1e-6;
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<runtime::Plan> SearchBucket(int64_t seq, double share) {
    const runtime::StepShape step = {.seq = seq, .past = seq == 1 ? options_.max_past : 0};
    const std::vector<OptimisedBlock>& blocks = result_.optimised.blocks;
    std::vector<Graph> graphs;
    std::vector<double> step_ns;  // By block: of all its instances.
    double total = 0;
    for (const OptimisedBlock& block : blocks) graphs.push_back(block.graph);
    for (size_t i = 0; i < blocks.size(); ++i) {
      RETURN_IF_ERROR(token_.Check());
      ASSIGN_OR_RETURN(const std::unique_ptr<BlockRunner> runner, NewRunner(static_cast<int>(i), step));
      ASSIGN_OR_RETURN(const double ns, runner->TimeNs(blocks[i].graph, seq <= kMaxEagerSeq ? 3 : 1));
      step_ns.push_back(ns * blocks[i].report.instances);
      total += step_ns.back();
    }
    for (size_t i = 0; i < blocks.size(); ++i) {
      const double part = step_ns[i] / total;
      const double cell_share = share * (part < kLeastShare ? 0 : part);
      const auto budget = static_cast<int64_t>(std::lround(static_cast<double>(options_.budget) * cell_share));
      if (budget > 0) {
        ASSIGN_OR_RETURN(graphs[i], SearchBlock(static_cast<int>(i), step, budget,
                                                kNsPerCandidate * static_cast<double>(options_.budget) * cell_share));
      }
      Advance(share * part);
    }
    ASSIGN_OR_RETURN(const Graph whole, Unroll(result_.optimised.rolled, graphs, token_));
    ASSIGN_OR_RETURN(const runtime::Plan plan, Lower(whole, token_));
    return FusePlan(plan, token_);
  }

  absl::StatusOr<std::unique_ptr<BlockRunner>> NewRunner(int block, const runtime::StepShape& step) {
    return BlockRunner::Create(backend_, weights_, result_.optimised.rolled, block, step, options_.seed, token_);
  }

  absl::StatusOr<Graph> SearchBlock(int index, const runtime::StepShape& step, int64_t budget, double max_ns) {
    const OptimisedBlock& block = result_.optimised.blocks[index];
    ASSIGN_OR_RETURN(const std::unique_ptr<BlockRunner> runner, NewRunner(index, step));
    RETURN_IF_ERROR(
        runner->SetReference(step.seq <= kMaxEagerSeq ? result_.optimised.rolled.blocks[index] : block.graph));
    const SearchSpace space(
        block.egraph, block.results, StaticCost,
        [this](absl::string_view kernel, const kernels::KernelArgs& args) { return TuningOf(kernel, args); }, step);
    Search search(space, {.choices = block.choices}, block.graph,
                  {.budget = budget, .seed = options_.seed, .keep_best = options_.keep_best});
    const int runs = static_cast<int>(options_.trials);
    const double deadline = NowNs() + max_ns;
    while (NowNs() < deadline) {
      RETURN_IF_ERROR(token_.Check());
      const std::optional<Trial> trial = search.Next();
      if (!trial.has_value()) break;
      search.Report(*trial, runner->Compare(trial->graph, search.incumbent(), runs));
    }
    SearchReport report = {.block = index, .seq = step.seq, .past = step.past, .budget = budget, .log = LogOf(search)};
    const bool changed = search.incumbent().ToString() != block.graph.ToString();
    std::optional<Measurement> last;
    if (changed) last = runner->Compare(search.incumbent(), block.graph, 2 * runs + 1);
    bool better = false;
    if (last.has_value() && !last->rejection.has_value()) {
      better = last->candidate_ns < last->incumbent_ns * (1 - kLeastFinalGain);
      report.default_ms = last->incumbent_ns * 1e-6;
      report.best_ms = (better ? last->candidate_ns : last->incumbent_ns) * 1e-6;
    } else {  // Nothing was found, or it took too long where it had to win: a machine may be busy for a moment.
      ASSIGN_OR_RETURN(const double ns, runner->TimeNs(block.graph, runs));
      report.default_ms = report.best_ms = ns * 1e-6;
    }
    result_.report.searches.push_back(std::move(report));
    return better ? search.incumbent() : block.graph;
  }

  static std::vector<SearchLogEntry> LogOf(const Search& search) {
    std::vector<SearchLogEntry> log;
    for (const Search::LogEntry& entry : search.log()) {
      const Measurement& measured = entry.measurement;
      log.push_back({.number = entry.number,
                     .outcome = std::string(measured.rejection.has_value() ? Name(*measured.rejection)
                                            : entry.accepted               ? "accepted"
                                                                           : "slower"),
                     .detail = measured.detail,
                     .candidate_ms = measured.candidate_ns * 1e-6,
                     .incumbent_ms = measured.incumbent_ns * 1e-6});
    }
    return log;
  }

  std::vector<kernels::TuningParameter> TuningOf(absl::string_view name, const kernels::KernelArgs& args) {
    const absl::StatusOr<const kernels::Kernel*> kernel = backend_.FindKernel(name);
    return kernel.ok() ? backend_.TuningSpace(**kernel, args) : std::vector<kernels::TuningParameter>();
  }

  // Stands still while the token lets others work.
  double NowNs() const { return static_cast<double>(Clock::Real().MonotonicNs() - token_.waited_ns()); }

  void Advance(double share) {
    done_ += share;
    if (options_.progress != nullptr) options_.progress(std::min(done_, 1.0));
  }

  kernels::Backend& backend_;
  const runtime::WeightStore& weights_;
  const PlanSearchOptions& options_;
  const CancelToken& token_;
  CompileResult& result_;
  double done_ = 0;
};

}  // namespace

absl::Status SearchPlans(kernels::Backend& backend, const runtime::WeightStore& weights,
                         const PlanSearchOptions& options, CompileResult& result) {
  if (options.budget <= 1 || result.optimised.blocks.empty()) return absl::OkStatus();
  return PlanSearch(backend, weights, options, result).Run();
}

}  // namespace metronome::compiler
