#include "server/metrics/metrics.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <initializer_list>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "kernels/base/clock.h"
#include "kernels/base/status_macros.h"
#include "server/build_info.h"
#include "server/daemon/listen_address.h"

namespace metronome::server {
namespace {

using prometheus::Labels;

Labels ToPrometheus(const ModelLabels& labels) {
  return {{"model", labels.model}, {"backend", labels.backend}, {"path", labels.path}, {"phase", labels.phase}};
}

auto& BuildHistogram(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildHistogram().Name(absl::StrCat("metronome_", name)).Help(help).Register(registry);
}
auto& BuildCounter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(absl::StrCat("metronome_", name)).Help(help).Register(registry);
}
auto& BuildGauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(absl::StrCat("metronome_", name)).Help(help).Register(registry);
}

}  // namespace

Metrics::Metrics(BucketEdges edges)
    : edges_(std::move(edges)),
      ttft_(BuildHistogram(registry_, "time_to_first_token_seconds",
                           "Request accepted to first token id known on the host")),
      inter_token_(
          BuildHistogram(registry_, "inter_token_latency_seconds", "Between two consecutive tokens of a sequence")),
      tpot_(BuildHistogram(registry_, "time_per_output_token_seconds",
                           "Mean time per token after the first, a value a request")),
      request_duration_(BuildHistogram(registry_, "request_duration_seconds", "RPC received to RPC finished")),
      queue_duration_(BuildHistogram(registry_, "queue_duration_seconds", "Waited for the engine")),
      prefill_duration_(BuildHistogram(registry_, "prefill_duration_seconds", "Prompt into the cache")),
      decode_duration_(BuildHistogram(registry_, "decode_duration_seconds", "All tokens of a request after the first")),
      compile_duration_(BuildHistogram(registry_, "compile_duration_seconds", "Graph to plan")),
      prompt_tokens_(BuildCounter(registry_, "prompt_tokens_total", "Prompt tokens processed")),
      generated_tokens_(BuildCounter(registry_, "generated_tokens_total", "Tokens generated")),
      requests_(BuildCounter(registry_, "requests_total", "RPCs finished")),
      denied_requests_(BuildCounter(registry_, "denied_requests_total", "RPCs refused for want of a token or a role")),
      benchmark_results_(BuildCounter(registry_, "benchmark_results_total", "Benchmark results by outcome")),
      device_memory_(BuildGauge(registry_, "device_memory_bytes", "Memory that models and caches hold on a device")),
      device_capacity_(BuildGauge(registry_, "device_memory_capacity_bytes", "Memory that a device has")),
      device_available_(
          BuildGauge(registry_, "device_memory_available_bytes", "Memory that a device could still give")),
      db_write_failures_(
          &BuildCounter(registry_, "db_write_failures_total", "Writes to the benchmark store that failed").Add({})),
      engine_busy_(&BuildCounter(registry_, "engine_busy_seconds_total", "How long the engine has worked").Add({})),
      requests_running_(&BuildGauge(registry_, "requests_running", "Requests being worked on").Add({})),
      requests_waiting_(&BuildGauge(registry_, "requests_waiting", "Requests queued for the engine").Add({})),
      waiting_limit_(&BuildGauge(registry_, "requests_waiting_limit", "Requests that may wait").Add({})),
      sessions_(&BuildGauge(registry_, "sessions", "Open sessions").Add({})),
      sessions_limit_(&BuildGauge(registry_, "sessions_limit", "Sessions that may be open").Add({})),
      kv_used_(&BuildGauge(registry_, "kv_cache_used_bytes", "KV cache memory committed by open sessions").Add({})),
      kv_capacity_(
          &BuildGauge(registry_, "kv_cache_capacity_bytes", "KV cache memory open sessions may grow to").Add({})),
      kv_limit_(&BuildGauge(registry_, "kv_cache_limit_bytes", "KV cache memory that there is for sessions").Add({})),
      kv_ratio_(&BuildGauge(registry_, "kv_cache_usage_ratio", "Used over capacity, 0 without sessions").Add({})) {
  BuildGauge(registry_, "build_info", "1; its labels say what was built")
      .Add({{"version", kVersion}, {"commit", kBuildCommit}})
      .Set(1);
  BuildGauge(registry_, "start_time_seconds", "When the daemon started, since 1970 in UTC")
      .Add({})
      .Set(static_cast<double>(Clock::Real().UnixMicros()) * 1e-6);
  // From 0 on, so that the first of each is an increase.
  for (const char* outcome : {"ok", "skipped", "failed"}) benchmark_results_.Add({{"outcome", outcome}});
}

absl::Status Metrics::Serve(const std::string& address) {
  ASSIGN_OR_RETURN(ListenAddress parsed, ParseListenAddress(address));
  if (parsed.is_unix()) return absl::InvalidArgumentError(absl::StrCat("'", address, "' is not host:port"));
  ASSIGN_OR_RETURN(listener_, MetricsListener::Start(parsed, [this] { return Text(); }, {}));
  parsed.port = listener_->port();
  address_ = parsed.ToString();
  return absl::OkStatus();
}

std::string Metrics::Text() const {
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  for (const prometheus::Collectable* beside :
       std::initializer_list<const prometheus::Collectable*>{&device_, &benchmarks_})
    for (prometheus::MetricFamily& family : beside->Collect()) families.push_back(std::move(family));
  return prometheus::TextSerializer().Serialize(families);
}

void Metrics::RequestFinished(absl::string_view rpc, absl::string_view code, double seconds) {
  in_flight_.fetch_sub(1, std::memory_order_relaxed);
  requests_.Add({{"rpc", std::string(rpc)}, {"code", std::string(code)}}).Increment();
  request_duration_.Add({{"rpc", std::string(rpc)}}, edges_.request).Observe(seconds);
}

void Metrics::ObserveQueue(double seconds) { queue_duration_.Add({}, edges_.request).Observe(seconds); }

void Metrics::ObservePrefill(const ModelLabels& labels, double seconds, double ttft_seconds, int64_t prompt_tokens) {
  prefill_duration_.Add(ToPrometheus(labels), edges_.request).Observe(seconds);
  ttft_.Add(ToPrometheus(labels), edges_.request).Observe(ttft_seconds);
  prompt_tokens_.Add(ToPrometheus(labels)).Increment(static_cast<double>(prompt_tokens));
  generated_tokens_.Add(ToPrometheus(labels)).Increment();  // The first token comes out of the prefill.
}

void Metrics::ObserveStep(const ModelLabels& labels, double seconds) {
  inter_token_.Add(ToPrometheus(labels), edges_.token).Observe(seconds);
  generated_tokens_.Add(ToPrometheus(labels)).Increment();
}

void Metrics::ObserveDecode(const ModelLabels& labels, double seconds, double tpot_seconds, int64_t tokens) {
  if (tokens == 0) return;
  decode_duration_.Add(ToPrometheus(labels), edges_.request).Observe(seconds);
  tpot_.Add(ToPrometheus(labels), edges_.token).Observe(tpot_seconds);
}

void Metrics::ObserveCompile(const ModelLabels& labels, double seconds) {
  compile_duration_.Add({{"model", labels.model}, {"backend", labels.backend}, {"path", labels.path}}, edges_.request)
      .Observe(seconds);
}

void Metrics::CountBenchmarkResult(absl::string_view outcome) {
  benchmark_results_.Add({{"outcome", std::string(outcome)}}).Increment();
}

void Metrics::CountDenial(absl::string_view rpc, absl::string_view code) {
  denied_requests_.Add({{"rpc", std::string(rpc)}, {"code", std::string(code)}}).Increment();
}

void Metrics::SetWaiting(int64_t waiting) {
  const int64_t running = in_flight_.load(std::memory_order_relaxed) - waiting;
  requests_running_->Set(static_cast<double>(std::max<int64_t>(running, 0)));
  requests_waiting_->Set(static_cast<double>(waiting));
}

void Metrics::SetSessions(double sessions, double kv_used_bytes, double kv_capacity_bytes) {
  sessions_->Set(sessions);
  kv_used_->Set(kv_used_bytes);
  kv_capacity_->Set(kv_capacity_bytes);
  kv_ratio_->Set(kv_capacity_bytes > 0 ? kv_used_bytes / kv_capacity_bytes : 0);
}

void Metrics::SetDeviceMemory(absl::string_view backend, double bytes) {
  device_memory_.Add({{"backend", std::string(backend)}}).Set(bytes);
}

void Metrics::SetDeviceCapacity(absl::string_view backend, double bytes) {
  device_capacity_.Add({{"backend", std::string(backend)}}).Set(bytes);
}

void Metrics::SetDeviceAvailable(absl::string_view backend, double bytes) {
  device_available_.Add({{"backend", std::string(backend)}}).Set(bytes);
}

void Metrics::SetLimits(double waiting, double sessions) {
  waiting_limit_->Set(waiting);
  sessions_limit_->Set(sessions);
}

void Metrics::SetEngineBusy(double seconds) { engine_busy_->Increment(seconds - engine_busy_->Value()); }

}  // namespace metronome::server
