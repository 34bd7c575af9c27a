#include "server/metrics/device_gauges.h"

#include <arpa/inet.h>
#include <prometheus/text_serializer.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/engine/engine.h"
#include "tests/server/fake_clock.h"
#include "tests/server/scripted_device.h"

namespace metronome::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// What a scraper gets from 127.0.0.1:port.
std::string Scrape(const std::string& address) {
  sockaddr_in server = {};
  server.sin_family = AF_INET;
  server.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(connect(connection, reinterpret_cast<const sockaddr*>(&server), sizeof(server)), 0);
  const std::string request = "GET /metrics HTTP/1.0\r\n\r\n";
  EXPECT_EQ(write(connection, request.data(), request.size()), static_cast<ssize_t>(request.size()));
  std::string text;
  char piece[4096];
  for (ssize_t got = 0; (got = read(connection, piece, sizeof(piece))) > 0;) text.append(piece, got);
  close(connection);
  return text;
}

std::string TextOf(const DeviceGauges& gauges) { return prometheus::TextSerializer().Serialize(gauges.Collect()); }

// A device that is asked for too much, and knows all about itself.
kernels::DeviceTelemetry Everything() {
  return {.sm_clock_hertz = 1.755e9,
          .memory_clock_hertz = 3.201e9,
          .temperature_celsius = 61,
          .power_watts = 612.5,
          .throttle_reasons = {{"sw_power_cap"}}};
}

TEST(DeviceGaugesTest, EverythingThatIsToldHasAGauge) {
  const ScriptedDevice device({Everything()});
  DeviceGauges gauges;
  gauges.SetDevice(&device);
  const std::string text = TextOf(gauges);
  EXPECT_THAT(text,
              AllOf(HasSubstr("metronome_gpu_sm_clock_hertz 1755000000\n"),
                    HasSubstr("metronome_gpu_memory_clock_hertz 3201000000\n"),
                    HasSubstr("metronome_gpu_temperature_celsius 61\n"), HasSubstr("metronome_gpu_power_watts 612.5\n"),
                    HasSubstr("metronome_gpu_throttled{reason=\"sw_power_cap\"} 1\n"),
                    HasSubstr("metronome_gpu_throttled{reason=\"hw_thermal_slowdown\"} 0\n")));
  for (const char* family : {"sm_clock_hertz", "throttled"})
    EXPECT_THAT(text, HasSubstr("# TYPE metronome_gpu_" + std::string(family) + " gauge"));
}

// The file stands for a GPU where there is none: tests/e2e/observe_test.py.
TEST(DeviceGaugesTest, TextIsThatOfTheFixture) {
  const ScriptedDevice device({Everything()});
  DeviceGauges gauges;
  gauges.SetDevice(&device);
  std::ifstream fixture(METRONOME_GOLDEN_DIR "/metrics/gpu.txt");
  const std::string expected((std::istreambuf_iterator<char>(fixture)), std::istreambuf_iterator<char>());
  EXPECT_EQ(TextOf(gauges), expected);
}

// Every reason has a series from the start, and there are no others.
TEST(DeviceGaugesTest, ReasonsAreABoundedLabel) {
  const ScriptedDevice device({kernels::DeviceTelemetry{.throttle_reasons = std::vector<absl::string_view>()},
                               kernels::DeviceTelemetry{.throttle_reasons = {{kernels::kThrottleReasons.begin(),
                                                                              kernels::kThrottleReasons.end()}}}});
  DeviceGauges gauges;
  gauges.SetDevice(&device);
  for (const double value : {0, 1}) {
    const std::vector<prometheus::MetricFamily> families = gauges.Collect();
    ASSERT_EQ(families.size(), 1u);
    ASSERT_EQ(families[0].metric.size(), kernels::kThrottleReasons.size());
    for (size_t i = 0; i < kernels::kThrottleReasons.size(); ++i) {
      EXPECT_EQ(families[0].metric[i].label[0].value, kernels::kThrottleReasons[i]);
      EXPECT_EQ(families[0].metric[i].gauge.value, value);
    }
  }
}

TEST(DeviceGaugesTest, WhatIsNotToldIsAbsent) {
  const ScriptedDevice device({kernels::DeviceTelemetry{.temperature_celsius = 40}, absl::UnimplementedError("no")});
  DeviceGauges gauges;
  EXPECT_EQ(TextOf(gauges), "");
  gauges.SetDevice(&device);
  EXPECT_THAT(TextOf(gauges), AllOf(HasSubstr("temperature_celsius 40"), Not(HasSubstr("clock")),
                                    Not(HasSubstr("power")), Not(HasSubstr("throttled"))));
  EXPECT_EQ(TextOf(gauges), "");
}

TEST(DeviceGaugesTest, AreServedWithTheOthersAndReadAtEachScrape) {
  const ScriptedDevice device(
      {kernels::DeviceTelemetry{.power_watts = 100}, kernels::DeviceTelemetry{.power_watts = 200}});
  Metrics metrics;
  metrics.device().SetDevice(&device);
  ASSERT_TRUE(metrics.Serve("127.0.0.1:0").ok());
  EXPECT_EQ(device.asked(), 0u);
  EXPECT_THAT(Scrape(metrics.address()),
              AllOf(HasSubstr("\nmetronome_gpu_power_watts 100\n"), HasSubstr("\nmetronome_build_info{")));
  EXPECT_THAT(Scrape(metrics.address()), HasSubstr("\nmetronome_gpu_power_watts 200\n"));
  metrics.device().SetDevice(nullptr);
  EXPECT_THAT(Scrape(metrics.address()), Not(HasSubstr("metronome_gpu")));
}

TEST(DeviceGaugesTest, AreThoseOfTheEnginesBackendWhileThereIsOne) {
  Metrics metrics;
  const FakeClock clock;
  {
    const Engine engine(std::make_unique<ScriptedDevice>(std::vector<absl::StatusOr<kernels::DeviceTelemetry>>{
                            kernels::DeviceTelemetry{.temperature_celsius = 40}}),
                        {}, clock, metrics);
    EXPECT_THAT(TextOf(metrics.device()), HasSubstr("metronome_gpu_temperature_celsius 40"));
  }
  EXPECT_EQ(TextOf(metrics.device()), "");
  const Engine cpu(kernels::CreateCpuBackend({.threads = 1}).value(), {}, clock, metrics);
  EXPECT_EQ(TextOf(metrics.device()), "");
}

}  // namespace
}  // namespace metronome::server
