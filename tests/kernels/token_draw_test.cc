#include "kernels/interface/token_draw.h"

#include <cmath>
#include <limits>

#include "tests/kernels/support/device_draw.h"
#include "tests/kernels/support/kernel_test.h"

namespace metronome::testing {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

class TokenDrawTest : public KernelTest {
 protected:
  bool copies() const { return GetParam().copies_operands; }

  // `count` random cases, others for each variant.
  void CompareRandomCases(int64_t vocab, int count) {
    const auto seed = static_cast<uint32_t>(std::hash<std::string>()(GetParam().name) + static_cast<uint64_t>(vocab));
    SCOPED_TRACE(::testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    for (int i = 0; i < count && !HasFailure(); ++i)
      ExpectDrawsAlike(backend(), copies(), RandomDrawCase(vocab, random));
  }

  // Logits that fall from `largest`.
  static HostTensor Falling(int64_t vocab, double largest) {
    HostTensor logits(kernels::DType::kFloat32, {vocab});
    for (int64_t i = 0; i < vocab; ++i) logits.Set(i, largest - 0.01 * static_cast<double>(i));
    return logits;
  }
};

TEST_P(TokenDrawTest, TokensOfTinyVocabulariesAreTheHosts) {
  for (const int64_t vocab : {1, 2, 31, 257}) CompareRandomCases(vocab, 200);
}
TEST_P(TokenDrawTest, TokensOfSmallVocabulariesAreTheHosts) { CompareRandomCases(4099, 200); }
TEST_P(TokenDrawTest, TokensOfVocabulariesAreTheHosts) { CompareRandomCases(32000, 80); }
TEST_P(TokenDrawTest, TokensOfLargeVocabulariesAreTheHosts) { CompareRandomCases(151936, 8); }

TEST_P(TokenDrawTest, EachFilterAloneAndAllTogether) {
  for (const runtime::SamplingOptions& options :
       {runtime::SamplingOptions{.temperature = 1}, runtime::SamplingOptions{.repetition_penalty = 1.3},
        runtime::SamplingOptions{.temperature = 1, .top_k = 50},
        runtime::SamplingOptions{.temperature = 1, .top_k = 3000},
        runtime::SamplingOptions{.temperature = 1, .top_p = 0.9},
        runtime::SamplingOptions{.temperature = 1, .min_p = 0.05},
        runtime::SamplingOptions{
            .repetition_penalty = 1.1, .temperature = 0.8, .top_k = 50, .top_p = 0.9, .min_p = 0.01},
        runtime::SamplingOptions{
            .repetition_penalty = 1.1, .temperature = 0.8, .top_k = 6000, .top_p = 0.9, .min_p = 0.01}}) {
    // Flat: no digit but the last tells the logits apart. Tied, by rounding: the selection ends among equals, which are
    // more than the candidates of one block.
    for (const auto& [base, scale, grain] :
         {std::tuple{0.0, 3.0, 0.0}, std::tuple{0.0, 0.02, 0.0}, std::tuple{20.0, 0.001, 0.0},
          std::tuple{1.0, 0.4, 1.0}, std::tuple{1.9, 0.7, 1.0}}) {
      HostTensor logits = HostTensor::Random(kernels::DType::kFloat32, {9001}, 7, base - scale, base + scale);
      if (grain != 0) {
        for (int64_t i = 0; i < logits.elements(); ++i) logits.Set(i, std::round(logits.At(i)));
      }
      for (uint64_t seed = 0; seed < 3; ++seed) {
        DrawCase test = {.options = options, .logits = logits, .vocab = 9001, .history = {5, 17, 5, 8000}};
        test.options.seed = seed;
        ExpectDrawsAlike(backend(), copies(), test);
      }
    }
  }
}

// Nothing reads the sequence, the state or the token on the host in between.
TEST_P(TokenDrawTest, ChainsOfDrawsAreTheHosts) {
  constexpr int kDraws = 50;
  for (const runtime::SamplingOptions& options :
       {runtime::SamplingOptions{.repetition_penalty = 1.3, .temperature = 0.9, .top_k = 40, .top_p = 0.95, .seed = 9},
        runtime::SamplingOptions{.repetition_penalty = 1.5, .seed = 10},
        runtime::SamplingOptions{.repetition_penalty = 0.8, .temperature = 2, .seed = 11}}) {
    std::vector<HostTensor> logits;
    for (int i = 0; i < kDraws; ++i)
      logits.push_back(HostTensor::Random(kernels::DType::kBFloat16, {1500}, 60 + i, -6, 6));
    Drawn host = {.sequence = std::vector<int32_t>(kDraws + 4, 3), .length = 2, .state = options.seed};
    DeviceDraw device(backend(), copies(), host);
    for (const HostTensor& of_step : logits) {
      ASSERT_TRUE(backend().Draw(device.With(options, of_step, 1500)).ok());
      host = DrawOnHost(options, of_step, 1500, host);
    }
    EXPECT_EQ(device.Fetch(), host);
  }
}

TEST_P(TokenDrawTest, OneRecordingDrawsTokenAfterToken) {
  if (!backend().can_record()) GTEST_SKIP() << "records nothing";
  const runtime::SamplingOptions options = {
      .repetition_penalty = 1.2, .temperature = 1, .top_k = 20, .top_p = 0.9, .seed = 4};
  const HostTensor logits = HostTensor::Random(kernels::DType::kFloat32, {3000}, 12, -5, 5);
  Drawn host = {.sequence = std::vector<int32_t>(12, -1), .length = 0, .state = options.seed};
  DeviceDraw device(backend(), copies(), host);
  const kernels::TokenDraw draw = device.With(options, logits, 3000);
  ASSERT_TRUE(backend().BeginRecording(0).ok());
  ASSERT_TRUE(backend().Draw(draw).ok());
  const std::unique_ptr<kernels::Recording> recording = backend().EndRecording().value();
  EXPECT_EQ(device.Fetch(), host) << "drawn while it was recorded";
  for (int i = 0; i < 12; ++i) {
    ASSERT_TRUE(backend().Replay(*recording, i).ok());
    host = DrawOnHost(options, logits, 3000, host);
  }
  EXPECT_EQ(device.Fetch(), host);
}

TEST_P(TokenDrawTest, BrokenLogitsFailAsOnTheHost) {
  struct Broken {
    double value;
    bool everywhere;
    double temperature;
    int32_t failure;
  };
  for (const Broken& broken :
       {Broken{std::nan(""), false, 0, 1}, Broken{std::nan(""), false, 1, 1}, Broken{-std::nan(""), false, 1, 1},
        Broken{-kInfinity, true, 0, 2}, Broken{-kInfinity, true, 1, 2}, Broken{kInfinity, false, 0, 0},
        Broken{kInfinity, false, 1, 3}}) {
    for (const int64_t top_k : {0, 3, 2000}) {
      HostTensor logits = Falling(3001, 4);
      for (int64_t i = 0; i < 3001; ++i) {
        if (broken.everywhere || i == 2900) logits.Set(i, broken.value);
      }
      const runtime::SamplingOptions options = {
          .repetition_penalty = 1.1, .temperature = broken.temperature, .top_k = top_k};
      Drawn host = {.sequence = {7, 2900, -1, -1}, .length = 2, .state = 5};
      DeviceDraw device(backend(), copies(), host);
      ASSERT_TRUE(backend().Draw(device.With(options, logits, 3001)).ok());
      host = DrawOnHost(options, logits, 3001, host);
      EXPECT_EQ(host.failure, broken.failure);
      EXPECT_EQ(device.Fetch(), host) << broken.value << " " << broken.temperature << " top_k " << top_k;

      // Good logits do not clear it.
      ASSERT_TRUE(backend().Draw(device.With(options, Falling(3001, 4), 3001)).ok());
      if (host.failure == 0) continue;
      host.sequence[host.length++] = 0;
      EXPECT_EQ(device.Fetch(), host);
    }
  }
}

TEST_P(TokenDrawTest, AFullSequenceIsLeftAlone) {
  const HostTensor logits = Falling(2000, 4);
  for (const double temperature : {0.0, 1.0}) {
    const runtime::SamplingOptions options = {.repetition_penalty = 1.1, .temperature = temperature, .top_k = 3};
    Drawn expected = {.sequence = {7, 9}, .length = 2, .state = 5, .token = 33};
    DeviceDraw device(backend(), copies(), expected);
    ASSERT_TRUE(backend().Draw(device.With(options, logits, 2000)).ok());
    expected.failure = static_cast<int32_t>(kernels::DrawFailure::kNoRoom);
    EXPECT_EQ(device.Fetch(), expected);

    ASSERT_TRUE(backend().Draw(device.With(options, logits, 2000)).ok());
    expected.token = 0;
    EXPECT_EQ(device.Fetch(), expected);
  }
}

TEST_P(TokenDrawTest, LogitsThatAreNoRowAreRefused) {
  DeviceDraw device(backend(), copies(), {.sequence = std::vector<int32_t>(2)});
  const HostTensor logits(kernels::DType::kFloat32, {6});
  kernels::TokenDraw draw = device.With({}, logits, 6);
  const auto code_with = [&](kernels::DType dtype, const kernels::Shape& shape) {
    draw.logits.dtype = dtype;
    draw.logits.shape = shape;
    return backend().Draw(draw).code();
  };
  EXPECT_EQ(code_with(kernels::DType::kInt32, {6}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_with(kernels::DType::kFloat32, {2, 3}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_with(kernels::DType::kFloat32, {0}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_with(kernels::DType::kFloat32, {1, 1, 6}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_with(kernels::DType::kFloat32, {(1 << 21) + 1}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code_with(kernels::DType::kFloat32, {6}), absl::StatusCode::kOk);
}

METRONOME_TEST_ALL_VARIANTS(TokenDrawTest);

}  // namespace
}  // namespace metronome::testing
