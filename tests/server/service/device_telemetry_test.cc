#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/benchmark/benchmark.h"
#include "server/benchmark/spec.h"
#include "server/service/inference_service.h"
#include "tests/server/scripted_device.h"

namespace metronome::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// 60 ms pass between two looks at it.
class SlowClock final : public Clock {
 public:
  int64_t MonotonicNs() const override { return now_ns_ += 60'000'000; }
  int64_t UnixMicros() const override { return now_ns_ / 1000; }

 private:
  mutable std::atomic<int64_t> now_ns_{1};
};

// From the backend to results, status and profilers.
class DeviceTelemetryTest : public testing::Test {
 protected:
  void Use(std::vector<absl::StatusOr<kernels::DeviceTelemetry>> script) {
    auto device = std::make_unique<ScriptedDevice>(std::move(script));
    device_ = device.get();
    engine_ = std::make_unique<Engine>(std::move(device), EngineOptions{}, clock_, metrics_);
  }
  static v1::BenchmarkSpec TinySpec() {
    v1::BenchmarkSpec spec;
    spec.set_model("tiny-llama");
    spec.set_iters(2);
    spec.set_warmups(1);
    spec.set_decode_tokens(3);
    spec.set_prompt_tokens(6);
    return spec;
  }
  v1::BenchmarkResult Measure(v1::BenchmarkSpec spec) {
    EXPECT_TRUE(NormaliseSpec(spec).ok());
    const CancelToken token([this] { return keep_going_ ? absl::OkStatus() : absl::CancelledError("gone"); });
    v1::BenchmarkResult result = RunBenchmark(*engine_, spec, token, [this](absl::string_view phase, double) {
      keep_going_ = keep_going_ && phase != stop_at_;
    });
    return result;
  }
  // Without kernels, which are the backend's own.
  std::vector<std::string> RangesFrom(const std::string& first) const {
    const auto at = std::find(device_->ranges.begin(), device_->ranges.end(), first);
    return {at, device_->ranges.end()};
  }

  const SlowClock clock_;
  Metrics metrics_;
  ScriptedDevice* device_ = nullptr;
  std::unique_ptr<Engine> engine_;
  bool keep_going_ = true;
  std::string stop_at_ = "never";
};

TEST_F(DeviceTelemetryTest, ThrottledResultsSaySoAndStayOk) {
  Use({kernels::DeviceTelemetry{.sm_clock_hertz = 1.9e9, .throttle_reasons = std::vector<absl::string_view>()},
       kernels::DeviceTelemetry{.sm_clock_hertz = 1.2e9,
                                .throttle_reasons = {{"sw_power_cap", "hw_thermal_slowdown"}}}});
  for (const char* scenario : {"latency", "scaling"}) {
    v1::BenchmarkSpec spec = TinySpec();
    if (std::string(scenario) == "scaling") {
      spec.Clear();
      spec.set_model("tiny-llama");
      spec.set_max_cache_len(16);
    }
    spec.set_scenario(scenario);
    const v1::BenchmarkResult result = Measure(spec);
    EXPECT_EQ(result.outcome(), "ok") << result.error_text();
    EXPECT_EQ(result.telemetry_after().sm_clock_hertz(), 1.2e9);
    EXPECT_EQ(result.sm_clock_min_hertz(), 1.2e9);
    EXPECT_EQ(result.throttle_reasons(), "sw_power_cap,hw_thermal_slowdown");
    EXPECT_THAT(result.note(), HasSubstr("throttled: sw_power_cap, hw_thermal_slowdown while this was measured"));
  }
}

// Before, after each of two iterations, and after; of scaling, after each of two steps at positions 1 and 2.
TEST_F(DeviceTelemetryTest, TheDeviceIsAskedBetweenIterationsAndNeverWithinOne) {
  const kernels::DeviceTelemetry telemetry = {.sm_clock_hertz = 1.9e9};
  Use({telemetry});
  ASSERT_EQ(Measure(TinySpec()).outcome(), "ok");
  EXPECT_EQ(device_->asked(), 1u + 2 + 1);
  EXPECT_FALSE(device_->asked_within_range());

  engine_.reset();
  Use({telemetry});
  v1::BenchmarkSpec spec;
  spec.set_model("tiny-llama");
  spec.set_scenario("scaling");
  spec.set_max_cache_len(3);
  spec.set_iters(2);
  ASSERT_EQ(Measure(spec).outcome(), "ok");
  EXPECT_EQ(device_->asked(), 1u + 2 * 2 + 1);
  EXPECT_FALSE(device_->asked_within_range());
}

TEST_F(DeviceTelemetryTest, OthersHaveNoNote) {
  Use({kernels::DeviceTelemetry{.sm_clock_hertz = 1.9e9, .throttle_reasons = std::vector<absl::string_view>()}});
  const v1::BenchmarkResult result = Measure(TinySpec());
  EXPECT_EQ(result.telemetry_before().sm_clock_hertz(), 1.9e9);
  EXPECT_TRUE(result.has_throttle_reasons());
  EXPECT_THAT(result.note(), Not(HasSubstr("throttled")));
}

TEST_F(DeviceTelemetryTest, ResultsOfTheCpuHaveNone) {
  Use({absl::UnimplementedError("the cpu backend tells nothing")});
  const v1::BenchmarkResult result = Measure(TinySpec());
  EXPECT_EQ(result.outcome(), "ok") << result.error_text();
  EXPECT_FALSE(result.has_telemetry_before());
  EXPECT_FALSE(result.has_telemetry_after());
  EXPECT_FALSE(result.has_throttle_reasons());
}

TEST_F(DeviceTelemetryTest, ResultsThatFailWhileMeasuringKeepIt) {
  Use({kernels::DeviceTelemetry{.sm_clock_hertz = 1.9e9}});
  stop_at_ = "measure";
  const v1::BenchmarkResult result = Measure(TinySpec());
  EXPECT_EQ(result.error_kind(), "CANCELLED");
  EXPECT_EQ(result.telemetry_after().sm_clock_hertz(), 1.9e9);
}

TEST_F(DeviceTelemetryTest, IterationsAreRangesAroundTheirSteps) {
  Use({absl::UnimplementedError("no")});
  ASSERT_EQ(Measure(TinySpec()).outcome(), "ok");
  EXPECT_THAT(RangesFrom("warmup"),
              testing::ElementsAre("warmup", "  prefill seq=6 past=0", "  decode past=6", "  decode past=7",  //
                                   "iteration 0", "  prefill seq=6 past=0", "  decode past=6", "  decode past=7",
                                   "iteration 1", "  prefill seq=6 past=0", "  decode past=6", "  decode past=7"));
  EXPECT_EQ(device_->depth, 0u);
}

TEST_F(DeviceTelemetryTest, ScalingIterationsAreRangesToo) {
  Use({absl::UnimplementedError("no")});
  v1::BenchmarkSpec spec;
  spec.set_model("tiny-llama");
  spec.set_scenario("scaling");
  spec.set_max_cache_len(3);
  spec.set_iters(1);
  ASSERT_EQ(Measure(spec).outcome(), "ok");
  EXPECT_THAT(RangesFrom("warmup at 1"),
              testing::ElementsAre("warmup at 1", "  decode past=1", "iteration 0 at 1", "  decode past=1",
                                   "warmup at 2", "  decode past=2", "iteration 0 at 2", "  decode past=2"));
}

TEST_F(DeviceTelemetryTest, ServerInfoTellsItNow) {
  Use({kernels::DeviceTelemetry{.sm_clock_hertz = 1.9e9, .throttle_reasons = {{"sync_boost"}}},
       absl::FailedPreconditionError("gone")});
  const Budget::Options plenty = {.what = "bytes", .unit = "bytes", .total = 1 << 30, .per_client = 1 << 30};
  Budget requests(plenty), answers(plenty);
  Admission admission(requests, answers, metrics_);
  AccessControl access(metrics_, clock_);
  InferenceService service(*engine_, admission, {.bytes = 1 << 20}, access, {});
  grpc::ServerBuilder builder;
  builder.SetContextAllocator(std::make_unique<CallContextAllocator>());
  const std::unique_ptr<grpc::Server> server = builder.RegisterService(&service).BuildAndStart();
  const auto stub = v1::Inference::NewStub(server->InProcessChannel({}));
  for (const bool told : {true, false}) {
    grpc::ClientContext context;
    v1::GetServerInfoResponse info;
    const grpc::Status status = stub->GetServerInfo(&context, {}, &info);
    ASSERT_TRUE(status.ok()) << status.error_message();
    ASSERT_EQ(info.backends(0).has_telemetry(), told);
    if (!told) continue;
    EXPECT_EQ(info.backends(0).telemetry().sm_clock_hertz(), 1.9e9);
    EXPECT_EQ(info.backends(0).telemetry().throttle_reasons(), "sync_boost");
    EXPECT_FALSE(info.backends(0).telemetry().has_power_watts());
  }
}

}  // namespace
}  // namespace metronome::server
