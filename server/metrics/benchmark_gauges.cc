#include "server/metrics/benchmark_gauges.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "compiler/frontend/catalogue.h"
#include "proto/labels/model_label.h"
#include "server/benchmark/spec.h"

namespace metronome::server {
namespace {

constexpr size_t kMaxNameLength = 64;

std::string Bounded(absl::string_view name) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '-';
  });
  return plain && name.size() <= kMaxNameLength ? std::string(name) : "other";
}

std::string ModelOf(const v1::BenchmarkResult& result) {
  if (compiler::FindModel(result.spec().model()) == nullptr) return "directory";
  return ModelLabel(result);
}

prometheus::MetricFamily Gauge(const char* name, const char* help) {
  return {.name = absl::StrCat("metronome_benchmark_result_", name),
          .help = help,
          .type = prometheus::MetricType::Gauge,
          .metric = {}};
}

void Add(const BenchmarkKind& kind, double value, prometheus::MetricFamily& family) {
  prometheus::ClientMetric metric;
  metric.label = {{"model", kind.model},   {"backend", kind.backend}, {"path", kind.path},
                  {"config", kind.config}, {"dtype", kind.dtype},     {"workload", kind.workload}};
  metric.gauge.value = value;
  family.metric.push_back(std::move(metric));
}

}  // namespace

BenchmarkKind BenchmarkKind::Of(const v1::BenchmarkResult& result, absl::string_view backend) {
  const v1::BenchmarkSpec& spec = result.spec();
  std::string workload = absl::StrCat("pp", result.prompt_tokens(), "+tg", spec.decode_tokens());
  if (spec.prefill_mode() == "sequential") workload += " sequential";
  if (spec.streamed()) workload += " streamed";
  if (spec.sampling().temperature() > 0) workload += " sampled";
  return {.model = ModelOf(result),
          .backend = result.provenance() == "external" ? "external" : std::string(backend),
          .path = Bounded(spec.path()),
          .config = Bounded(spec.config()),
          .dtype = Bounded(spec.dtype()),
          .workload = std::move(workload)};
}

void BenchmarkGauges::Record(const v1::BenchmarkResult& result, absl::string_view backend, int64_t unix_micros) {
  if (result.outcome() != "ok" || result.spec().scenario() != kLatency) return;
  Newest newest = {.unix_seconds = static_cast<double>(unix_micros) * 1e-6,
                   .ttft_seconds = result.ttft_ms().median() * 1e-3};
  if (result.tpot_ms().median() > 0) newest.tpot_seconds = result.tpot_ms().median() * 1e-3;
  if (result.bandwidth_fraction() > 0) newest.bandwidth_ratio = result.bandwidth_fraction();
  absl::MutexLock lock(&mutex_);
  newest.order = ++recorded_;
  newest_.insert_or_assign(BenchmarkKind::Of(result, backend), newest);
  if (newest_.size() <= kMaxKinds) return;
  newest_.erase(std::min_element(newest_.begin(), newest_.end(),
                                 [](const auto& a, const auto& b) { return a.second.order < b.second.order; }));
}

std::vector<prometheus::MetricFamily> BenchmarkGauges::Collect() const {
  prometheus::MetricFamily ttft =
      Gauge("time_to_first_token_seconds", "Median of the newest benchmark result of its kind");
  prometheus::MetricFamily tpot =
      Gauge("time_per_output_token_seconds", "Median of the newest benchmark result of its kind");
  prometheus::MetricFamily bandwidth =
      Gauge("bandwidth_ratio", "Bytes that a decode step must read over its time, of a plain read of the device");
  prometheus::MetricFamily timestamp =
      Gauge("timestamp_seconds", "When the newest result of its kind was stored, since 1970 in UTC");
  absl::MutexLock lock(&mutex_);
  for (const auto& [kind, newest] : newest_) {
    Add(kind, newest.ttft_seconds, ttft);
    if (newest.tpot_seconds.has_value()) Add(kind, *newest.tpot_seconds, tpot);
    if (newest.bandwidth_ratio.has_value()) Add(kind, *newest.bandwidth_ratio, bandwidth);
    Add(kind, newest.unix_seconds, timestamp);
  }
  std::vector<prometheus::MetricFamily> families;
  for (prometheus::MetricFamily* family : {&ttft, &tpot, &bandwidth, &timestamp})
    if (!family->metric.empty()) families.push_back(std::move(*family));
  return families;
}

}  // namespace metronome::server
