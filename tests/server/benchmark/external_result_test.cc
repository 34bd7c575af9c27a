#include "server/benchmark/external_result.h"

#include <functional>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::server {
namespace {

using ::testing::HasSubstr;

void AddSample(v1::BenchmarkResult& result, const char* metric, double value, int64_t position = 0) {
  v1::Sample& sample = *result.add_samples();
  sample.set_metric(metric);
  sample.set_value(value);
  sample.set_position(position);
}

v1::BenchmarkResult PeerResult() {
  v1::BenchmarkResult result;
  result.mutable_spec()->set_model("llama-3.2-1b");
  result.mutable_spec()->set_path("hf_eager");
  result.mutable_spec()->set_dtype("bfloat16");
  result.set_prompt_tokens(20);
  for (const double value : {30.0, 10.0, 20.0}) AddSample(result, "ttft_ms", value);
  for (const double value : {4.0, 6.0, 5.0}) AddSample(result, "tpot_ms", value);
  return result;
}

TEST(ExternalResultTest, DefaultsStatisticsAndRatesAreFilled) {
  v1::BenchmarkResult result = PeerResult();
  result.set_result_id(77);
  result.set_provenance("server");
  result.set_decode_tokens_per_second(1e6);

  const absl::Status status = NormaliseExternalResult(result);

  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(result.provenance(), "external");
  EXPECT_EQ(result.outcome(), "ok");
  EXPECT_EQ(result.spec().scenario(), "latency");
  EXPECT_EQ(result.result_id(), 0);
  EXPECT_EQ(result.ttft_ms().n(), 3);
  EXPECT_EQ(result.ttft_ms().median(), 20);
  EXPECT_DOUBLE_EQ(result.prefill_tokens_per_second(), 1000);
  EXPECT_DOUBLE_EQ(result.decode_tokens_per_second(), 200);
}

// Ten times 1 and one time 100: mean 10, interval (-10, 30).
TEST(ExternalResultTest, WithoutSamplesOnlyMediansStayAndIntervalsMayBeNegative) {
  v1::BenchmarkResult result = PeerResult();
  result.clear_samples();
  result.mutable_ttft_ms()->set_median(20);
  result.mutable_ttft_ms()->set_n(11);
  result.mutable_ttft_ms()->set_ci95_low(-10);

  const absl::Status status = NormaliseExternalResult(result);

  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(result.ttft_ms().median(), 20);
  EXPECT_EQ(result.ttft_ms().n(), 0);
  EXPECT_FALSE(result.ttft_ms().has_ci95_low());
  EXPECT_DOUBLE_EQ(result.prefill_tokens_per_second(), 1000);
}

TEST(ExternalResultTest, ScalingHasPositionsOfItsSamples) {
  v1::BenchmarkResult result = PeerResult();
  result.clear_samples();
  result.mutable_spec()->set_scenario("scaling");
  EXPECT_THAT(std::string(NormaliseExternalResult(result).message()), HasSubstr("samples has no step_ms"));
  for (const int64_t position : {1, 2}) {
    AddSample(result, "step_ms", 3.0 * static_cast<double>(position), position);
    AddSample(result, "step_bytes", 1000, position);
  }

  const absl::Status status = NormaliseExternalResult(result);

  ASSERT_TRUE(status.ok()) << status;
  ASSERT_EQ(result.positions_size(), 2);
  EXPECT_EQ(result.positions(1).step_ms().median(), 6);
  EXPECT_EQ(result.positions(1).step_bytes(), 1000);
}

TEST(ExternalResultTest, WhatFailedNeedsAReasonAndNoTimes) {
  v1::BenchmarkResult result = PeerResult();
  result.clear_samples();
  result.set_outcome("skipped");
  EXPECT_THAT(std::string(NormaliseExternalResult(result).message()), HasSubstr("error_text is empty"));
  result.set_error_text("not enough memory");
  EXPECT_TRUE(NormaliseExternalResult(result).ok());
}

TEST(ExternalResultTest, BadFieldsAreNamedWithTheirValue) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const struct {
    std::function<void(v1::BenchmarkResult&)> spoil;
    const char* message;
  } kCases[] = {
      {[](auto& r) { r.mutable_spec()->clear_model(); }, "spec.model is empty"},
      {[](auto& r) { r.mutable_spec()->clear_dtype(); }, "spec.dtype is empty"},
      {[](auto& r) { r.mutable_spec()->clear_path(); }, "spec.path is empty, not one of compiled, graph"},
      {[](auto& r) { r.mutable_spec()->set_path("scenic"); }, "spec.path is 'scenic', not one of compiled, graph"},
      {[](auto& r) { r.mutable_spec()->set_scenario("marathon"); }, "spec.scenario is 'marathon'"},
      {[](auto& r) { r.mutable_spec()->set_iters(-3); }, "spec.iters is -3, not in [0, 2^63)"},
      {[](auto& r) { r.mutable_spec()->mutable_sampling()->set_temperature(-1); }, "spec.sampling.temperature is -1"},
      {[](auto& r) { r.set_outcome("splendid"); }, "outcome is 'splendid', not one of ok, skipped, failed"},
      {[](auto& r) { r.mutable_samples(4)->set_metric("ttft"); }, "samples[4].metric is 'ttft', not one of ttft_ms"},
      {[](auto& r) { r.mutable_samples(2)->set_value(-0.5); }, "samples[2].value is -0.5, not in"},
      {[](auto& r) { r.mutable_samples(2)->set_value(kNan); }, "samples[2].value is nan"},
      {[](auto& r) { r.mutable_samples(2)->set_value(1e19); }, "samples[2].value is 1e+19"},
      {[](auto& r) { r.mutable_samples(0)->set_index(-1); }, "samples[0].index is -1"},
      {[](auto& r) { r.mutable_step_ms()->set_median(-2); }, "step_ms.median is -2"},
      {[](auto& r) { r.set_load_ms(-7); }, "load_ms is -7"},
      {[](auto& r) { r.set_weight_bytes(-8); }, "weight_bytes is -8"},
      {[](auto& r) { r.set_foreign_cpu_fraction(1.5); }, "foreign_cpu_fraction is 1.5, not in [0, 1]"},
      {[](auto& r) { r.set_prompt_tokens(0); }, "prompt_tokens is 0"},
      {[](auto& r) { r.clear_samples(); }, "ttft_ms has neither samples nor a median above 0"},
      {[](auto& r) {
         for (v1::Sample& sample : *r.mutable_samples()) sample.set_value(1e-320);
       },
       "prefill_tokens_per_second is inf"},
      {[](auto& r) { r.set_error_text(std::string(70'000, 'x')); }, "error_text has 70000 bytes, more than 65536"},
      {[](auto& r) { r.mutable_spec()->set_prompt(std::string((1 << 20) + 1, 'x')); }, "spec.prompt has 1048577 bytes"},
      {[](auto& r) {
         r.mutable_spec()->set_scenario("scaling");
         for (int position = 0; position < 4097; ++position) AddSample(r, "step_ms", 1, position);
       },
       "samples has step_ms of 4097 positions, more than 4096"},
  };
  for (const auto& [spoil, message] : kCases) {
    v1::BenchmarkResult result = PeerResult();
    spoil(result);
    const absl::Status status = NormaliseExternalResult(result);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << message;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  }
}

}  // namespace
}  // namespace metronome::server
