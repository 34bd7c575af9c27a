#include "kernels/cuda/device/nvml.h"

#include <dlfcn.h>

#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/kernels/cuda/fakes/fake_nvml.h"

namespace metronome::testing {
namespace {

using kernels::cuda::Nvml;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

constexpr char kBusId[] = "0000:17:00.0";
constexpr int kNotSupported = 3;

class NvmlTest : public ::testing::Test {
 protected:
  NvmlTest() : nvml_(StateOf(NVML)), old_(StateOf(OLD_NVML)) {
    for (FakeNvml* nvml : {nvml_, old_}) {
      *nvml = {.sm_clock = {1755},
               .memory_clock = {3201},
               .sm_clock_max = {1980},
               .memory_clock_max = {3202},
               .temperature = {61},
               .power = {612'345},
               .power_limit = {700'000},
               .utilisation = {37},
               .reasons = {0x4}};
    }
  }

  static FakeNvml* StateOf(const char* library) {
    void* const handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    EXPECT_NE(handle, nullptr) << dlerror();
    const auto state = reinterpret_cast<FakeNvml* (*)()>(dlsym(handle, "FakeNvmlState"));
    EXPECT_NE(state, nullptr);
    return state();
  }

  FakeNvml* const nvml_;
  FakeNvml* const old_;
};

TEST_F(NvmlTest, EveryFieldIsToldInItsUnit) {
  const auto nvml = Nvml::Open(kBusId, NVML);
  ASSERT_TRUE(nvml.ok()) << nvml.status();
  EXPECT_EQ((*nvml)->driver_version(), "580.65.06");
  const kernels::DeviceTelemetry telemetry = (*nvml)->Read();
  EXPECT_EQ(telemetry.sm_clock_hertz, 1755e6);
  EXPECT_EQ(telemetry.memory_clock_hertz, 3201e6);
  EXPECT_EQ(telemetry.sm_clock_max_hertz, 1980e6);
  EXPECT_EQ(telemetry.memory_clock_max_hertz, 3202e6);
  EXPECT_EQ(telemetry.temperature_celsius, 61);
  EXPECT_THAT(telemetry.power_watts, Optional(::testing::DoubleEq(612.345)));
  EXPECT_THAT(telemetry.power_limit_watts, Optional(::testing::DoubleEq(700)));
  EXPECT_EQ(telemetry.utilisation, 0.37);
  EXPECT_THAT(telemetry.throttle_reasons, Optional(ElementsAre("sw_power_cap")));
}

TEST_F(NvmlTest, ReadsAnewEachTime) {
  const auto nvml = Nvml::Open(kBusId, NVML).value();
  nvml_->sm_clock.value = 345;
  EXPECT_EQ(nvml->Read().sm_clock_hertz, 345e6);
  nvml_->sm_clock.value = 1980;
  EXPECT_EQ(nvml->Read().sm_clock_hertz, 1980e6);
}

TEST_F(NvmlTest, WhatIsNotSupportedIsAbsentAndNotZero) {
  const std::vector<std::pair<FakeNvml::Answer*, std::optional<double> kernels::DeviceTelemetry::*>> fields = {
      {&nvml_->sm_clock, &kernels::DeviceTelemetry::sm_clock_hertz},
      {&nvml_->memory_clock, &kernels::DeviceTelemetry::memory_clock_hertz},
      {&nvml_->sm_clock_max, &kernels::DeviceTelemetry::sm_clock_max_hertz},
      {&nvml_->memory_clock_max, &kernels::DeviceTelemetry::memory_clock_max_hertz},
      {&nvml_->temperature, &kernels::DeviceTelemetry::temperature_celsius},
      {&nvml_->power, &kernels::DeviceTelemetry::power_watts},
      {&nvml_->power_limit, &kernels::DeviceTelemetry::power_limit_watts},
      {&nvml_->utilisation, &kernels::DeviceTelemetry::utilisation}};
  const auto nvml = Nvml::Open(kBusId, NVML).value();
  for (const auto& [answer, field] : fields) {
    answer->result = kNotSupported;
    const kernels::DeviceTelemetry telemetry = nvml->Read();
    for (const auto& [other, other_field] : fields)
      EXPECT_EQ((telemetry.*other_field).has_value(), other != answer) << &answer - &fields[0].first;
    EXPECT_TRUE(telemetry.throttle_reasons.has_value());
    answer->result = 0;
  }
  nvml_->reasons.result = kNotSupported;
  EXPECT_FALSE(nvml->Read().throttle_reasons.has_value());
  EXPECT_TRUE(nvml->Read().power_watts.has_value());
}

// The bits of nvml.h; idle (0x1), clocks set by the user (0x2) or for a display (0x100) are no throttling.
TEST_F(NvmlTest, ReasonsHaveNamesAndSettingsAreNone) {
  const auto nvml = Nvml::Open(kBusId, NVML).value();
  const std::vector<std::pair<unsigned, std::vector<absl::string_view>>> cases = {
      {0, {}},
      {0x1, {}},
      {0x2, {}},
      {0x4, {"sw_power_cap"}},
      {0x8, {"hw_slowdown"}},
      {0x10, {"sync_boost"}},
      {0x20, {"sw_thermal_slowdown"}},
      {0x40, {"hw_thermal_slowdown"}},
      {0x80, {"hw_power_brake_slowdown"}},
      {0x100, {}},
      {0x3 | 0x8 | 0x40, {"hw_slowdown", "hw_thermal_slowdown"}},
      {0xffff, {kernels::kThrottleReasons.begin(), kernels::kThrottleReasons.end()}}};
  for (const auto& [bits, names] : cases) {
    nvml_->reasons.value = bits;
    EXPECT_EQ(nvml->Read().throttle_reasons, names) << bits;
  }
}

TEST_F(NvmlTest, AnOlderLibraryTellsLess) {
  const auto nvml = Nvml::Open(kBusId, OLD_NVML);
  ASSERT_TRUE(nvml.ok()) << nvml.status();
  const kernels::DeviceTelemetry telemetry = (*nvml)->Read();
  EXPECT_EQ(telemetry.sm_clock_hertz, 1755e6);
  EXPECT_FALSE(telemetry.power_limit_watts.has_value());
  EXPECT_FALSE(telemetry.utilisation.has_value());
  EXPECT_THAT(telemetry.throttle_reasons, Optional(ElementsAre("sw_power_cap")));
}

TEST_F(NvmlTest, WithoutTheLibraryItIsNamed) {
  const absl::Status absent = Nvml::Open(kBusId, "/nowhere/libnvidia-ml.so.1").status();
  EXPECT_EQ(absent.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(absent.message()), HasSubstr("/nowhere/libnvidia-ml.so.1"));
  const absl::Status other = Nvml::Open(kBusId, "libm.so.6").status();
  EXPECT_EQ(other.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(other.message()), HasSubstr("libm.so.6 is not NVML"));
}

TEST_F(NvmlTest, AStartThatFailsSaysWhyAndLeavesNothingBehind) {
  nvml_->init_result = 9;
  const absl::Status status = Nvml::Open(kBusId, NVML).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("Driver Not Loaded (9)"), HasSubstr(NVML)));
  EXPECT_EQ(nvml_->initialised, 0);
}

TEST_F(NvmlTest, ADeviceOfAnotherBusIdIsNotTaken) {
  nvml_->bus_id = "0000:65:00.0";
  const absl::Status status = Nvml::Open(kBusId, NVML).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(kBusId), HasSubstr("Not Found (6)")));
  EXPECT_EQ(nvml_->initialised, 0);
  EXPECT_TRUE(Nvml::Open("0000:65:00.0", NVML).ok());
}

TEST_F(NvmlTest, StartsAndStopsOnceEach) {
  {
    const auto nvml = Nvml::Open(kBusId, NVML).value();
    for (int i = 0; i < 3; ++i) nvml->Read();
    EXPECT_EQ(nvml_->initialised, 1);
  }
  EXPECT_EQ(nvml_->initialised, 0);
}

TEST_F(NvmlTest, VersionThatIsNotToldIsEmpty) {
  nvml_->driver_version_result = kNotSupported;
  EXPECT_EQ(Nvml::Open(kBusId, NVML).value()->driver_version(), "");
}

}  // namespace
}  // namespace metronome::testing
