#ifndef METRONOME_TESTS_SERVER_PAGES_SAMPLE_RUNS_H_
#define METRONOME_TESTS_SERVER_PAGES_SAMPLE_RUNS_H_

#include <algorithm>
#include <string>
#include <vector>

#include "metronome/v1/benchmark.pb.h"

namespace metronome::pages {

// Results as a daemon stores them, with as much in them as pages look at.

inline void AddSamples(v1::BenchmarkResult& result, const std::string& metric, const std::vector<double>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    v1::Sample& sample = *result.add_samples();
    sample.set_metric(metric);
    sample.set_index(static_cast<int32_t>(i));
    sample.set_value(values[i]);
  }
}

inline v1::Statistics StatisticsOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  v1::Statistics statistics;
  statistics.set_n(static_cast<int64_t>(values.size()));
  statistics.set_median(values[values.size() / 2]);
  return statistics;
}

// `tpot_ms` should have an odd number of values.
inline v1::BenchmarkResult SampleResult(const std::string& model, const std::string& path,
                                        const std::vector<double>& tpot_ms) {
  v1::BenchmarkResult result;
  result.mutable_spec()->set_model(model);
  result.mutable_spec()->set_path(path);
  result.mutable_spec()->set_dtype("bfloat16");
  result.mutable_spec()->set_decode_tokens(5);
  result.set_outcome("ok");
  result.set_provenance("server");
  result.set_prompt_tokens(21);
  *result.mutable_tpot_ms() = StatisticsOf(tpot_ms);
  AddSamples(result, "tpot_ms", tpot_ms);
  return result;
}

// Nine values around `center`, a thousandth apart.
inline std::vector<double> Around(double center) {
  std::vector<double> values;
  for (int i = -4; i <= 4; ++i) values.push_back(center * (1 + 0.001 * i));
  return values;
}

}  // namespace metronome::pages

#endif  // METRONOME_TESTS_SERVER_PAGES_SAMPLE_RUNS_H_
