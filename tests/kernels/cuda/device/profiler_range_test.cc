#include "kernels/interface/profiler_range.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/cuda/device/cuda_backend.h"
#include "tests/golden/golden_model.h"
#include "tests/kernels/cuda/fakes/fake_driver.h"

namespace metronome::testing {
namespace {

using ::testing::ElementsAre;

class ProfilerRangeTest : public ::testing::Test {
 protected:
  // A model on a device whose driver is driver_.
  std::unique_ptr<GoldenModel> Load(compiler::ExecutionPath path, bool profiled) {
    auto driver = std::make_unique<FakeDriver>();
    driver_ = driver.get();
    driver_->profiled = profiled;
    auto backend =
        kernels::cuda::CreateCudaBackend(std::move(driver), {.staging_bytes = 1 << 16, .workspace_bytes = 1 << 16});
    EXPECT_TRUE(backend.ok()) << backend.status();
    auto model = GoldenModel::LoadOn(*std::move(backend), "llama-untied", {.path = path});
    driver_->ranges.clear();
    return model;
  }
  // Those that no other surrounds.
  std::vector<std::string> Outermost() const {
    std::vector<std::string> names;
    for (const std::string& range : driver_->ranges) {
      if (range[0] != ' ') names.push_back(range);
    }
    return names;
  }

  FakeDriver* driver_ = nullptr;
};

TEST_F(ProfilerRangeTest, StepsSurroundTheKernelsOfThePlan) {
  const auto model = Load(compiler::ExecutionPath::kCompiled, /*profiled=*/true);
  ASSERT_NE(model, nullptr);
  runtime::Session session = model->NewSession(64);
  ASSERT_TRUE(session.Prefill({1, 2, 3, 4, 5}, runtime::PrefillMode::kChunked).ok());
  driver_->ranges.clear();
  ASSERT_TRUE(session.Step(6).ok());

  std::vector<std::string> want = {"decode past=5"};
  for (const runtime::KernelCall& call : model->plan().calls) want.push_back("  " + call.kernel);
  EXPECT_EQ(driver_->ranges, want);
  EXPECT_EQ(driver_->open_ranges, 0);
}

TEST_F(ProfilerRangeTest, StepsAreNamedAfterTheirTokensAndPosition) {
  const auto model = Load(compiler::ExecutionPath::kCompiled, /*profiled=*/true);
  runtime::Session session = model->NewSession(64);
  ASSERT_TRUE(session.Prefill({1, 2, 3, 4, 5}, runtime::PrefillMode::kChunked).ok());
  ASSERT_TRUE(session.Prefill({6, 7}, runtime::PrefillMode::kChunked).ok());
  ASSERT_TRUE(session.Step(8).ok());
  EXPECT_FALSE(session.Step(1 << 20).ok());  // Its range ends too.
  ASSERT_TRUE(session.Step(9).ok());
  EXPECT_THAT(Outermost(), ElementsAre("prefill seq=5 past=0", "prefill seq=2 past=5", "decode past=7", "decode past=8",
                                       "decode past=8"));
  EXPECT_EQ(driver_->open_ranges, 0);
}

// What is replayed was launched when it was recorded.
TEST_F(ProfilerRangeTest, ReplayedStepsHaveNoKernels) {
  const auto model = Load(compiler::ExecutionPath::kGraph, /*profiled=*/true);
  runtime::Session session = model->NewSession(64);
  for (int32_t token = 1; token <= 2; ++token) ASSERT_TRUE(session.Step(token).ok());
  driver_->ranges.clear();
  ASSERT_TRUE(session.Step(3).ok());
  EXPECT_THAT(driver_->ranges, ElementsAre("decode past=2"));
}

TEST_F(ProfilerRangeTest, WithoutAProfilerNoNameIsMade) {
  const auto model = Load(compiler::ExecutionPath::kCompiled, /*profiled=*/false);
  runtime::Session session = model->NewSession(64);
  ASSERT_TRUE(session.Step(1).ok());
  EXPECT_THAT(driver_->ranges, ::testing::IsEmpty());
  int made = 0;
  {
    const auto backend = kernels::cuda::CreateCudaBackend(std::make_unique<FakeDriver>()).value();
    const kernels::ProfilerRange range(*backend, [&] {
      ++made;
      return "name";
    });
  }
  EXPECT_EQ(made, 0);
}

TEST(CudaTelemetryTest, IsTheDrivers) {
  auto driver = std::make_unique<FakeDriver>();
  FakeDriver& device = *driver;
  device.device.driver_version = "580.65.06";
  const auto backend = kernels::cuda::CreateCudaBackend(std::move(driver)).value();
  EXPECT_EQ(backend->Describe().driver, "580.65.06");
  EXPECT_EQ(backend->Telemetry().status().code(), absl::StatusCode::kFailedPrecondition);
  device.telemetry = kernels::DeviceTelemetry{.sm_clock_hertz = 1.5e9};
  ASSERT_TRUE(backend->Telemetry().ok());
  EXPECT_EQ(backend->Telemetry()->sm_clock_hertz, 1.5e9);
  device.Lose("cudaErrorIllegalAddress");  // CUDA's failure is not NVML's.
  EXPECT_TRUE(backend->Telemetry().ok());
}

}  // namespace
}  // namespace metronome::testing
