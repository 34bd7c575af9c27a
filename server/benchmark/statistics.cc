#include "server/benchmark/statistics.h"

#include <map>
#include <string>

#include "runtime/statistics/sample/quantile.h"
#include "runtime/statistics/sample/summary.h"
#include "server/benchmark/spec.h"

namespace metronome::server {
namespace {

void SummarisePositions(v1::BenchmarkResult& result) {
  std::map<int64_t, std::vector<double>> step_ms;
  std::map<int64_t, double> step_bytes;
  for (const v1::Sample& sample : result.samples()) {
    if (sample.metric() == "step_ms") step_ms[sample.position()].push_back(sample.value());
    if (sample.metric() == "step_bytes") step_bytes[sample.position()] = sample.value();
  }
  result.clear_positions();
  for (const auto& [position, values] : step_ms) {
    v1::PositionResult& at = *result.add_positions();
    at.set_position(position);
    *at.mutable_step_ms() = Summarise(values);
    at.set_step_bytes(static_cast<int64_t>(step_bytes[position]));
  }
}

}  // namespace

v1::Statistics Summarise(const std::vector<double>& samples) {
  v1::Statistics result;
  const absl::StatusOr<statistics::Summary> summary = statistics::Summarise(samples);
  if (!summary.ok()) return result;
  result.set_n(summary->n);
  result.set_median(summary->median);
  result.set_mean(summary->mean);
  result.set_stddev(summary->stddev);
  result.set_min(summary->sorted.front());
  result.set_max(summary->sorted.back());
  if (const auto interval = statistics::MeanInterval(samples); interval.ok()) {
    result.set_ci95_low(interval->low);
    result.set_ci95_high(interval->high);
    result.set_p50(summary->median);
  }
  if (summary->n >= 20) result.set_p95(statistics::SortedQuantile(summary->sorted, 0.95));
  if (summary->n >= 100) result.set_p99(statistics::SortedQuantile(summary->sorted, 0.99));
  return result;
}

void SummariseSamples(v1::BenchmarkResult& result) {
  if (result.spec().scenario() == kScaling) return SummarisePositions(result);
  std::map<std::string, std::vector<double>> values;
  for (const v1::Sample& sample : result.samples()) values[sample.metric()].push_back(sample.value());
  const auto summarise = [&](const char* metric, v1::Statistics* statistics) {
    if (const auto found = values.find(metric); found != values.end()) *statistics = Summarise(found->second);
  };
  summarise("ttft_ms", result.mutable_ttft_ms());
  summarise("tpot_ms", result.mutable_tpot_ms());
  summarise("step_ms", result.mutable_step_ms());
  summarise("sampling_ms", result.mutable_sampling_ms());
}

void SetRates(v1::BenchmarkResult& result) {
  if (const double ms = result.ttft_ms().median(); ms > 0)
    result.set_prefill_tokens_per_second(static_cast<double>(result.prompt_tokens()) / (ms * 1e-3));
  if (const double ms = result.tpot_ms().median(); ms > 0) result.set_decode_tokens_per_second(1e3 / ms);
}

}  // namespace metronome::server
