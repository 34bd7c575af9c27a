#include "kernels/cuda/device/cuda_backend.h"

#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/base/memory_shortage.h"
#include "kernels/cuda/device/read_probe.h"
#include "kernels/interface/dtype.h"
#include "tests/kernels/cuda/fakes/fake_driver.h"

namespace metronome::testing {
namespace {

using ::testing::HasSubstr;

class CudaBackendTest : public ::testing::Test {
 protected:
  static constexpr int64_t kGranularity = FakeDriver::kGranularity;

  CudaBackendTest() {
    auto driver = std::make_unique<FakeDriver>();
    driver_ = driver.get();
    backend_ = kernels::cuda::CreateCudaBackend(
                   std::move(driver), {.staging_bytes = 1000, .workspace_bytes = 4096, .probe_bytes = 1 << 20})
                   .value();
  }

  absl::Status Run(absl::string_view name, std::vector<kernels::TensorView> inputs, kernels::TensorView output,
                   const kernels::Attributes& attributes, bool follows_past = false) {
    const kernels::Kernel* const kernel = backend_->FindKernel(name).value();
    return backend_->Launch(*kernel, {.inputs = inputs,
                                      .outputs = absl::MakeConstSpan(&output, 1),
                                      .attributes = &attributes,
                                      .follows_past = follows_past});
  }
  template <typename T>
  std::vector<T> Fetch(const void* device, int64_t count) {
    std::vector<T> values(count);
    EXPECT_TRUE(backend_->CopyToHost(values.data(), device, count * static_cast<int64_t>(sizeof(T))).ok());
    return values;
  }
  static kernels::TensorView View(void* data, kernels::DType dtype, const kernels::Shape& shape) {
    return {.data = data, .dtype = dtype, .shape = shape};
  }

  FakeDriver* driver_;
  std::unique_ptr<kernels::Backend> backend_;
};

TEST_F(CudaBackendTest, DescribesTheDevice) {
  EXPECT_EQ(backend_->name(), "cuda");
  EXPECT_EQ(backend_->Describe().instruction_set, "sm_90");
  EXPECT_EQ(backend_->Describe().memory_total_bytes, int64_t{1} << 33);
  EXPECT_FALSE(backend_->host_addressable());
  EXPECT_EQ(backend_->MemoryAvailableBytes(), (int64_t{1} << 33) - driver_->used_bytes());
}

TEST_F(CudaBackendTest, MemoryIsZeroedAndGivenBack) {
  const int64_t before = driver_->live_objects(), used = driver_->used_bytes();
  {
    const auto buffer = backend_->Allocate(5000).value();
    EXPECT_EQ(Fetch<char>(buffer->data(), 5000), std::vector<char>(5000));
    EXPECT_EQ(buffer->committed_bytes(), 5000);
    EXPECT_EQ(buffer->Commit(5001).code(), absl::StatusCode::kOutOfRange);
    EXPECT_TRUE(backend_->Allocate(0).ok());
    EXPECT_EQ(backend_->Allocate(-1).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(driver_->live_objects(), before);
  EXPECT_EQ(driver_->used_bytes(), used);
}

TEST_F(CudaBackendTest, ShortageHasBothNumbersAndTheBackendGoesOn) {
  driver_->total_bytes = driver_->used_bytes() + 10'000;
  const auto buffer = backend_->Allocate(20'000);
  EXPECT_EQ(buffer.status().code(), absl::StatusCode::kResourceExhausted);
  ASSERT_TRUE(ShortageOf(buffer.status()).has_value());
  EXPECT_EQ(ShortageOf(buffer.status())->bytes_needed, 20'000);
  EXPECT_EQ(ShortageOf(buffer.status())->bytes_available, 10'000);
  driver_->FailNextAllocation();  // What others took meanwhile.
  EXPECT_EQ(backend_->Allocate(10).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(backend_->Health().ok());
  EXPECT_TRUE(backend_->Allocate(10'000).ok());
}

TEST_F(CudaBackendTest, ReservedMemoryGrowsInPlaceAndKeepsContents) {
  const int64_t available = backend_->MemoryAvailableBytes(), used = driver_->used_bytes();
  {
    const auto buffer = backend_->Reserve(10 * kGranularity - 5).value();
    EXPECT_EQ(driver_->used_bytes(), used);
    ASSERT_TRUE(buffer->Commit(100).ok());
    EXPECT_EQ(buffer->committed_bytes(), kGranularity);
    std::vector<int> values(kGranularity / 4);
    std::iota(values.begin(), values.end(), 1);
    ASSERT_TRUE(backend_->CopyToDevice(buffer->data(), values.data(), kGranularity).ok());
    ASSERT_TRUE(buffer->Commit(3 * kGranularity + 1).ok());
    EXPECT_EQ(buffer->committed_bytes(), 4 * kGranularity);
    EXPECT_EQ(Fetch<int>(buffer->data(), kGranularity / 4), values);
    EXPECT_EQ(Fetch<char>(static_cast<char*>(buffer->data()) + kGranularity, 3 * kGranularity),
              std::vector<char>(3 * kGranularity));
    driver_->FailNextAllocation();
    EXPECT_EQ(buffer->Commit(5 * kGranularity).code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(buffer->committed_bytes(), 4 * kGranularity);
    EXPECT_TRUE(buffer->Commit(5 * kGranularity).ok());
    EXPECT_EQ(buffer->Commit(11 * kGranularity).code(), absl::StatusCode::kOutOfRange);
  }
  EXPECT_EQ(backend_->MemoryAvailableBytes(), available);
}

TEST_F(CudaBackendTest, RingsRepeatOnePeriod) {
  const int64_t available = backend_->MemoryAvailableBytes();
  {
    const auto ring = backend_->ReserveRing(20 * kGranularity, 2 * kGranularity - 10).value();
    EXPECT_EQ(ring->committed_bytes(), 0);
    ASSERT_TRUE(ring->Commit(1).ok());
    ASSERT_TRUE(ring->Commit(9 * kGranularity).ok());
    EXPECT_EQ(ring->committed_bytes(), 2 * kGranularity);
    auto* const data = static_cast<char*>(ring->data());
    EXPECT_EQ(Fetch<char>(data, 9 * kGranularity), std::vector<char>(9 * kGranularity));
    const std::string text = "around the corner";
    ASSERT_TRUE(backend_->CopyToDevice(data + 4 * kGranularity - 5, text.data(), 17).ok());
    EXPECT_EQ(std::memcmp(data + 8 * kGranularity - 5, text.data(), 17), 0);
    EXPECT_EQ(std::memcmp(data + 2 * kGranularity - 5, text.data(), 17), 0);
    EXPECT_EQ(ring->Commit(21 * kGranularity).code(), absl::StatusCode::kOutOfRange);
  }
  EXPECT_EQ(backend_->MemoryAvailableBytes(), available);
  EXPECT_EQ(backend_->ReserveRing(0, 1).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(backend_->ReserveRing(1, 0).status().code(), absl::StatusCode::kInvalidArgument);
}

// Memory is mapped whole: the last period reaches beyond what may be used, which ends where it was asked to.
TEST_F(CudaBackendTest, ARingMayEndWithinAPeriod) {
  const auto ring = backend_->ReserveRing(7 * kGranularity, 3 * kGranularity).value();
  EXPECT_EQ(ring->size_bytes(), 7 * kGranularity);
  ASSERT_TRUE(ring->Commit(7 * kGranularity).ok());
  EXPECT_EQ(ring->committed_bytes(), 3 * kGranularity);
  auto* const data = static_cast<char*>(ring->data());
  ASSERT_TRUE(backend_->CopyToDevice(data + 6 * kGranularity, "end", 3).ok());
  EXPECT_EQ(std::memcmp(data, "end", 3), 0);
  EXPECT_EQ(std::memcmp(data + 3 * kGranularity, "end", 3), 0);
  EXPECT_EQ(ring->Commit(7 * kGranularity + 1).code(), absl::StatusCode::kOutOfRange);
}

// 12,345 bytes through pieces of 1,000.
TEST_F(CudaBackendTest, CopiesOfAnySizePassTheStaging) {
  const auto buffer = backend_->Allocate(20'000).value(), other = backend_->Allocate(20'000).value();
  for (const int64_t bytes : {0, 1, 999, 1000, 1001, 12'345}) {
    std::vector<char> values(bytes);
    for (int64_t i = 0; i < bytes; ++i) values[i] = static_cast<char>(i * 7 + bytes);
    ASSERT_TRUE(backend_->CopyToDevice(buffer->data(), values.data(), bytes).ok());
    ASSERT_TRUE(backend_->CopyOnDevice(other->data(), buffer->data(), bytes).ok());
    EXPECT_EQ(Fetch<char>(other->data(), bytes), values);
  }
}

// Pieces that several threads fill.
TEST(CudaBackendCopyTest, LargeCopiesAreWhole) {
  const auto backend = kernels::cuda::CreateCudaBackend(std::make_unique<FakeDriver>(),
                                                        {.staging_bytes = 5'000'001, .workspace_bytes = 4096})
                           .value();
  const int64_t bytes = 12'345'678;
  std::vector<uint8_t> values(bytes), got(bytes);
  for (int64_t i = 0; i < bytes; ++i) values[i] = static_cast<uint8_t>(i * 2654435761u >> 13);
  const auto buffer = backend->Allocate(bytes).value();
  ASSERT_TRUE(backend->CopyToDevice(buffer->data(), values.data(), bytes).ok());
  ASSERT_TRUE(backend->CopyToHost(got.data(), buffer->data(), bytes).ok());
  EXPECT_TRUE(got == values);
}

// 20,000 bytes are more than one wait brings.
TEST_F(CudaBackendTest, FetchesSeveralPiecesAndSaysWhatFailed) {
  const auto buffer = backend_->Allocate(20'000).value();
  std::vector<char> values(20'000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<char>(i * 31);
  ASSERT_TRUE(backend_->CopyToDevice(buffer->data(), values.data(), 20'000).ok());
  const auto* const device = static_cast<const char*>(buffer->data());
  for (const int64_t bytes : {5, 9'000, 11'000}) {
    std::vector<char> one(3), none, many(bytes);
    const kernels::HostCopy copies[] = {
        {one.data(), device + 7, 3}, {none.data(), device, 0}, {many.data(), device + 100, bytes}};
    ASSERT_TRUE(backend_->Fetch(copies).ok());
    EXPECT_EQ(one, std::vector<char>(values.begin() + 7, values.begin() + 10));
    EXPECT_EQ(many, std::vector<char>(values.begin() + 100, values.begin() + 100 + bytes));
  }
  driver_->Lose("cudaErrorLaunchFailure");
  char byte = 0;
  EXPECT_EQ(backend_->Fetch({kernels::HostCopy{&byte, device, 1}}).code(), absl::StatusCode::kInternal);
}

TEST_F(CudaBackendTest, MarksAreSetWhenTheirRecordingRuns) {
  const auto x = backend_->Allocate(64).value();
  const int64_t before = driver_->live_objects();
  {
    const auto start = backend_->CreateMark().value(), end = backend_->CreateMark().value();
    ASSERT_TRUE(backend_->BeginRecording(0).ok());
    ASSERT_TRUE(backend_->SetMark(*start).ok());
    for (int i = 0; i < 3; ++i) {
      ASSERT_TRUE(Run("neg", {View(x->data(), kernels::DType::kFloat32, {16})},
                      View(x->data(), kernels::DType::kFloat32, {16}), {})
                      .ok());
    }
    ASSERT_TRUE(backend_->SetMark(*end).ok());
    const auto recording = backend_->EndRecording().value();
    EXPECT_EQ(backend_->SecondsBetween(*start, *end).status().code(), absl::StatusCode::kInternal);  // Not reached.
    ASSERT_TRUE(backend_->Replay(*recording, 0).ok());
    ASSERT_TRUE(backend_->WaitFor(*end).ok());
    EXPECT_GT(backend_->SecondsBetween(*start, *end).value(), 0);
  }
  EXPECT_EQ(driver_->live_objects(), before);
  driver_->Lose("cudaErrorLaunchFailure");
  const absl::Status lost = backend_->CreateMark().status();
  EXPECT_FALSE(lost.ok());
  EXPECT_EQ(lost, backend_->Health());
}

TEST_F(CudaBackendTest, AnIndexOutsideItsTableIsNamedOnceWhenItIsWaitedFor) {
  const auto table = backend_->Allocate(40).value(), index = backend_->Allocate(8).value(),
             rows = backend_->Allocate(16).value();
  const int32_t indices[] = {4, 9};
  ASSERT_TRUE(backend_->CopyToDevice(index->data(), indices, 8).ok());
  ASSERT_TRUE(
      Run("gather",
          {View(table->data(), kernels::DType::kFloat32, {5, 2}), View(index->data(), kernels::DType::kInt32, {2})},
          View(rows->data(), kernels::DType::kFloat32, {2, 2}), {})
          .ok());
  const absl::Status status = backend_->Synchronize();
  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(std::string(status.message()), HasSubstr("9"));
  EXPECT_TRUE(backend_->Synchronize().ok());
  EXPECT_TRUE(backend_->Health().ok());
}

TEST_F(CudaBackendTest, ALostDeviceIsUnhealthyForGood) {
  const auto buffer = backend_->Allocate(16).value();
  driver_->Lose("cudaErrorIllegalAddress");
  EXPECT_FALSE(backend_->Synchronize().ok());
  const absl::Status health = backend_->Health();
  EXPECT_EQ(health.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(health.message()), HasSubstr("cudaErrorIllegalAddress"));
  char byte = 0;
  EXPECT_EQ(backend_->CopyToHost(&byte, buffer->data(), 1), health);
  EXPECT_EQ(backend_->Allocate(16).status(), health);
  EXPECT_EQ(Run("neg", {View(buffer->data(), kernels::DType::kFloat32, {4})},
                View(buffer->data(), kernels::DType::kFloat32, {4}), {}),
            health);
}

// Written at row 3 when it was recorded; then wherever the position is.
TEST_F(CudaBackendTest, ARecordingFollowsThePosition) {
  const auto cache = backend_->Allocate(10 * 2 * 4).value(), row = backend_->Allocate(2 * 4).value(),
             positions = backend_->Allocate(4).value();
  const float values[] = {5, 6};
  ASSERT_TRUE(backend_->CopyToDevice(row->data(), values, sizeof(values)).ok());
  ASSERT_TRUE(backend_->BeginRecording(3).ok());
  EXPECT_EQ(backend_->BeginRecording(3).code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(
      Run("cache_write",
          {View(cache->data(), kernels::DType::kFloat32, {10, 2}), View(row->data(), kernels::DType::kFloat32, {1, 2})},
          View(cache->data(), kernels::DType::kFloat32, {4, 2}), {}, true)
          .ok());
  ASSERT_TRUE(
      Run("iota", {}, View(positions->data(), kernels::DType::kInt32, {1}), {{"start", int64_t{3}}}, true).ok());
  const auto recording = backend_->EndRecording();
  ASSERT_TRUE(recording.ok()) << recording.status();
  EXPECT_EQ(Fetch<float>(cache->data(), 20), std::vector<float>(20));  // Nothing has run.

  std::vector<float> want(20);
  for (const int64_t past : {3, 7, 0, 9}) {
    ASSERT_TRUE(backend_->Replay(**recording, past).ok());
    want[2 * past] = 5;
    want[2 * past + 1] = 6;
    EXPECT_EQ(Fetch<float>(cache->data(), 20), want);
    EXPECT_EQ(Fetch<int32_t>(positions->data(), 1)[0], past);
  }
}

TEST_F(CudaBackendTest, WhatCannotFollowThePositionIsNotRecorded) {
  const auto x = backend_->Allocate(64).value(), y = backend_->Allocate(64).value();
  const int64_t before = driver_->live_objects();
  ASSERT_TRUE(backend_->BeginRecording(3).ok());
  const absl::Status status = Run("neg", {View(x->data(), kernels::DType::kFloat32, {4})},
                                  View(y->data(), kernels::DType::kFloat32, {4}), {}, /*follows_past=*/true);
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("kernel neg"));
  EXPECT_TRUE(backend_->EndRecording().ok());
  EXPECT_EQ(backend_->EndRecording().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(driver_->live_objects(), before);
  EXPECT_TRUE(Run("neg", {View(x->data(), kernels::DType::kFloat32, {4})},
                  View(y->data(), kernels::DType::kFloat32, {4}), {}, true)
                  .ok());
}

TEST_F(CudaBackendTest, BandwidthIsMeasuredOrThereIsNoRoom) {
  const int64_t before = driver_->live_objects();
  const absl::StatusOr<double> bandwidth = backend_->MeasureReadBandwidth();
  ASSERT_TRUE(bandwidth.ok()) << bandwidth.status();
  EXPECT_GT(*bandwidth, 1e3);
  EXPECT_EQ(driver_->live_objects(), before);
  driver_->total_bytes = driver_->used_bytes() + 1000;
  EXPECT_EQ(backend_->MeasureReadBandwidth().status().code(), absl::StatusCode::kResourceExhausted);
}

TEST(ReadProbeTest, ReadsEveryWordOnce) {
  for (const int64_t words : {4, 8, 1020, 1024, 8192, 40'000}) {
    std::vector<uint32_t> data(words);
    uint32_t want = 0, result = 0;
    for (int64_t i = 0; i < words; ++i) want ^= data[i] = static_cast<uint32_t>(i * 2654435761u + 12345);
    kernels::cuda::LaunchReadProbe({.multiprocessors = 1}, data.data(), words * 4, &result);
    EXPECT_EQ(result, want) << words;
  }
}

// Whole packs and their end; half of all numbers below 0, none that repeats more than chance has it.
TEST(ReadProbeTest, ReadsRandomNumbers) {
  for (const int64_t bytes : {16, 4096, 40'000}) {
    std::vector<kernels::BFloat16> data(bytes / 2 + 1, kernels::BFloat16(7.0f));
    kernels::cuda::LaunchFillRandom({.multiprocessors = 1}, data.data(), bytes);
    EXPECT_EQ(static_cast<float>(data.back()), 7.0f);
    data.pop_back();
    int64_t negative = 0;
    for (const kernels::BFloat16 number : data) {
      const auto value = static_cast<float>(number);
      EXPECT_TRUE(value >= -1 && value <= 1) << value;
      negative += value < 0 ? 1 : 0;
    }
    EXPECT_NEAR(static_cast<double>(negative), static_cast<double>(data.size()) / 2,
                3 * std::sqrt(static_cast<double>(data.size())));
  }
}

TEST(CudaBackendStartTest, WithoutMemoryToStartInItIsAnError) {
  auto driver = std::make_unique<FakeDriver>();
  driver->total_bytes = 1000;
  EXPECT_EQ(kernels::cuda::CreateCudaBackend(std::move(driver), {.staging_bytes = 16, .workspace_bytes = 4096})
                .status()
                .code(),
            absl::StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace metronome::testing
