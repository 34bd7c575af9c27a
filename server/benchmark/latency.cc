#include "server/benchmark/latency.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "kernels/interface/profiler_range.h"
#include "runtime/plan/step_bytes.h"
#include "server/service/messages.h"
#include "server/service/prompt.h"

namespace metronome::server {
namespace {

class LatencyRun {
 public:
  LatencyRun(LoadedModel& model, Measurement& measurement) : model_(model), m_(measurement) {}

  absl::Status Measure() {
    m_.result.set_kv_state("cold");
    const v1::Prompt prompt = MakePrompt();
    const int total = m_.spec.warmups() + m_.spec.iters();
    for (int i = 0; i < total; ++i) {
      const bool warmup = i < m_.spec.warmups();
      m_.progress(warmup ? "warmup" : "measure", static_cast<double>(i) / total);
      if (!warmup) m_.StartCounting();
      RETURN_IF_ERROR(Iterate(prompt, warmup ? -1 : i - m_.spec.warmups()));
      if (!warmup) m_.telemetry->Sample();
    }
    // A step adds position p with p positions before it; the mean over the steps measured.
    const int64_t mean_past = m_.result.prompt_tokens() + std::max<int64_t>(m_.spec.decode_tokens() - 2, 0) / 2;
    m_.result.set_step_bytes(runtime::StepReadBytes(model_.decode_plan(), {.seq = 1, .past = mean_past}));
    return absl::OkStatus();
  }

 private:
  v1::Prompt MakePrompt() const {
    v1::Prompt prompt;
    if (!m_.spec.prompt().empty() && model_.tokenizer() != nullptr) {
      prompt.set_text(m_.spec.prompt());
    } else {
      prompt.mutable_synthetic()->set_tokens(m_.spec.prompt_tokens());
      prompt.mutable_synthetic()->set_seed(m_.spec.seed());
    }
    return prompt;
  }

  // `iteration` -1 is a warm-up, which leaves no samples.
  absl::Status Iterate(const v1::Prompt& request, int iteration) {
    const kernels::ProfilerRange range(m_.engine.backend(), [&] {
      return iteration < 0 ? std::string("warmup") : absl::StrCat("iteration ", iteration);
    });
    // As a request would meet it: tokenising and opening a session are part of the time to first token.
    const int64_t accepted_ns = m_.engine.clock().MonotonicNs();
    ASSIGN_OR_RETURN(const runtime::PrefillMode mode, ToPrefillMode(m_.spec.prefill_mode()));
    ASSIGN_OR_RETURN(const ResolvedPrompt prompt, ResolvePrompt(model_, request, model_.facts().max_cache_len));
    ASSIGN_OR_RETURN(const GenerationOptions options,
                     ToGenerationOptions(m_.spec.sampling(), model_.sampling_defaults()));
    ASSIGN_OR_RETURN(const std::unique_ptr<Generation> generation, m_.engine.NewGeneration(model_, options, 0));
    const int64_t opened_ns = m_.engine.clock().MonotonicNs();
    const auto keep_going = [&] { return m_.token.Check().ok(); };
    int64_t prefilled_ns = 0;
    ASSIGN_OR_RETURN(const GeneratedToken first, generation->Start(prompt.tokens, mode, keep_going, &prefilled_ns));
    TokenDigest digest;
    digest.Add(first.id);
    const double ttft_s = static_cast<double>(first.known_ns - accepted_ns) * 1e-9;
    std::vector<GeneratedToken> tokens = {first};
    v1::BenchmarkResult& result = m_.result;
    while (const int64_t left = m_.spec.decode_tokens() - static_cast<int64_t>(tokens.size())) {
      RETURN_IF_ERROR(m_.token.Check());
      ASSIGN_OR_RETURN(std::vector<GeneratedToken> more,
                       generation->NextUpTo(m_.spec.streamed() ? 1 : left, nullptr, keep_going));
      result.set_tokens_on_device(result.tokens_on_device() || more.size() > 1);
      for (GeneratedToken& token : more) {
        digest.Add(token.id);
        tokens.push_back(std::move(token));
      }
    }
    result.set_kv_bytes(std::max(result.kv_bytes(), generation->kv_bytes()));
    if (iteration < 0) return absl::OkStatus();

    const auto prompt_tokens = static_cast<int64_t>(prompt.tokens.size());
    result.set_prompt_tokens_requested(prompt.requested);
    result.set_prompt_tokens(prompt_tokens);
    result.set_prompt_tokens_padded(prompt_tokens);
    Record(tokens, iteration, ttft_s, prefilled_ns - opened_ns);
    const bool same = iteration == 0 || result.output_digest() == digest.ToString();
    result.set_output_digest(same ? digest.ToString() : "mixed");
    return absl::OkStatus();
  }

  void Record(const std::vector<GeneratedToken>& tokens, int iteration, double ttft_s, int64_t prefill_ns) {
    ModelLabels labels = LabelsFor(model_);
    labels.phase = "benchmark";
    Metrics& metrics = m_.engine.metrics();
    metrics.ObservePrefill(labels, static_cast<double>(prefill_ns) * 1e-9, ttft_s, m_.result.prompt_tokens());
    m_.AddSample("ttft_ms", iteration, 0, ttft_s * 1e3);
    for (size_t i = 1; i < tokens.size(); ++i) {
      const double step_ns = static_cast<double>(tokens[i].known_ns - tokens[i - 1].known_ns);
      m_.AddSample("step_ms", iteration, tokens[i].position, step_ns * 1e-6);
      m_.AddSample("sampling_ms", iteration, tokens[i].position,
                   static_cast<double>(tokens[i].known_ns - tokens[i].logits_ns) * 1e-6);
      metrics.ObserveStep(labels, step_ns * 1e-9);
    }
    if (tokens.size() < 2) return;
    const auto count = static_cast<int64_t>(tokens.size());
    const double tpot_ns = TimePerOutputTokenNs(tokens.front().known_ns, tokens.back().known_ns, count);
    m_.AddSample("tpot_ms", iteration, 0, tpot_ns * 1e-6);
    metrics.ObserveDecode(labels, static_cast<double>(tokens.back().known_ns - tokens.front().known_ns) * 1e-9,
                          tpot_ns * 1e-9, count - 1);
  }

  LoadedModel& model_;
  Measurement& m_;
};

}  // namespace

absl::Status MeasureLatency(LoadedModel& model, Measurement& measurement) {
  return LatencyRun(model, measurement).Measure();
}

}  // namespace metronome::server
