#include "server/benchmark/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <utility>

#include "server/benchmark/spec.h"

namespace metronome::server {
namespace {

double Percentile(const std::vector<double>& sorted, double fraction) {
  const double at = fraction * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

// Two-sided 95% quantile of Student's t. Tabulated to 30 degrees of freedom; beyond, the Cornish-Fisher expansion is
// exact to 4 digits (Abramowitz & Stegun 26.7.5).
double StudentT95(int64_t degrees) {
  constexpr std::array<double, 30> kTable = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                                             2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                                             2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
  if (degrees <= static_cast<int64_t>(kTable.size())) return kTable[degrees - 1];
  const double z = 1.959964, v = static_cast<double>(degrees);
  return z + (z * z * z + z) / (4 * v) + (5 * std::pow(z, 5) + 16 * z * z * z + 3 * z) / (96 * v * v);
}

void SummarisePositions(v1::BenchmarkResult& result) {
  std::map<int64_t, std::vector<double>> step_ms;
  std::map<int64_t, double> step_bytes;
  for (const v1::Sample& sample : result.samples()) {
    if (sample.metric() == "step_ms") step_ms[sample.position()].push_back(sample.value());
    if (sample.metric() == "step_bytes") step_bytes[sample.position()] = sample.value();
  }
  result.clear_positions();
  for (auto& [position, values] : step_ms) {
    v1::PositionResult& at = *result.add_positions();
    at.set_position(position);
    *at.mutable_step_ms() = Summarise(std::move(values));
    at.set_step_bytes(static_cast<int64_t>(step_bytes[position]));
  }
}

}  // namespace

v1::Statistics Summarise(std::vector<double> samples) {
  v1::Statistics statistics;
  const auto n = static_cast<int64_t>(samples.size());
  statistics.set_n(n);
  if (n == 0) return statistics;
  std::sort(samples.begin(), samples.end());
  const double mean = std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(n);
  double squares = 0;
  for (double sample : samples) squares += (sample - mean) * (sample - mean);
  const double stddev = n > 1 ? std::sqrt(squares / static_cast<double>(n - 1)) : 0;
  statistics.set_median(Percentile(samples, 0.5));
  statistics.set_mean(mean);
  statistics.set_stddev(stddev);
  statistics.set_min(samples.front());
  statistics.set_max(samples.back());
  if (n >= 2) {
    const double half_width = StudentT95(n - 1) * stddev / std::sqrt(static_cast<double>(n));
    statistics.set_ci95_low(mean - half_width);
    statistics.set_ci95_high(mean + half_width);
    statistics.set_p50(Percentile(samples, 0.5));
  }
  if (n >= 20) statistics.set_p95(Percentile(samples, 0.95));
  if (n >= 100) statistics.set_p99(Percentile(samples, 0.99));
  return statistics;
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
