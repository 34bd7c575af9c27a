#include "client/render/telemetry.h"

#include "client/render/results.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

v1::DeviceTelemetry FullTelemetry() {
  v1::DeviceTelemetry telemetry;
  telemetry.set_sm_clock_hertz(1.76e9);
  telemetry.set_sm_clock_max_hertz(1.98e9);
  telemetry.set_memory_clock_hertz(3.201e9);
  telemetry.set_memory_clock_max_hertz(3.202e9);
  telemetry.set_temperature_celsius(61);
  telemetry.set_power_watts(612.4);
  telemetry.set_power_limit_watts(700);
  telemetry.set_utilisation(0.37);
  telemetry.set_throttle_reasons("sw_power_cap,hw_slowdown");
  return telemetry;
}

v1::BenchmarkResult ThrottledResult() {
  v1::BenchmarkResult result;
  result.set_outcome("ok");
  result.mutable_spec()->set_model("llama-x");
  result.mutable_spec()->set_path("graph");
  *result.mutable_telemetry_before() = FullTelemetry();
  *result.mutable_telemetry_after() = FullTelemetry();
  result.mutable_telemetry_after()->set_sm_clock_hertz(1.5e9);
  result.set_sm_clock_min_hertz(1.41e9);
  result.set_temperature_max_celsius(71);
  result.set_power_max_watts(698);
  result.set_throttle_reasons("sw_power_cap");
  result.set_note("throttled: sw_power_cap while this was measured");
  return result;
}

TEST(FormatTelemetryTest, EverythingInItsUnit) {
  EXPECT_EQ(FormatTelemetry(FullTelemetry()),
            "SM clock 1.76 of 1.98 GHz, memory clock 3.20 of 3.20 GHz, 61 °C, 612 of 700 W, 37% busy, throttled: "
            "sw_power_cap, hw_slowdown");
}

TEST(FormatTelemetryTest, WhatIsNotKnownIsLeftOut) {
  EXPECT_EQ(FormatTelemetry({}), "");
  v1::DeviceTelemetry telemetry;
  telemetry.set_power_watts(0);
  telemetry.set_sm_clock_hertz(3e8);
  EXPECT_EQ(FormatTelemetry(telemetry), "SM clock 0.30 GHz, 0 W");
  telemetry.set_throttle_reasons("");
  EXPECT_EQ(FormatTelemetry(telemetry), "SM clock 0.30 GHz, 0 W, not throttled");
}

TEST(FormatConditionsTest, ExtremesWithWhatWasBeforeAndAfter) {
  EXPECT_EQ(FormatConditions(ThrottledResult()),
            "SM clock from 1.41 GHz (1.76 before, 1.50 after, 1.98 at most), up to 71 °C, up to 698 W (limit 700), "
            "throttled: sw_power_cap");
  v1::BenchmarkResult sparse;
  EXPECT_EQ(FormatConditions(sparse), "");
  sparse.set_sm_clock_min_hertz(1e9);
  sparse.set_power_max_watts(5);
  sparse.set_throttle_reasons("");
  EXPECT_EQ(FormatConditions(sparse), "SM clock from 1.00 GHz, up to 5 W, not throttled");
}

TEST(RenderTelemetryTest, TablesHaveConditionsAndNotesBelow) {
  v1::Run run;
  *run.add_results() = ThrottledResult();
  v1::BenchmarkResult& cpu = *run.add_results();
  cpu.set_outcome("ok");
  cpu.mutable_spec()->set_model("llama-y");
  const std::string text = RenderRun(run, OutputFormat::kTable);
  EXPECT_THAT(text, AllOf(HasSubstr("\nllama-x graph: SM clock from 1.41 GHz (1.76 before"),
                          HasSubstr("\nllama-x graph, note: throttled: sw_power_cap while this was measured.\n"),
                          Not(HasSubstr("llama-y :")), Not(HasSubstr("llama-y , note"))));
}

TEST(RenderTelemetryTest, JsonHasWhatIsKnownAlone) {
  v1::Run run;
  *run.add_results() = ThrottledResult();
  run.mutable_results(0)->mutable_telemetry_after()->clear_utilisation();
  run.mutable_results(0)->mutable_telemetry_before()->clear_utilisation();
  EXPECT_THAT(RenderRun(run, OutputFormat::kJson),
              AllOf(HasSubstr("\"telemetry_before\""), HasSubstr("\"sm_clock_min_hertz\": 1410000000"),
                    HasSubstr("\"throttle_reasons\": \"sw_power_cap\""), Not(HasSubstr("utilisation"))));
}

}  // namespace
}  // namespace metronome::client
