#include "server/metrics/metrics.h"

#include <prometheus/text_serializer.h>

#include <cstdio>
#include <limits>
#include <set>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/temp_directory.h"

namespace metronome::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAreArray;

const ModelLabels kLabels = {.model = "tiny-llama", .backend = "cpu", .path = "compiled"};

// Everything observed once, so that every family has a series.
void ObserveEverything(Metrics& metrics) {
  metrics.RequestStarted();
  metrics.RequestFinished("Prefill", "OK", 0.25);
  metrics.ObserveQueue(0.001);
  metrics.ObservePrefill(kLabels, 0.2, 0.21, 17);
  metrics.ObserveStep(kLabels, 0.011);
  metrics.ObserveDecode(kLabels, 0.011, 0.011, 1);
  metrics.ObserveCompile(kLabels, 3);
  metrics.CountBenchmarkResult("ok");
  metrics.SetWaiting(0);
  metrics.SetSessions(1, 10, 40);
  metrics.SetDeviceMemory("cpu", 1e9);
  metrics.SetDeviceCapacity("cpu", 4e9);
  metrics.SetDeviceAvailable("cpu", 2e9);
  metrics.SetLimits(256, 128);
  metrics.SetKvCacheLimit(80);
  metrics.SetEngineBusy(2.5);
}

std::string TextOf(Metrics& metrics) { return prometheus::TextSerializer().Serialize(metrics.registry().Collect()); }

TEST(MetricsTest, FamiliesAreThoseDocumented) {
  Metrics metrics;
  ObserveEverything(metrics);
  std::set<std::string> names;
  for (const prometheus::MetricFamily& family : metrics.registry().Collect()) names.insert(family.name);
  const std::vector<std::string> documented = {"time_to_first_token_seconds",
                                               "inter_token_latency_seconds",
                                               "time_per_output_token_seconds",
                                               "request_duration_seconds",
                                               "queue_duration_seconds",
                                               "prefill_duration_seconds",
                                               "decode_duration_seconds",
                                               "compile_duration_seconds",
                                               "requests_running",
                                               "requests_waiting",
                                               "sessions",
                                               "kv_cache_used_bytes",
                                               "kv_cache_capacity_bytes",
                                               "kv_cache_usage_ratio",
                                               "requests_waiting_limit",
                                               "sessions_limit",
                                               "kv_cache_limit_bytes",
                                               "device_memory_bytes",
                                               "device_memory_capacity_bytes",
                                               "device_memory_available_bytes",
                                               "engine_busy_seconds_total",
                                               "start_time_seconds",
                                               "build_info",
                                               "prompt_tokens_total",
                                               "generated_tokens_total",
                                               "requests_total",
                                               "benchmark_results_total",
                                               "db_write_failures_total"};
  std::vector<std::string> prefixed;
  for (const std::string& name : documented) prefixed.push_back("metronome_" + name);
  EXPECT_THAT(names, UnorderedElementsAreArray(prefixed));
}

std::vector<double> EdgesOf(Metrics& metrics, const std::string& family) {
  std::vector<double> edges;
  for (const prometheus::MetricFamily& found : metrics.registry().Collect()) {
    if (found.name != "metronome_" + family) continue;
    for (const auto& bucket : found.metric.at(0).histogram.bucket) edges.push_back(bucket.upper_bound);
  }
  return edges;
}

// The last bucket is that of all beyond the edges.
TEST(MetricsTest, EdgesAreThoseAskedFor) {
  const double beyond = std::numeric_limits<double>::infinity();
  Metrics metrics({.request = {.25, 2}, .token = {.01, .1, .5}});
  ObserveEverything(metrics);
  for (const char* family : {"time_to_first_token_seconds", "request_duration_seconds", "queue_duration_seconds",
                             "prefill_duration_seconds", "decode_duration_seconds", "compile_duration_seconds"})
    EXPECT_THAT(EdgesOf(metrics, family), ElementsAre(.25, 2, beyond)) << family;
  for (const char* family : {"time_per_output_token_seconds", "inter_token_latency_seconds"})
    EXPECT_THAT(EdgesOf(metrics, family), ElementsAre(.01, .1, .5, beyond)) << family;
}

TEST(MetricsTest, ValuesArriveWithTheirLabels) {
  Metrics metrics;
  ObserveEverything(metrics);
  const std::string text = TextOf(metrics);
  EXPECT_THAT(text, HasSubstr("metronome_requests_total{code=\"OK\",rpc=\"Prefill\"} 1"));
  EXPECT_THAT(text, HasSubstr("metronome_prompt_tokens_total{backend=\"cpu\",model=\"tiny-llama\",path=\"compiled\","
                              "phase=\"request\"} 17"));
  // The prefill's token and the step's.
  EXPECT_THAT(text, HasSubstr("metronome_generated_tokens_total{backend=\"cpu\",model=\"tiny-llama\",path=\"compiled\","
                              "phase=\"request\"} 2"));
  EXPECT_THAT(text, HasSubstr("metronome_kv_cache_usage_ratio 0.25"));
}

TEST(MetricsTest, OutcomesOfBenchmarksAreThereBeforeTheFirst) {
  Metrics metrics;
  for (const char* outcome : {"ok", "skipped", "failed"})
    EXPECT_THAT(TextOf(metrics), HasSubstr(absl::StrCat("benchmark_results_total{outcome=\"", outcome, "\"} 0\n")));
}

TEST(MetricsTest, EngineBusyIsWhatWasSaidLast) {
  Metrics metrics;
  for (const double seconds : {1.5, 1.5, 4.0}) metrics.SetEngineBusy(seconds);
  EXPECT_THAT(TextOf(metrics), HasSubstr("metronome_engine_busy_seconds_total 4\n"));
}

TEST(MetricsTest, RunningAndWaitingAddUpToTheRequestsInFlight) {
  Metrics metrics;
  for (int i = 0; i < 5; ++i) metrics.RequestStarted();
  metrics.RequestFinished("Decode", "OK", 1);
  metrics.SetWaiting(3);
  const std::string text = TextOf(metrics);
  EXPECT_THAT(text, HasSubstr("metronome_requests_running 1\n"));
  EXPECT_THAT(text, HasSubstr("metronome_requests_waiting 3\n"));
}

TEST(MetricsTest, PromtoolFindsNothingToSay) {
  if (std::string(METRONOME_PROMTOOL).empty()) GTEST_SKIP() << "promtool (Debian package prometheus) is not installed";
  Metrics metrics;
  ObserveEverything(metrics);
  const TempDirectory directory;
  const std::string text = directory.Write("metrics.txt", TextOf(metrics));
  FILE* promtool = popen((METRONOME_PROMTOOL " check metrics 2>&1 <" + text).c_str(), "r");
  ASSERT_NE(promtool, nullptr);
  std::string output;
  for (int c = 0; (c = fgetc(promtool)) != EOF;) output += static_cast<char>(c);
  EXPECT_EQ(pclose(promtool), 0) << output;
  EXPECT_EQ(output, "");
}

TEST(MetricsTest, SecondServerOnAPortIsRefusedByName) {
  Metrics first, second;
  ASSERT_TRUE(first.Serve("127.0.0.1:0").ok());
  const absl::Status status = second.Serve(first.address());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr(first.address()));
}

}  // namespace
}  // namespace metronome::server
