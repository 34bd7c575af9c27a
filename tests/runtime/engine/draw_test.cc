#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/engine/session.h"
#include "tests/drawing_backend.h"
#include "tests/golden/golden_model.h"

namespace metronome::runtime {
namespace {

using ::testing::HasSubstr;

constexpr const char* kModel = "gemma3-short-window";
const std::vector<int32_t> kPrompt = {5, 17, 80, 3};

class DrawTest : public testing::TestWithParam<SamplingOptions> {
 protected:
  void SetUp() override {
    auto backend = std::make_unique<DrawingBackend>(kernels::CreateCpuBackend({.threads = 1}).value());
    backend_ = backend.get();
    model_ = GoldenModel::LoadOn(std::move(backend), kModel, {});
    ASSERT_NE(model_, nullptr);
  }

  Session Prefilled(int64_t max_length) {
    Session session = model_->NewSession(max_length);
    EXPECT_TRUE(session.Prefill(kPrompt, PrefillMode::kChunked).ok());
    return session;
  }
  static std::vector<int32_t> Ids(const std::vector<DrawnToken>& tokens) {
    std::vector<int32_t> ids;
    for (const DrawnToken& token : tokens) ids.push_back(token.id);
    return ids;
  }
  // One after the other, by the host.
  std::vector<int32_t> HostTokens(const SamplingOptions& options, int count) {
    Session session = Prefilled(64);
    Sampler sampler = Sampler::Create(options).value();
    std::vector<int32_t> history = kPrompt;
    for (int i = 0; i < count; ++i) {
      EXPECT_TRUE(i == 0 || session.Step(history.back()).ok());
      history.push_back(sampler.Next(session.Logits().value(), history).value());
    }
    return {history.begin() + static_cast<std::ptrdiff_t>(kPrompt.size()), history.end()};
  }

  DrawingBackend* backend_ = nullptr;
  std::unique_ptr<GoldenModel> model_;
};

TEST_P(DrawTest, DrawsWhatTheHostWould) {
  const std::vector<int32_t> want = HostTokens(GetParam(), 20);
  Session session = Prefilled(64);
  Sampler sampler = Sampler::Create(GetParam()).value();
  std::vector<int32_t> history = kPrompt;
  bool first = true;
  for (const int64_t count : {1, 7, 12}) {
    const auto drawn = session.Draw(
        {.sampling = GetParam(), .state = sampler.state(), .history = history, .from_logits = first, .count = count});
    ASSERT_TRUE(drawn.ok()) << drawn.status();
    first = false;
    sampler.Skip(count);
    const std::vector<int32_t> ids = Ids(*drawn);
    history.insert(history.end(), ids.begin(), ids.end());
    EXPECT_EQ(session.length(), static_cast<int64_t>(history.size()) - 1);
    double last = 0;
    for (const DrawnToken& token : *drawn) {
      EXPECT_LE(last, token.logits_seconds);
      EXPECT_LE(token.logits_seconds, token.seconds);
      last = token.seconds;
    }
  }
  EXPECT_EQ(std::vector<int32_t>(history.begin() + 4, history.end()), want);
  EXPECT_EQ(backend_->draws, 20);
  // The logits are those of the last step, so the host may go on.
  EXPECT_EQ(Sampler::Create({}).value().Next(session.Logits().value(), history).value(),
            session.Draw({.history = history, .from_logits = true}).value()[0].id);
}

INSTANTIATE_TEST_SUITE_P(
    Options, DrawTest,
    testing::Values(SamplingOptions{}, SamplingOptions{.temperature = 0.9, .seed = 4},
                    SamplingOptions{.repetition_penalty = 1.4},
                    SamplingOptions{
                        .repetition_penalty = 1.2, .temperature = 1.3, .top_k = 40, .top_p = 0.9, .seed = 99}));

class DrawErrorTest : public DrawTest {};

TEST_P(DrawErrorTest, LeaveTheSessionAsItWas) {
  Session session = Prefilled(16);
  const auto draw = [&](int64_t count, const std::function<bool()>& keep_going = nullptr) {
    return session.Draw({.history = kPrompt, .count = count}, keep_going);
  };
  EXPECT_EQ(draw(0).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(draw(-1).status().code(), absl::StatusCode::kInvalidArgument);
  const absl::Status full = draw(13).status();
  EXPECT_EQ(full.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(full.message(), HasSubstr("13 tokens after position 4 exceed max_cache_len 16"));
  EXPECT_EQ(session.Draw({.count = 1}).status().code(), absl::StatusCode::kInvalidArgument);  // No history.

  int asked = 0;
  EXPECT_EQ(draw(10, [&] { return ++asked < 200; }).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(session.length(), 4);

  backend_->failing_draw = backend_->draws + 2;
  const absl::Status nan = draw(5).status();
  EXPECT_EQ(nan.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(nan.message(), HasSubstr("NaN"));
  EXPECT_EQ(session.length(), 4);

  Session other = Prefilled(16);
  EXPECT_EQ(Ids(draw(12).value()), Ids(other.Draw({.history = kPrompt, .count = 12}).value()));
  EXPECT_EQ(session.length(), 16);
}

TEST_P(DrawErrorTest, MoreThanOneSequenceHolds) {
  Session session = model_->NewSession(4000);
  ASSERT_TRUE(session.Step(1).ok());
  const absl::Status status = session.Draw({.history = kPrompt, .count = DrawSequence::kMostDraws + 1}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("1025"));
}

INSTANTIATE_TEST_SUITE_P(Once, DrawErrorTest, testing::Values(SamplingOptions{}));

TEST(DrawBeforeAStepTest, HasNoLogits) {
  auto backend = std::make_unique<DrawingBackend>(kernels::CreateCpuBackend({.threads = 1}).value());
  const auto model = GoldenModel::LoadOn(std::move(backend), kModel, {});
  Session session = model->NewSession(16);
  EXPECT_EQ(session.Draw({.history = kPrompt, .from_logits = true}).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(session.Logits().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(DrawWithoutADeviceTest, IsUnimplemented) {
  const auto model = GoldenModel::Load(kModel, {});
  Session session = model->NewSession(16);
  EXPECT_FALSE(session.can_draw());
  EXPECT_EQ(session.Draw({.history = kPrompt}).status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(session.length(), 0);
}

}  // namespace
}  // namespace metronome::runtime
