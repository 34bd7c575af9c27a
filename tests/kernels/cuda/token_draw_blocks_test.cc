// Draws on a device of many multiprocessors: slices of one iteration, blocks that have nothing but a tail.
#include "kernels/cuda/device/cuda_backend.h"
#include "tests/kernels/cuda/fakes/emulated_backend.h"
#include "tests/kernels/cuda/fakes/emulation_test.h"
#include "tests/kernels/cuda/fakes/fake_driver.h"
#include "tests/kernels/support/device_draw.h"

namespace metronome::testing {
namespace {

using TokenDrawBlocksTest = kernels::cuda::EmulationTest;

TEST_P(TokenDrawBlocksTest, TokensAreTheHosts) {
  const auto backend = CreateEmulatedBackend({.emulation = {.order = GetParam()}, .multiprocessors = 132});
  std::mt19937 random(static_cast<uint32_t>(GetParam()) + 40);
  for (const int64_t vocab : {1024, 1025, 4099, 32000}) {
    for (int i = 0; i < 25 && !HasFailure(); ++i) ExpectDrawsAlike(*backend, false, RandomDrawCase(vocab, random));
  }
}

// 19001 equal logits over 19 slices: top_p ends within one of them.
TEST_P(TokenDrawBlocksTest, EqualsAreKeptInOrderOverSlices) {
  const auto backend = CreateEmulatedBackend({.emulation = {.order = GetParam()}, .multiprocessors = 132});
  HostTensor logits(kernels::DType::kFloat32, {19001});
  for (uint64_t seed = 0; seed < 12; ++seed) {
    for (int64_t i = 0; i < 19001; ++i) logits.Set(i, i % 5 == 0 ? 1.0 : 2.0);
    ExpectDrawsAlike(*backend, false,
                     {.options = {.temperature = 1, .top_p = seed % 2 == 0 ? 0.05 : 0.9, .seed = seed},
                      .logits = logits,
                      .vocab = 19001,
                      .history = {}});
  }
}

// As many weights as 64 bits have room for, and a longer sequence than a launch has threads.
TEST_P(TokenDrawBlocksTest, TheLargestVocabularyIsFlat) {
  constexpr int64_t kVocab = int64_t{1} << 21;
  auto driver = std::make_unique<FakeDriver>();
  driver->device.multiprocessors = 8;
  const auto backend =
      kernels::cuda::CreateCudaBackend(std::move(driver), {.staging_bytes = 1 << 16, .workspace_bytes = 1 << 19})
          .value();
  DrawCase test = {.options = {.repetition_penalty = 1.5, .temperature = 1, .top_p = 0.75, .seed = 31},
                   .logits = HostTensor(kernels::DType::kBFloat16, {kVocab}),
                   .vocab = kVocab,
                   .history = std::vector<int32_t>(3000)};
  for (int64_t i = 0; i < kVocab; ++i) test.logits.Set(i, 1);
  for (int32_t i = 0; i < 3000; ++i) test.history[i] = i * 699;
  ExpectDrawsAlike(*backend, false, test);
}

TEST_P(TokenDrawBlocksTest, TooLittleRoomIsRefused) {
  const auto backend =
      kernels::cuda::CreateCudaBackend(std::make_unique<FakeDriver>(), {.staging_bytes = 1000, .workspace_bytes = 4096})
          .value();
  const HostTensor logits(kernels::DType::kFloat32, {100});
  DeviceDraw device(*backend, false, {.sequence = std::vector<int32_t>(2)});
  const absl::Status status = backend->Draw(device.With({}, logits, 100));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("4096"));
}

INSTANTIATE_TEST_SUITE_P(Orders, TokenDrawBlocksTest, ::testing::ValuesIn(kernels::cuda::kAllOrders),
                         kernels::cuda::NameOfOrder);

}  // namespace
}  // namespace metronome::testing
