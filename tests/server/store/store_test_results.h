#ifndef METRONOME_TESTS_SERVER_STORE_STORE_TEST_RESULTS_H_
#define METRONOME_TESTS_SERVER_STORE_STORE_TEST_RESULTS_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/benchmark/statistics.h"
#include "server/store/run_store.h"

namespace metronome::server {

// A result named "model-<index>" whose samples, ttft_ms alone, are index, index + 0.5, index + 1, ...
inline v1::BenchmarkResult SmallResult(int index, int samples = 3) {
  v1::BenchmarkResult result;
  result.set_provenance("server");
  result.set_outcome("ok");
  result.mutable_spec()->set_model(absl::StrCat("model-", index));
  for (int i = 0; i < samples; ++i) {
    v1::Sample& sample = *result.add_samples();
    sample.set_metric("ttft_ms");
    sample.set_index(i);
    sample.set_value(index + 0.5 * i);
  }
  SummariseSamples(result);
  return result;
}

inline std::string StartRun(RunStore& store) {
  const absl::StatusOr<std::string> id = store.StartRun({}, {});
  EXPECT_TRUE(id.ok()) << id.status();
  return id.ok() ? *id : "";
}

inline std::string StateOf(RunStore& store, const std::string& id) {
  const absl::StatusOr<v1::Run> run = store.GetRun(id);
  EXPECT_TRUE(run.ok()) << run.status();
  return run.ok() ? run->state() : "";
}

}  // namespace metronome::server

#endif  // METRONOME_TESTS_SERVER_STORE_STORE_TEST_RESULTS_H_
