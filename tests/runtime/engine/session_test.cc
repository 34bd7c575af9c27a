#include "runtime/engine/session.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/golden/golden_model.h"

namespace metronome::runtime {
namespace {

using ::testing::HasSubstr;

class SessionTest : public testing::Test {
 protected:
  void SetUp() override {
    model_ = GoldenModel::Load("gemma3-short-window", {});
    ASSERT_NE(model_, nullptr);
  }

  std::vector<float> Logits(const Session& session) {
    return {session.Logits().value().begin(), session.Logits().value().end()};
  }

  std::unique_ptr<GoldenModel> model_;
};

TEST_F(SessionTest, PromptLongerThanTheCacheIsRefusedWithBothNumbersAndChangesNothing) {
  Session session = model_->NewSession(8);
  ASSERT_TRUE(session.Prefill({1, 2, 3}, PrefillMode::kChunked).ok());

  const absl::Status status = session.Prefill({1, 2, 3, 4, 5, 6}, PrefillMode::kChunked);

  EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
  EXPECT_THAT(status.message(), HasSubstr("6 tokens after position 3 exceed max_cache_len 8"));
  EXPECT_EQ(session.length(), 3);
  EXPECT_TRUE(session.Prefill({1, 2, 3, 4, 5}, PrefillMode::kChunked).ok());
}

TEST_F(SessionTest, EmptyPromptIsRefused) {
  Session session = model_->NewSession(8);
  EXPECT_EQ(session.Prefill({}, PrefillMode::kChunked).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(SessionTest, TokenOutsideTheVocabularyIsRefusedAndTheSessionGoesOn) {
  Session session = model_->NewSession(8);
  ASSERT_TRUE(session.Step(5).ok());
  for (int32_t bad : {-1, 131, 1 << 30}) {
    const absl::Status status = session.Prefill({1, bad}, PrefillMode::kChunked);

    EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
    EXPECT_THAT(status.message(), HasSubstr("not in [0, 131)"));
    EXPECT_EQ(session.length(), 1);
  }
  EXPECT_TRUE(session.Step(6).ok());
}

TEST_F(SessionTest, CancelDuringSequentialPrefillKeepsWhatWasThere) {
  Session session = model_->NewSession(16);
  ASSERT_TRUE(session.Step(5).ok());
  int asked = 0;

  const absl::Status status = session.Prefill({1, 2, 3, 4}, PrefillMode::kSequential, [&] { return ++asked < 3; });

  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(session.length(), 1);
}

TEST_F(SessionTest, ForkContinuesLikeItsOriginAndIndependently) {
  Session session = model_->NewSession(128);
  ASSERT_TRUE(session.Prefill({9, 8, 7, 6, 5, 4, 3, 2, 1}, PrefillMode::kChunked).ok());
  absl::StatusOr<std::unique_ptr<Session>> fork = session.Fork();
  ASSERT_TRUE(fork.ok()) << fork.status();

  ASSERT_TRUE((*fork)->Step(100).ok());
  ASSERT_TRUE(session.Step(42).ok());
  const std::vector<float> original = Logits(session);
  ASSERT_TRUE((*fork)->Truncate(9).ok());
  ASSERT_TRUE((*fork)->Step(42).ok());

  EXPECT_EQ(Logits(**fork), original);
}

TEST_F(SessionTest, TruncateForgetsLaterPositions) {
  Session session = model_->NewSession(64);
  ASSERT_TRUE(session.Prefill({1, 2, 3}, PrefillMode::kChunked).ok());
  const std::vector<float> first = Logits(session);
  ASSERT_TRUE(session.Prefill({4, 5}, PrefillMode::kChunked).ok());

  ASSERT_TRUE(session.Truncate(2).ok());
  ASSERT_TRUE(session.Step(3).ok());

  const std::vector<float> again = Logits(session);
  for (size_t i = 0; i < first.size(); ++i) EXPECT_NEAR(first[i], again[i], 1e-5);
  EXPECT_EQ(session.Truncate(4).code(), absl::StatusCode::kOutOfRange);
}

// 700 tokens take eleven chunks; the cache grows over several of its steps.
TEST_F(SessionTest, APromptOfSeveralChunksEqualsTheSamePromptInPieces) {
  std::vector<int32_t> prompt;
  for (int i = 0; i < 700; ++i) prompt.push_back(i * 37 % 131);
  Session whole = model_->NewSession({.max_length = 700, .max_step = 64});
  ASSERT_TRUE(whole.Prefill(prompt, PrefillMode::kChunked).ok());
  const std::vector<float> expected = Logits(whole);

  Session pieces = model_->NewSession(1000);
  const absl::Span<const int32_t> span = prompt;
  for (size_t at = 0, size = 1; at < prompt.size(); at += size, size = size * 2 + 1) {
    ASSERT_TRUE(pieces.Prefill(span.subspan(at, size), PrefillMode::kChunked).ok());
  }

  EXPECT_EQ(pieces.length(), 700);
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(pieces.Logits().value()[i], expected[i], 1e-4);
}

TEST_F(SessionTest, ACacheWithoutPositionsIsRefused) {
  const auto backend = kernels::CreateCpuBackend({.threads = 1});
  ASSERT_TRUE(backend.ok());
  EXPECT_EQ(KvCache::Create(**backend, KvStateSpecsOf(model_->plan()), {.max_length = 0}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

class PausablePrefillTest : public testing::TestWithParam<std::tuple<compiler::ExecutionPath, PrefillMode>> {};

// Others take steps of many sizes at every pause, further into their caches than the prompt will ever be.
TEST_P(PausablePrefillTest, PausesChangeNoBit) {
  const auto [path, mode] = GetParam();
  const auto model = GoldenModel::Load("gemma3-short-window", {.path = path});
  ASSERT_NE(model, nullptr);
  std::vector<int32_t> prompt;
  for (int i = 0; i < 150; ++i) prompt.push_back(i * 37 % 131);
  const KvCacheLimits limits = {.max_length = 160, .max_step = 64};
  Session whole = model->NewSession(limits), paused = model->NewSession(limits), other = model->NewSession(900);
  const auto logits = [](Session& session) {
    return std::vector<float>{session.Logits().value().begin(), session.Logits().value().end()};
  };
  ASSERT_TRUE(whole.Prefill(prompt, mode).ok());
  const std::vector<float> expected = logits(whole);
  ASSERT_TRUE(whole.Step(7).ok());
  const std::vector<float> expected_next = logits(whole);

  const auto prefill = paused.BeginPrefill(prompt, mode).value();
  int pauses = 0;
  for (;;) {
    bool ran = false;
    const absl::StatusOr<bool> ended = paused.GoOn(*prefill, [&] { return std::exchange(ran, true); });
    ASSERT_TRUE(ended.ok()) << ended.status();
    if (*ended) break;
    const std::vector<int32_t> step(static_cast<size_t>(++pauses % 5 == 0 ? 33 : 1), 3);
    if (other.length() + 33 > other.max_length()) {
      ASSERT_TRUE(other.Truncate(0).ok());
    }
    ASSERT_TRUE(other.Prefill(step, PrefillMode::kChunked).ok());
  }

  EXPECT_GT(pauses, 100);
  EXPECT_EQ(logits(paused), expected);
  ASSERT_TRUE(paused.Step(7).ok());
  EXPECT_EQ(logits(paused), expected_next);
}

INSTANTIATE_TEST_SUITE_P(Paths, PausablePrefillTest,
                         testing::Combine(testing::Values(compiler::ExecutionPath::kEager,
                                                          compiler::ExecutionPath::kCompiled,
                                                          compiler::ExecutionPath::kGraph),
                                          testing::Values(PrefillMode::kChunked, PrefillMode::kSequential)),
                         [](const auto& info) {
                           return std::string(Name(std::get<0>(info.param))) + "_" +
                                  std::string(Name(std::get<1>(info.param)));
                         });

TEST_F(SessionTest, TwoPromptsThatPauseForEachOtherComputeTheSame) {
  const std::vector<int32_t> first(90, 5), second(70, 9);
  Session alone = model_->NewSession(100);
  ASSERT_TRUE(alone.Prefill(first, PrefillMode::kChunked).ok());
  const std::vector<float> expected = Logits(alone);
  Session a = model_->NewSession(100), b = model_->NewSession(100);
  const auto prefill_a = a.BeginPrefill(first, PrefillMode::kChunked).value();
  const auto prefill_b = b.BeginPrefill(second, PrefillMode::kChunked).value();

  std::vector<float> logits_a;
  for (bool ended_a = false, ended_b = false; !ended_a || !ended_b;) {
    int asked = 0;
    const auto pauses = [&] { return ++asked > 3; };
    if (!ended_b) ended_b = b.GoOn(*prefill_b, pauses).value();
    asked = 0;
    if (ended_a) continue;
    ended_a = a.GoOn(*prefill_a, pauses).value();
    if (ended_a) logits_a = Logits(a);
  }

  EXPECT_EQ(logits_a, expected);
  EXPECT_EQ(b.length(), 70);
}

TEST_F(SessionTest, APausedPromptThatIsGivenUpLeavesTheExecutorToOthers) {
  Session session = model_->NewSession(100), other = model_->NewSession(100);
  {
    const auto prefill = session.BeginPrefill(std::vector<int32_t>(80, 5), PrefillMode::kChunked).value();
    int asked = 0;
    EXPECT_FALSE(session.GoOn(*prefill, [&] { return ++asked > 5; }).value());
  }
  EXPECT_EQ(session.length(), 0);
  EXPECT_TRUE(other.Prefill(std::vector<int32_t>(80, 5), PrefillMode::kChunked).ok());
  EXPECT_TRUE(session.Prefill(std::vector<int32_t>(80, 5), PrefillMode::kChunked).ok());
}

TEST_F(SessionTest, APausablePromptIsRefusedAsAnyOther) {
  Session session = model_->NewSession(8);
  EXPECT_EQ(session.BeginPrefill({}, PrefillMode::kChunked).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(session.BeginPrefill(std::vector<int32_t>(9, 1), PrefillMode::kChunked).status().code(),
            absl::StatusCode::kOutOfRange);
  const auto prefill = session.BeginPrefill({1, 131}, PrefillMode::kChunked).value();
  EXPECT_EQ(session.GoOn(*prefill, nullptr).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(session.Step(6).ok());
}

}  // namespace
}  // namespace metronome::runtime
