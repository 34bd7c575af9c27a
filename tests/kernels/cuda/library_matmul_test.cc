#include "kernels/cuda/products/library/library_matmul.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/cuda/device/cuda_backend.h"
#include "kernels/cuda/tuning.h"
#include "tests/kernels/cuda/fakes/emulated_backend.h"
#include "tests/kernels/cuda/fakes/fake_driver.h"
#include "tests/kernels/cuda/fakes/fake_matmul_library.h"
#include "tests/kernels/cuda/fakes/matmul_library_cases.h"
#include "tests/kernels/support/host_tensor.h"

namespace metronome::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(FakeMatmulLibraryTest, MultipliesWhatTheColumnMajorFormSays) {
  FakeMatmulLibrary library;
  ExpectProductsOf(library);
}

// A tensor that starts at an aligned address: `rows` rows of it are visible. Small integers, whose sums float32 holds
// exactly in any order.
class Matrix {
 public:
  Matrix(kernels::DType dtype, int64_t rows, int64_t columns, uint64_t seed)
      : tensor_(dtype, {(rows + 15) / 16 * 16, columns}), rows_(rows) {
    uint64_t state = seed * 2654435761u + 1;
    for (int64_t i = 0; i < tensor_.elements(); ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      tensor_.Set(i, static_cast<double>(state >> 33 & 3) - 1);
    }
  }
  void* data() const { return tensor_.View().data; }
  HostTensor values() const { return tensor_.First(rows_); }

 private:
  HostTensor tensor_;
  int64_t rows_;
};

std::vector<double> Sums(const HostTensor& x, const HostTensor& w) {
  const int64_t m = x.shape()[0], n = w.shape()[0], k = x.shape()[1];
  std::vector<double> sums(static_cast<size_t>(m * n));
  for (int64_t i = 0; i < m * n; ++i) {
    for (int64_t l = 0; l < k; ++l) sums[i] += x.At(i / n * k + l) * w.At(i % n * k + l);
  }
  return sums;
}

// A launch of one part, or a gated one, and its operands.
struct Launched {
  Matrix x, w, up, residual, y;
  kernels::cuda::LinearArgs args;

  Launched(kernels::DType dtype, int64_t m, int64_t n, int64_t k, bool gated = false)
      : x(dtype, m, k, 1), w(dtype, n, k, 2), up(dtype, n, k, 3), residual(dtype, m, n, 4), y(dtype, m, n, 5) {
    args.dtype = dtype;
    args.x = x.data();
    args.m = m;
    args.k = k;
    args.part[0] = {.w = w.data(), .y = y.data(), .n = n};
    if (gated) args.up = up.data();
  }
  void ExpectSums() const { ExpectWithinUlps(y.values(), Sums(x.values(), w.values()), 0); }
};

class LibraryMatmulTest : public ::testing::Test {
 protected:
  LibraryMatmulTest() {
    context_.multiprocessors = 4;
    context_.scratch = {.data = scratch_.data(), .bytes = 1 << 20};
    context_.library = &library_;
  }
  // Which algorithm a launch with that tuning went to; -1: our kernel.
  int AlgorithmOf(Launched& launched, const kernels::cuda::LinearTuning& tuning = {}) {
    launched.args.tuning = tuning;
    library_.calls.clear();
    kernels::cuda::LaunchLinear(context_, launched.args);
    EXPECT_EQ(kernels::cuda::emulation::Multiprocessor::OfThisThread().TakeError(), "");
    launched.ExpectSums();
    return library_.calls.empty() ? -1 : library_.calls[0].algorithm;
  }

  std::vector<uint64_t> scratch_ = std::vector<uint64_t>((1 << 20) / sizeof(uint64_t));
  FakeMatmulLibrary library_;
  kernels::cuda::DeviceContext context_;
};

TEST_F(LibraryMatmulTest, ALaunchChoosesItForManyRowsOf16Bits) {
  Launched few(kernels::DType::kBFloat16, 63, 24, 16), many(kernels::DType::kBFloat16, 64, 24, 16),
      half(kernels::DType::kFloat16, 65, 24, 16), single(kernels::DType::kFloat32, 200, 24, 16);
  EXPECT_EQ(AlgorithmOf(few), -1);
  EXPECT_EQ(AlgorithmOf(many), 0);
  EXPECT_EQ(AlgorithmOf(half), 0);
  EXPECT_EQ(AlgorithmOf(single), -1);
  EXPECT_EQ(AlgorithmOf(many, {.tile = 2}), -1) << "who tunes our kernel means it";
  EXPECT_EQ(AlgorithmOf(many, {.splits = 1}), -1);
  context_.library = nullptr;
  EXPECT_EQ(AlgorithmOf(many), -1);
}

TEST_F(LibraryMatmulTest, TuningChoosesAnAlgorithmOrOurs) {
  Launched few(kernels::DType::kBFloat16, 9, 24, 16), single(kernels::DType::kFloat32, 12, 24, 16),
      gemv(kernels::DType::kBFloat16, 8, 24, 16);
  for (Launched* const launched : {&few, &single}) {
    EXPECT_EQ(AlgorithmOf(*launched, {.library = 0}), -1);
    EXPECT_EQ(AlgorithmOf(*launched, {.library = 1}), 0);
    EXPECT_EQ(AlgorithmOf(*launched, {.tile = 1, .library = 4}), 3);
    for (const int64_t stale : {int64_t{5}, INT64_MAX, int64_t{-1}, INT64_MIN})
      EXPECT_EQ(AlgorithmOf(*launched, {.library = stale}), -1) << stale;
  }
  EXPECT_EQ(AlgorithmOf(gemv, {.library = 1}), -1);
  library_.algorithms = [](const kernels::cuda::MatmulProblem&) { return 2; };
  Launched other(kernels::DType::kBFloat16, 10, 24, 16);
  EXPECT_EQ(AlgorithmOf(other, {.library = 2}), 1);
  EXPECT_EQ(AlgorithmOf(other, {.library = 3}), -1);
}

TEST_F(LibraryMatmulTest, WhatItDoesNotServeIsOurs) {
  Launched launched(kernels::DType::kBFloat16, 72, 24, 16);
  EXPECT_EQ(AlgorithmOf(launched), 0);
  library_.refuses = true;
  EXPECT_EQ(AlgorithmOf(launched), -1);
  library_.refuses = false;

  kernels::cuda::LinearArgs& args = launched.args;
  args.x = static_cast<const char*>(args.x) + 2;
  args.m = 71;  // As many rows as there are then.
  library_.calls.clear();
  kernels::cuda::LaunchLinear(context_, args);
  EXPECT_THAT(library_.calls, IsEmpty()) << "x is not aligned";
  args.x = launched.x.data();
  args.m = 72;

  args.activates = true;  // It would activate a sum before it is rounded.
  kernels::cuda::LaunchLinear(context_, args);
  EXPECT_THAT(library_.calls, IsEmpty());
  args.activates = false;

  const Matrix bias(kernels::DType::kBFloat16, 24, 1, 6), wide(kernels::DType::kFloat32, 72, 24, 7);
  args.part[0].bias = bias.data();  // Narrower than the output.
  args.part[0].y = wide.data();
  args.wide = true;
  kernels::cuda::LaunchLinear(context_, args);
  EXPECT_THAT(library_.calls, IsEmpty());
  args.part[0].bias = nullptr;
  kernels::cuda::LaunchLinear(context_, args);
  ASSERT_THAT(library_.calls, SizeIs(1));
  EXPECT_TRUE(library_.calls[0].problem.wide);
  ExpectWithinUlps(wide.values(), Sums(launched.x.values(), launched.w.values()), 0);

  Launched empty(kernels::DType::kBFloat16, 72, 24, 0);
  EXPECT_EQ(AlgorithmOf(empty), -1);
  EXPECT_EQ(kernels::cuda::emulation::Multiprocessor::OfThisThread().TakeError(), "");
}

TEST_F(LibraryMatmulTest, AGroupIsAProductForEachPartOrNone) {
  Launched first(kernels::DType::kBFloat16, 70, 40, 24), second(kernels::DType::kBFloat16, 70, 8, 24);
  kernels::cuda::LinearArgs args = first.args;
  args.parts = 3;
  args.part[1] = {.w = nullptr, .y = nullptr, .n = 0};
  args.part[2] = second.args.part[0];
  kernels::cuda::LaunchLinear(context_, args);
  EXPECT_THAT(library_.calls, SizeIs(2));
  first.ExpectSums();
  ExpectWithinUlps(second.y.values(), Sums(first.x.values(), second.w.values()), 0);

  library_.algorithms = [](const kernels::cuda::MatmulProblem& problem) { return problem.n == 9 ? 0 : 1; };
  Launched third(kernels::DType::kBFloat16, 70, 9, 24);
  args.part[1] = third.args.part[0];
  library_.calls.clear();
  kernels::cuda::LaunchLinear(context_, args);
  EXPECT_THAT(library_.calls, IsEmpty()) << "one of the parts is not served";
  ExpectWithinUlps(third.y.values(), Sums(first.x.values(), third.w.values()), 0);
}

// Pieces of 256, 256 and 188 rows: 280 have room, and tiles have 128.
TEST_F(LibraryMatmulTest, AGatedProductTakesAsManyRowsAsItsScratchHolds) {
  for (const kernels::DType dtype : {kernels::DType::kBFloat16, kernels::DType::kFloat32}) {
    Launched launched(dtype, 700, 24, 8, /*gated=*/true);
    const int64_t row_bytes = 24 * static_cast<int64_t>(kernels::SizeOf(dtype));
    context_.library = nullptr;
    kernels::cuda::LaunchLinear(context_, launched.args);
    const std::vector<double> ours = launched.y.values().Values();
    context_.library = &library_;
    for (const auto& [room, pieces] :
         {std::pair<int64_t, size_t>{700, 1}, {699, 2}, {280, 3}, {128, 6}, {127, 0}, {0, 0}}) {
      SCOPED_TRACE(std::string(kernels::Name(dtype)) + " room " + std::to_string(room));
      context_.scratch.bytes = room * row_bytes;
      library_.calls.clear();
      launched.args.tuning.library = 1;
      HostTensor values = launched.y.values();
      for (int64_t i = 0; i < values.elements(); ++i) values.Set(i, 77);
      std::fill(scratch_.begin(), scratch_.end(), 0);
      kernels::cuda::LaunchLinear(context_, launched.args);
      EXPECT_THAT(library_.calls, SizeIs(2 * pieces));
      EXPECT_EQ(values.Values(), ours);
      const auto* const scratch = reinterpret_cast<const char*>(scratch_.data());
      EXPECT_TRUE(std::all_of(scratch + room * row_bytes, scratch + (1 << 20), [](char byte) { return byte == 0; }));
      if (pieces == 3) {
        EXPECT_EQ(library_.calls[0].problem.m, 256);
        EXPECT_EQ(library_.calls[5].problem.m, 188);
      }
    }
  }
}

// Asking for algorithms may do what a capture forbids.
TEST_F(LibraryMatmulTest, WhatIsNotPreparedIsOursWhileLaunchesAreCaptured) {
  Launched launched(kernels::DType::kBFloat16, 64, 24, 16);
  const int64_t past = 0;
  context_.past = &past;
  EXPECT_EQ(AlgorithmOf(launched), -1);
  EXPECT_THAT(library_.prepared, IsEmpty());
  context_.past = nullptr;
  EXPECT_EQ(AlgorithmOf(launched), 0);
  context_.past = &past;
  EXPECT_EQ(AlgorithmOf(launched), 0);
  EXPECT_THAT(library_.prepared, SizeIs(1));
}

class LibraryBackendTest : public ::testing::Test {
 protected:
  LibraryBackendTest() {
    auto driver = std::make_unique<FakeDriver>();
    auto library = std::make_unique<FakeMatmulLibrary>();
    driver_ = driver.get();
    library_ = library.get();
    backend_ =
        kernels::cuda::CreateCudaBackend(
            std::move(driver), {.staging_bytes = 1000, .workspace_bytes = 4096, .library_workspace_bytes = 12345},
            std::move(library))
            .value();
  }
  std::vector<int64_t> Choices(absl::string_view name, const std::vector<kernels::TensorView>& inputs,
                               const kernels::TensorView& output, const kernels::Attributes& attributes = {}) {
    for (const kernels::TuningParameter& parameter : backend_->TuningSpace(
             *backend_->FindKernel(name).value(),
             {.inputs = inputs, .outputs = absl::MakeConstSpan(&output, 1), .attributes = &attributes})) {
      if (parameter.name == "tune_library") return parameter.values;
    }
    return {};
  }
  static kernels::TensorView Sized(const kernels::Shape& shape, kernels::DType dtype = kernels::DType::kBFloat16) {
    return {.data = nullptr, .dtype = dtype, .shape = shape};
  }

  FakeDriver* driver_;
  FakeMatmulLibrary* library_;
  std::unique_ptr<kernels::Backend> backend_;
};

TEST_F(LibraryBackendTest, SaysWhatItHasAndGivesItMemory) {
  EXPECT_EQ(backend_->Describe().libraries, "loops 1.2.3");
  EXPECT_EQ(library_->workspace.bytes, 12345);
  EXPECT_EQ(library_->workspace.data, driver_->Find(12345));
  const auto without = kernels::cuda::CreateCudaBackend(std::make_unique<FakeDriver>(), {.staging_bytes = 1000},
                                                        absl::FailedPreconditionError("no loops: not found"));
  EXPECT_EQ((*without)->Describe().libraries, "no loops: not found");
}

TEST_F(LibraryBackendTest, ADeviceWithoutRoomForItsWorkspaceStillHasIt) {
  auto driver = std::make_unique<FakeDriver>();
  driver->total_bytes = int64_t{64} << 20;
  auto library = std::make_unique<FakeMatmulLibrary>();
  const FakeMatmulLibrary& fake = *library;
  const auto backend = kernels::cuda::CreateCudaBackend(
      std::move(driver), {.staging_bytes = 1000, .workspace_bytes = 4096, .library_workspace_bytes = int64_t{1} << 30},
      std::move(library));
  ASSERT_TRUE(backend.ok()) << backend.status();
  EXPECT_EQ(fake.workspace.bytes, 0);
  EXPECT_EQ((*backend)->Describe().libraries, "loops 1.2.3");
}

TEST_F(LibraryBackendTest, TheTuningSpaceHasItsAlgorithmsWhereItServes) {
  const kernels::TensorView x = Sized({20, 16}), w = Sized({24, 16}), bias = Sized({24}), y = Sized({20, 24});
  EXPECT_THAT(Choices("linear", {x, w}, y), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(Choices("linear", {x, w, bias}, y, {{"has_bias", int64_t{1}}}), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_TRUE(library_->prepared.back().has_bias);
  EXPECT_THAT(Choices("linear", {x, w, bias}, Sized({20, 24}, kernels::DType::kFloat32), {{"has_bias", int64_t{1}}}),
              IsEmpty());
  EXPECT_THAT(Choices("linear", {x, w}, y, {{"activation", std::string("silu")}}), IsEmpty());
  EXPECT_THAT(Choices("linear", {Sized({8, 16}), w}, Sized({8, 24})), IsEmpty());
  EXPECT_THAT(Choices("gated_linear", {x, w, w}, y, {{"activation", std::string("silu")}}), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(Choices("matmul", {x, w}, y, {{"transpose_b", int64_t{1}}}), ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(Choices("matmul", {Sized({2, 1, 20, 16}), Sized({2, 3, 16, 24})}, Sized({2, 3, 20, 24})), IsEmpty())
      << "its matrices do not follow each other evenly";
  EXPECT_THAT(Choices("softmax", {x}, x), IsEmpty());

  library_->algorithms = [](const kernels::cuda::MatmulProblem& problem) { return problem.n == 40 ? 1 : 3; };
  const kernels::TensorView v = Sized({40, 16}), more = Sized({48, 16});
  EXPECT_THAT(Choices("linear_group", {x, more, v}, Sized({20, 48})), ElementsAre(0, 1));
  EXPECT_THAT(
      Choices("linear_group", {x, more, v, Sized({48}), Sized({40})}, Sized({20, 48}), {{"has_bias", int64_t{1}}}),
      ElementsAre(0, 1));
  library_->algorithms = [](const kernels::cuda::MatmulProblem&) { return 0; };
  EXPECT_THAT(Choices("linear", {Sized({21, 16}), w}, Sized({21, 24})), IsEmpty());
  EXPECT_TRUE(library_->calls.empty());
}

TEST_F(LibraryBackendTest, ARecordingHasItsProducts) {
  const auto x = backend_->Allocate(64 * 8 * 2).value(), w = backend_->Allocate(8 * 8 * 2).value(),
             y = backend_->Allocate(64 * 8 * 2).value();
  const HostTensor weights = HostTensor::Random(kernels::DType::kBFloat16, {8, 8}, 1);
  ASSERT_TRUE(backend_->CopyToDevice(w->data(), weights.View().data, 128).ok());
  const kernels::TensorView views[] = {{x->data(), kernels::DType::kBFloat16, {64, 8}},
                                       {w->data(), kernels::DType::kBFloat16, {8, 8}}},
                            output = {y->data(), kernels::DType::kBFloat16, {64, 8}};
  const kernels::Attributes attributes;
  const auto launch = [&] {
    return backend_->Launch(*backend_->FindKernel("linear").value(),
                            {.inputs = views, .outputs = absl::MakeConstSpan(&output, 1), .attributes = &attributes});
  };
  ASSERT_TRUE(launch().ok());
  ASSERT_TRUE(backend_->BeginRecording(0).ok());
  ASSERT_TRUE(launch().ok());
  const auto recording = backend_->EndRecording();
  ASSERT_TRUE(recording.ok());
  EXPECT_THAT(library_->calls, SizeIs(2));
  for (const uint64_t seed : {2, 3}) {
    const HostTensor values = HostTensor::Random(kernels::DType::kBFloat16, {64, 8}, seed),
                     got(kernels::DType::kBFloat16, {64, 8});
    ASSERT_TRUE(backend_->CopyToDevice(x->data(), values.View().data, 1024).ok());
    ASSERT_TRUE(backend_->Replay(**recording, 0).ok());
    ASSERT_TRUE(backend_->CopyToHost(got.View().data, y->data(), 1024).ok());
    ExpectWithinUlps(got, Sums(values, weights), 8);
  }
  EXPECT_THAT(library_->calls, SizeIs(2)) << "a replay does not ask it again";
}

}  // namespace
}  // namespace metronome::testing
