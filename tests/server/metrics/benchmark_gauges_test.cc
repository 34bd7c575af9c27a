#include "server/metrics/benchmark_gauges.h"

#include <prometheus/text_serializer.h>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

v1::BenchmarkResult ResultOf(const std::string& model, double ttft_ms, double tpot_ms) {
  v1::BenchmarkResult result;
  result.mutable_spec()->set_model(model);
  result.mutable_spec()->set_scenario("latency");
  result.mutable_spec()->set_path("compiled");
  result.mutable_spec()->set_dtype("bfloat16");
  result.mutable_spec()->set_config("nightly");
  result.mutable_spec()->set_decode_tokens(5);
  result.set_prompt_tokens(21);
  result.set_outcome("ok");
  result.set_provenance("server");
  result.mutable_ttft_ms()->set_median(ttft_ms);
  result.mutable_tpot_ms()->set_median(tpot_ms);
  result.set_bandwidth_fraction(0.75);
  return result;
}

std::string TextOf(const BenchmarkGauges& gauges) { return prometheus::TextSerializer().Serialize(gauges.Collect()); }

constexpr char kLabels[] =
    "{model=\"tiny-llama\",backend=\"cpu\",path=\"compiled\",config=\"nightly\",dtype=\"bfloat16\","
    "workload=\"pp21+tg5\"} ";

TEST(BenchmarkGaugesTest, NewestResultOfAKindTakesThePlaceOfTheOneBefore) {
  BenchmarkGauges gauges;
  EXPECT_EQ(TextOf(gauges), "");

  gauges.Record(ResultOf("tiny-llama", 250, 125), "cpu", 1'000'000);
  gauges.Record(ResultOf("tiny-llama", 500, 62.5), "cpu", 2'500'000);

  const std::string text = TextOf(gauges), prefix = "\nmetronome_benchmark_result_";
  EXPECT_THAT(text, AllOf(HasSubstr(absl::StrCat(prefix, "time_to_first_token_seconds", kLabels, "0.5\n")),
                          HasSubstr(absl::StrCat(prefix, "time_per_output_token_seconds", kLabels, "0.0625\n")),
                          HasSubstr(absl::StrCat(prefix, "bandwidth_ratio", kLabels, "0.75\n")),
                          HasSubstr(absl::StrCat(prefix, "timestamp_seconds", kLabels, "2.5\n"))));
  EXPECT_THAT(text, Not(HasSubstr(" 0.25\n")));
}

TEST(BenchmarkGaugesTest, WhatIsNotComparableHasSeriesOfItsOwn) {
  const v1::BenchmarkResult plain = ResultOf("qwen3-30b-a3b", 1, 1);
  const auto kind = [&](auto change) {
    v1::BenchmarkResult result = plain;
    change(result);
    return BenchmarkKind::Of(result, "cuda");
  };
  EXPECT_EQ(kind([](auto& r) { r.mutable_spec()->set_seed(7); }), BenchmarkKind::Of(plain, "cuda"));
  EXPECT_EQ(kind([](auto& r) {
              r.mutable_spec()->set_layers(8);
              r.set_model_layers(48);
            }).model,
            "qwen3-30b-a3b [8 of 48 layers]");
  EXPECT_EQ(kind([](auto& r) { r.set_prompt_tokens(512); }).workload, "pp512+tg5");
  EXPECT_EQ(kind([](auto& r) { r.mutable_spec()->set_decode_tokens(50); }).workload, "pp21+tg50");
  EXPECT_EQ(kind([](auto& r) { r.mutable_spec()->set_prefill_mode("sequential"); }).workload, "pp21+tg5 sequential");
  EXPECT_EQ(kind([](auto& r) { r.mutable_spec()->set_streamed(true); }).workload, "pp21+tg5 streamed");
  EXPECT_EQ(kind([](auto& r) { r.mutable_spec()->mutable_sampling()->set_temperature(0.8); }).workload,
            "pp21+tg5 sampled");
  EXPECT_EQ(kind([](auto& r) { r.mutable_spec()->set_dtype("float32"); }).dtype, "float32");
  EXPECT_EQ(kind([](auto& r) { r.mutable_spec()->set_path("graph"); }).path, "graph");
  EXPECT_EQ(kind([](auto& r) { r.set_provenance("external"); }).backend, "external");
}

TEST(BenchmarkGaugesTest, NamesThatClientsMakeUpAreBounded) {
  v1::BenchmarkResult result = ResultOf("/home/somebody/model", 1, 1);
  EXPECT_EQ(BenchmarkKind::Of(result, "cpu").model, "directory");
  for (const std::string& config : {std::string(65, 'x'), std::string("two words"), std::string("\"}\n"),
                                    std::string("na\xc3\xafve"), std::string("../etc")}) {
    result.mutable_spec()->set_config(config);
    result.mutable_spec()->set_dtype(config);
    EXPECT_EQ(BenchmarkKind::Of(result, "cpu").config, "other") << config;
    EXPECT_EQ(BenchmarkKind::Of(result, "cpu").dtype, "other") << config;
  }
  for (const std::string& config : {std::string(64, 'x'), std::string("qwen3-4b.v2_a"), std::string()}) {
    result.mutable_spec()->set_config(config);
    EXPECT_EQ(BenchmarkKind::Of(result, "cpu").config, config);
  }
}

TEST(BenchmarkGaugesTest, KindsMeasuredLastAreKept) {
  BenchmarkGauges gauges;
  v1::BenchmarkResult result = ResultOf("tiny-llama", 1, 1);
  for (size_t i = 1; i <= BenchmarkGauges::kMaxKinds; ++i) {
    result.set_prompt_tokens(static_cast<int64_t>(i));
    gauges.Record(result, "cpu", 0);
  }
  result.set_prompt_tokens(1);  // Measured again: no longer the oldest.
  gauges.Record(result, "cpu", 0);
  result.set_prompt_tokens(9999);
  gauges.Record(result, "cpu", 0);

  for (const prometheus::MetricFamily& family : gauges.Collect())
    EXPECT_EQ(family.metric.size(), BenchmarkGauges::kMaxKinds) << family.name;
  EXPECT_THAT(TextOf(gauges), AllOf(HasSubstr("\"pp1+tg5\""), HasSubstr("\"pp9999+tg5\""), HasSubstr("\"pp3+tg5\""),
                                    Not(HasSubstr("\"pp2+tg5\""))));
}

TEST(BenchmarkGaugesTest, WhatWasNotMeasuredIsAbsent) {
  BenchmarkGauges gauges;
  v1::BenchmarkResult failed = ResultOf("tiny-llama", 1, 1), scaling = failed, one_token = failed;
  failed.set_outcome("failed");
  scaling.mutable_spec()->set_scenario("scaling");
  gauges.Record(failed, "cpu", 0);
  gauges.Record(scaling, "cpu", 0);
  EXPECT_EQ(TextOf(gauges), "");

  one_token.clear_tpot_ms();
  one_token.set_bandwidth_fraction(0);
  gauges.Record(one_token, "cpu", 0);
  EXPECT_THAT(TextOf(gauges), AllOf(HasSubstr("time_to_first_token"), HasSubstr("timestamp"),
                                    Not(HasSubstr("per_output_token")), Not(HasSubstr("bandwidth"))));
}

}  // namespace
}  // namespace metronome::server
