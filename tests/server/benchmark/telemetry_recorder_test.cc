#include "server/benchmark/telemetry_recorder.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/fake_clock.h"
#include "tests/server/scripted_device.h"

namespace metronome::server {
namespace {

constexpr absl::Duration kInterval = absl::Milliseconds(50);

kernels::DeviceTelemetry At(double clock_hertz, double celsius, double watts, std::vector<absl::string_view> reasons) {
  return {.sm_clock_hertz = clock_hertz,
          .temperature_celsius = celsius,
          .power_watts = watts,
          .throttle_reasons = std::move(reasons)};
}

class TelemetryRecorderTest : public testing::Test {
 protected:
  // As many samples between the first and the last as the script has room for.
  v1::BenchmarkResult Record(std::vector<absl::StatusOr<kernels::DeviceTelemetry>> script) {
    const size_t between = script.size() - 2;
    const ScriptedDevice device(std::move(script));
    TelemetryRecorder recorder(device, clock_);
    for (size_t i = 0; i < between; ++i) {
      clock_.Advance(kInterval);
      recorder.Sample();
    }
    v1::BenchmarkResult result;
    recorder.Finish(result);
    return result;
  }

  FakeClock clock_;
};

TEST_F(TelemetryRecorderTest, ExtremesAreOfAllSamplesAndReasonsTheirUnion) {
  const v1::BenchmarkResult result =
      Record({At(1.9e9, 50, 300, {}), At(1.4e9, 70, 650, {"hw_slowdown", "hw_thermal_slowdown"}),
              At(1.7e9, 77, 690, {"sw_power_cap"}), At(1.8e9, 60, 400, {})});
  EXPECT_EQ(result.telemetry_before().sm_clock_hertz(), 1.9e9);
  EXPECT_EQ(result.telemetry_before().throttle_reasons(), "");
  EXPECT_TRUE(result.telemetry_before().has_throttle_reasons());
  EXPECT_EQ(result.telemetry_after().sm_clock_hertz(), 1.8e9);
  EXPECT_EQ(result.sm_clock_min_hertz(), 1.4e9);
  EXPECT_EQ(result.temperature_max_celsius(), 77);
  EXPECT_EQ(result.power_max_watts(), 690);
  EXPECT_EQ(result.throttle_reasons(), "sw_power_cap,hw_slowdown,hw_thermal_slowdown");
}

// An idle device has low clocks, but is as hot and as throttled as it says.
TEST_F(TelemetryRecorderTest, TheClockBeforeIsNotAMinimum) {
  const v1::BenchmarkResult result = Record({At(0.3e9, 80, 500, {"sw_thermal_slowdown"}), At(1.8e9, 60, 400, {})});
  EXPECT_EQ(result.telemetry_before().sm_clock_hertz(), 0.3e9);
  EXPECT_EQ(result.sm_clock_min_hertz(), 1.8e9);
  EXPECT_EQ(result.temperature_max_celsius(), 80);
  EXPECT_EQ(result.power_max_watts(), 500);
  EXPECT_EQ(result.throttle_reasons(), "sw_thermal_slowdown");
}

TEST_F(TelemetryRecorderTest, WhatNoSampleKnewIsAbsent) {
  const v1::BenchmarkResult result =
      Record({kernels::DeviceTelemetry{}, kernels::DeviceTelemetry{.power_watts = 5}, kernels::DeviceTelemetry{}});
  EXPECT_TRUE(result.has_telemetry_before());
  EXPECT_EQ(result.telemetry_before().ByteSizeLong(), 0u);
  EXPECT_FALSE(result.has_sm_clock_min_hertz());
  EXPECT_FALSE(result.has_temperature_max_celsius());
  EXPECT_FALSE(result.has_throttle_reasons());
  EXPECT_EQ(result.power_max_watts(), 5);
}

TEST_F(TelemetryRecorderTest, ADeviceThatStopsTellingLeavesWhatItTold) {
  const absl::Status gone = absl::FailedPreconditionError("gone");
  const v1::BenchmarkResult result = Record({At(1e9, 50, 300, {}), At(1.5e9, 55, 350, {}), gone, gone});
  EXPECT_TRUE(result.has_telemetry_before());
  EXPECT_FALSE(result.has_telemetry_after());
  EXPECT_EQ(result.sm_clock_min_hertz(), 1.5e9);
}

TEST_F(TelemetryRecorderTest, ADeviceThatDoesNotTellIsAskedOnce) {
  const ScriptedDevice device({absl::UnimplementedError("cpu")});
  TelemetryRecorder recorder(device, clock_);
  clock_.Advance(kInterval);
  recorder.Sample();
  v1::BenchmarkResult result;
  recorder.Finish(result);
  EXPECT_EQ(result.ByteSizeLong(), 0u);
  EXPECT_EQ(device.asked(), 1u);
}

TEST_F(TelemetryRecorderTest, TheDeviceIsAskedAtMostEveryInterval) {
  const ScriptedDevice device({At(1e9, 50, 300, {})});
  TelemetryRecorder recorder(device, clock_);
  for (int i = 0; i < 100; ++i) {  // 100 iterations of 10 ms.
    clock_.Advance(kInterval / 5);
    recorder.Sample();
  }
  EXPECT_EQ(device.asked(), 1u + 100 / 5);
  v1::BenchmarkResult result;
  recorder.Finish(result);
  EXPECT_EQ(device.asked(), 2u + 100 / 5);
}

}  // namespace
}  // namespace metronome::server
