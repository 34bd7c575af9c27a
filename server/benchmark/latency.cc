#include "server/benchmark/latency.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/catalogue.h"
#include "runtime/base/memory_shortage.h"
#include "runtime/base/status_macros.h"
#include "runtime/plan/step_bytes.h"
#include "runtime/text/utf8.h"
#include "server/benchmark/foreign_load.h"
#include "server/benchmark/statistics.h"
#include "server/environment.h"
#include "server/messages.h"
#include "server/prompt.h"

namespace metronome {
namespace {

constexpr int64_t kDefaultPromptTokens = 21;  // What the default prompt has with these models' tokenizers.
constexpr int64_t kMaxTokens = int64_t{1} << 20;
constexpr int64_t kMaxSamples = 1000000;  // Of decode steps; 30 MB as a message.
constexpr double kForeignLoadWorthANote = 0.1;

absl::Status CheckRange(absl::string_view field, int64_t value, int64_t least, int64_t greatest) {
  if (value >= least && value <= greatest) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(field, " is ", value, ", not in [", least, ", ", greatest, "]"));
}

v1::CompileRequest CompileRequestOf(const v1::BenchmarkSpec& spec) {
  v1::CompileRequest request;
  request.set_model(spec.model());
  request.set_dtype(spec.dtype());
  request.set_path(spec.path());
  request.set_search_iterations(spec.search_iterations());
  request.set_seed(spec.seed());
  request.set_max_cache_len(spec.max_cache_len());
  request.set_weights(spec.weights());
  return request;
}

void AddSample(v1::BenchmarkResult& result, const char* metric, int iteration, int64_t position, double value) {
  v1::Sample& sample = *result.add_samples();
  sample.set_metric(metric);
  sample.set_index(iteration);
  sample.set_position(position);
  sample.set_value(value);
}

class LatencyRun {
 public:
  LatencyRun(Engine& engine, const v1::BenchmarkSpec& spec, const std::function<bool()>& keep_going,
             const BenchmarkProgress& progress)
      : engine_(engine), spec_(spec), keep_going_(keep_going), progress_(progress) {
    *result_.mutable_spec() = spec;
    result_.set_provenance("server");
    result_.set_kv_state("cold");
  }

  absl::Status Measure() {
    ASSIGN_OR_RETURN(const ModelRequest request, ToModelRequest(CompileRequestOf(spec_), engine_.backend().name()));
    ASSIGN_OR_RETURN(LoadedModel * model, engine_.Load(request, progress_, keep_going_));
    const LoadedModel::Facts& facts = model->facts();
    result_.set_compile_ms(facts.compile_ms);
    result_.set_load_ms(facts.load_ms);
    result_.set_weight_bytes(facts.weight_bytes);
    result_.set_plan_hash(facts.plan_hash);
    result_.set_weights_provenance(facts.weights_provenance);
    const v1::Prompt prompt = PromptFor(*model);
    std::optional<ForeignLoadProbe> foreign_load;

    const int total = spec_.warmups() + spec_.iters();
    for (int i = 0; i < total; ++i) {
      const bool warmup = i < spec_.warmups();
      progress_(warmup ? "warmup" : "measure", static_cast<double>(i) / total);
      if (!warmup && !foreign_load.has_value()) foreign_load.emplace();
      RETURN_IF_ERROR(Iterate(*model, prompt, warmup ? -1 : i - spec_.warmups()));
    }
    RecordForeignLoad(foreign_load->Fraction());
    result_.set_peak_memory_bytes(PeakResidentBytes());  // Before the probe below takes memory of its own.
    Summarise();
    progress_("bandwidth", 0);
    CompareWithBandwidth(*model);
    return absl::OkStatus();
  }

  // Of the samples there are.
  void Summarise() {
    SummariseSamples(result_);
    if (result_.ttft_ms().n() > 0)
      result_.set_prefill_tokens_per_second(static_cast<double>(result_.prompt_tokens()) /
                                            (result_.ttft_ms().median() * 1e-3));
    if (result_.tpot_ms().n() > 0) result_.set_decode_tokens_per_second(1e3 / result_.tpot_ms().median());
  }

  v1::BenchmarkResult& result() { return result_; }

 private:
  v1::Prompt PromptFor(const LoadedModel& model) const {
    v1::Prompt prompt;
    if (!spec_.prompt().empty() && model.tokenizer() != nullptr) {
      prompt.set_text(spec_.prompt());
    } else {
      prompt.mutable_synthetic()->set_tokens(spec_.prompt_tokens());
      prompt.mutable_synthetic()->set_seed(spec_.seed());
    }
    return prompt;
  }

  // `iteration` -1 is a warm-up, which leaves no samples.
  absl::Status Iterate(LoadedModel& model, const v1::Prompt& request, int iteration) {
    // As a request would meet it: tokenising and opening a session are part of the time to first token.
    const int64_t accepted_ns = engine_.clock().MonotonicNs();
    ASSIGN_OR_RETURN(const PrefillMode mode, ToPrefillMode(spec_.prefill_mode()));
    ASSIGN_OR_RETURN(const ResolvedPrompt prompt, ResolvePrompt(model, request, model.facts().max_cache_len));
    ASSIGN_OR_RETURN(const std::unique_ptr<Generation> generation, engine_.NewGeneration(model, {}, 0));
    const int64_t opened_ns = engine_.clock().MonotonicNs();
    int64_t prefilled_ns = 0;
    ASSIGN_OR_RETURN(const GeneratedToken first, generation->Start(prompt.tokens, mode, keep_going_, &prefilled_ns));
    TokenDigest digest;
    digest.Add(first.id);
    const double ttft_s = static_cast<double>(first.known_ns - accepted_ns) * 1e-9;
    std::vector<GeneratedToken> tokens = {first};
    while (static_cast<int64_t>(tokens.size()) < spec_.decode_tokens()) {
      if (!keep_going_()) return absl::CancelledError("cancelled by the client");
      ASSIGN_OR_RETURN(GeneratedToken token, generation->Next());
      digest.Add(token.id);
      tokens.push_back(std::move(token));
    }
    result_.set_kv_bytes(std::max(result_.kv_bytes(), generation->kv_bytes()));
    if (iteration < 0) return absl::OkStatus();

    const auto prompt_tokens = static_cast<int64_t>(prompt.tokens.size());
    result_.set_prompt_tokens_requested(prompt.requested);
    result_.set_prompt_tokens(prompt_tokens);
    result_.set_prompt_tokens_padded(prompt_tokens);
    Record(model, tokens, iteration, ttft_s, prefilled_ns - opened_ns);
    const bool first_iteration = iteration == 0;
    result_.set_output_digest(first_iteration || result_.output_digest() == digest.ToString() ? digest.ToString()
                                                                                              : "mixed");
    return absl::OkStatus();
  }

  void Record(const LoadedModel& model, const std::vector<GeneratedToken>& tokens, int iteration, double ttft_s,
              int64_t prefill_ns) {
    const ModelLabels labels = LabelsFor(model);
    engine_.metrics().ObservePrefill(labels, static_cast<double>(prefill_ns) * 1e-9, ttft_s, result_.prompt_tokens());
    AddSample(result_, "ttft_ms", iteration, 0, ttft_s * 1e3);
    for (size_t i = 1; i < tokens.size(); ++i) {
      const double step_ns = static_cast<double>(tokens[i].known_ns - tokens[i - 1].known_ns);
      AddSample(result_, "step_ms", iteration, tokens[i].position, step_ns * 1e-6);
      engine_.metrics().ObserveStep(labels, step_ns * 1e-9);
    }
    if (tokens.size() < 2) return;
    const auto count = static_cast<int64_t>(tokens.size());
    const double tpot_ns = TimePerOutputTokenNs(tokens.front().known_ns, tokens.back().known_ns, count);
    AddSample(result_, "tpot_ms", iteration, 0, tpot_ns * 1e-6);
    engine_.metrics().ObserveDecode(labels,
                                    static_cast<double>(tokens.back().known_ns - tokens.front().known_ns) * 1e-9,
                                    tpot_ns * 1e-9, count - 1);
  }

  void AddNote(const std::string& note) {
    result_.set_note(result_.note().empty() ? note : absl::StrCat(result_.note(), "; ", note));
  }

  void RecordForeignLoad(std::optional<double> fraction) {
    if (!fraction.has_value()) return;
    result_.set_foreign_cpu_fraction(*fraction);
    if (*fraction > kForeignLoadWorthANote)
      AddNote(absl::StrCat("others took ", std::lround(*fraction * 100), "% of the CPUs while this was measured"));
  }

  void CompareWithBandwidth(const LoadedModel& model) {
    // A step adds position p with p positions before it; the mean over the steps measured.
    const int64_t mean_past = result_.prompt_tokens() + std::max<int64_t>(spec_.decode_tokens() - 2, 0) / 2;
    result_.set_step_bytes(StepReadBytes(model.decode_plan(), {.seq = 1, .past = mean_past}));
    const absl::StatusOr<double> bandwidth = engine_.backend().MeasureReadBandwidth();
    if (!bandwidth.ok()) {  // The model left no room for the probe: the times measured stand.
      AddNote(absl::StrCat("bandwidth not measured: ", ToUtf8Lossy(bandwidth.status().message())));
      return;
    }
    result_.set_bandwidth_bytes_per_second(*bandwidth);
    if (result_.tpot_ms().n() == 0) return;
    const double tpot_s = result_.tpot_ms().median() * 1e-3;
    result_.set_bandwidth_fraction(static_cast<double>(result_.step_bytes()) / tpot_s / *bandwidth);
  }

  Engine& engine_;
  const v1::BenchmarkSpec& spec_;
  const std::function<bool()>& keep_going_;
  const BenchmarkProgress& progress_;
  v1::BenchmarkResult result_;
};

// The memory that a skipped model lacks, whatever it was skipped for: one that is not supported may not fit either.
std::optional<MemoryShortage> ShortageFor(const Engine& engine, const v1::BenchmarkSpec& spec,
                                          const absl::Status& status) {
  const CatalogueEntry* entry = FindModel(spec.model());
  const std::optional<DType> dtype = ParseDType(spec.dtype());
  if (!absl::IsUnimplemented(status) || entry == nullptr || !dtype.has_value()) return ShortageOf(status);
  const MemoryShortage weights = {.bytes_needed = entry->parameters * static_cast<int64_t>(SizeOf(*dtype)),
                                  .bytes_available = engine.backend().MemoryAvailableBytes()};
  if (weights.bytes_needed <= weights.bytes_available) return std::nullopt;
  return weights;
}

// What this machine or build cannot do is skipped; what went wrong has failed.
bool IsSkip(const absl::Status& status) { return absl::IsResourceExhausted(status) || absl::IsUnimplemented(status); }

}  // namespace

absl::Status NormaliseSpec(v1::BenchmarkSpec& spec) {
  if (spec.model().empty()) return absl::InvalidArgumentError("model is empty");
  if (spec.scenario().empty()) spec.set_scenario("latency");
  if (spec.scenario() != "latency")
    return absl::UnimplementedError(absl::StrCat("scenario '", spec.scenario(), "' is not supported; latency is"));
  if (spec.path().empty()) spec.set_path("compiled");
  if (spec.dtype().empty()) spec.set_dtype("bfloat16");
  if (spec.prefill_mode().empty()) spec.set_prefill_mode("chunked");
  if (spec.prompt_tokens() == 0) spec.set_prompt_tokens(kDefaultPromptTokens);
  if (spec.iters() == 0) spec.set_iters(1);
  if (spec.decode_tokens() == 0) spec.set_decode_tokens(5);
  RETURN_IF_ERROR(CheckRange("prompt_tokens", spec.prompt_tokens(), 1, kMaxTokens));
  RETURN_IF_ERROR(CheckRange("iters", spec.iters(), 1, 100000));
  RETURN_IF_ERROR(CheckRange("warmups", spec.warmups(), 0, 100000));
  RETURN_IF_ERROR(CheckRange("decode_tokens", spec.decode_tokens(), 1, kMaxTokens));
  RETURN_IF_ERROR(CheckRange("iters * decode_tokens", spec.iters() * spec.decode_tokens(), 1, kMaxSamples));
  RETURN_IF_ERROR(CheckRange("max_cache_len", spec.max_cache_len(), 0, int64_t{1} << 24));
  RETURN_IF_ERROR(ToPrefillMode(spec.prefill_mode()).status());
  // The text's length is not known before its tokenizer is loaded, so a prompt of text gets the model's default length.
  if (spec.max_cache_len() == 0 && spec.prompt().empty())
    spec.set_max_cache_len(spec.prompt_tokens() + spec.decode_tokens());
  const v1::CompileRequest request = CompileRequestOf(spec);  // Names no backend, so that any fits.
  return ToModelRequest(request, "").status();
}

v1::BenchmarkResult RunLatency(Engine& engine, const v1::BenchmarkSpec& spec, const std::function<bool()>& keep_going,
                               const BenchmarkProgress& progress) {
  const bool loaded_before = engine.Find(spec.model()).ok();
  ResetPeakResidentBytes();
  LatencyRun run(engine, spec, keep_going, progress);
  v1::BenchmarkResult& result = run.result();
  result.set_memory_available_before_bytes(engine.backend().MemoryAvailableBytes());
  const absl::Status status = run.Measure();
  if (!status.ok()) run.Summarise();  // What there is.
  if (result.peak_memory_bytes() == 0) result.set_peak_memory_bytes(PeakResidentBytes());
  if (!loaded_before && engine.Find(spec.model()).ok()) engine.Unload(spec.model()).status().IgnoreError();
  result.set_memory_available_after_bytes(engine.backend().MemoryAvailableBytes());
  if (status.ok()) {
    result.set_outcome("ok");
    return std::move(result);
  }
  result.set_outcome(IsSkip(status) ? "skipped" : "failed");
  result.set_error_kind(absl::StatusCodeToString(status.code()));
  result.set_error_text(ToUtf8Lossy(status.message()));  // It may quote bytes of a file.
  if (const std::optional<MemoryShortage> shortage = ShortageFor(engine, spec, status)) {
    result.set_bytes_needed(shortage->bytes_needed);
    result.set_bytes_available(shortage->bytes_available);
  }
  return std::move(result);
}

}  // namespace metronome
