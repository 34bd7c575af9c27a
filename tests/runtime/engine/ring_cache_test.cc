#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/golden/golden_model.h"

namespace metronome::runtime {
namespace {

// Models with windowed layers, in sessions whose caches are rings and in sessions that keep every position.
class RingCacheTest : public testing::TestWithParam<const char*> {
 protected:
  static constexpr int64_t kMaxLength = 4000, kStep = 24;

  void Load(const GoldenModelOptions& options) {
    model_ = GoldenModel::Load(GetParam(), options);
    ASSERT_NE(model_, nullptr);
  }

  Session Ring() { return model_->NewSession({.max_length = kMaxLength, .max_step = kStep}); }
  Session Whole() { return model_->NewSession({.max_length = kMaxLength}); }

  static std::vector<int32_t> Tokens(int64_t count, int seed) {
    std::vector<int32_t> tokens(count);
    for (int64_t i = 0; i < count; ++i) tokens[i] = static_cast<int32_t>((i * i + 37 * i + seed) % 131);
    return tokens;
  }

  // One step each, of the same size, through the same kernels: equal to the last bit.
  static void ExpectSameStep(Session& ring, Session& whole, absl::Span<const int32_t> tokens) {
    ASSERT_TRUE(ring.Prefill(tokens, PrefillMode::kChunked).ok());
    const std::vector<float> got(ring.Logits().value().begin(), ring.Logits().value().end());
    ASSERT_TRUE(whole.Prefill(tokens, PrefillMode::kChunked).ok());
    const std::vector<float> want(whole.Logits().value().begin(), whole.Logits().value().end());
    EXPECT_EQ(got, want) << "to position " << ring.length();
  }

  std::unique_ptr<GoldenModel> model_;
};

// Steps of 1 to 24 tokens, past the window and past several turns of every ring.
TEST_P(RingCacheTest, ComputesWhatAWholeCacheComputes) {
  for (const kernels::DType dtype : {kernels::DType::kFloat32, kernels::DType::kBFloat16}) {
    for (const compiler::ExecutionPath path : {compiler::ExecutionPath::kCompiled, compiler::ExecutionPath::kGraph}) {
      Load({.dtype = dtype, .path = path});
      Session ring = Ring(), whole = Whole();
      for (int64_t size = 1; ring.length() < 1500; size = size % kStep + 1)
        ExpectSameStep(ring, whole, Tokens(size, static_cast<int>(ring.length())));
      EXPECT_LT(ring.kv_bytes(), whole.kv_bytes());
    }
  }
}

TEST_P(RingCacheTest, ALongPromptGoesInStepsThatFit) {
  Load({});
  Session ring = Ring(), whole = Whole();
  const std::vector<int32_t> prompt = Tokens(1300, 3);
  ASSERT_TRUE(ring.Prefill(prompt, PrefillMode::kChunked).ok());
  const std::vector<float> got(ring.Logits().value().begin(), ring.Logits().value().end());
  ASSERT_TRUE(whole.Prefill(prompt, PrefillMode::kChunked).ok());
  // In one step of 1024 rows and one of the rest: sums in another order.
  for (size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], whole.Logits().value()[i], 1e-4);
}

TEST_P(RingCacheTest, ForksAndForgetsAcrossTheWrap) {
  Load({});
  Session ring = Ring(), whole = Whole();
  for (int i = 0; i < 40; ++i) ExpectSameStep(ring, whole, Tokens(kStep, i));
  const absl::StatusOr<std::unique_ptr<Session>> ring_fork = ring.Fork(), whole_fork = whole.Fork();
  ASSERT_TRUE(ring_fork.ok() && whole_fork.ok());
  ExpectSameStep(ring, whole, Tokens(7, 1));
  ASSERT_TRUE(ring.Truncate(ring.length() - 7).ok());
  ASSERT_TRUE(whole.Truncate(whole.length() - 7).ok());
  for (int i = 0; i < 5; ++i) {
    ExpectSameStep(ring, whole, Tokens(5, 2 * i));
    ExpectSameStep(**ring_fork, **whole_fork, Tokens(5, 3 * i));
  }
}

// A prompt that is cancelled after its ring has turned cannot be undone; the steps that were done remain.
TEST_P(RingCacheTest, CancelledPromptsKeepWhatIsThere) {
  Load({});
  Session ring = Ring(), whole = Whole();
  const std::vector<int32_t> prompt = Tokens(100 * kStep, 9);
  ExpectSameStep(ring, whole, absl::MakeConstSpan(prompt).subspan(0, kStep));
  const auto most = static_cast<int64_t>(60 * model_->plan().calls.size());  // Launches.
  int64_t asked = 0;
  const absl::Status status =
      ring.Prefill(absl::MakeConstSpan(prompt).subspan(kStep), PrefillMode::kChunked, [&] { return ++asked < most; });
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  ASSERT_GT(ring.length(), kStep);
  ASSERT_EQ(ring.length() % kStep, 0);
  for (int64_t at = kStep; at < ring.length(); at += kStep)
    ASSERT_TRUE(whole.Prefill(absl::MakeConstSpan(prompt).subspan(at, kStep), PrefillMode::kChunked).ok());
  ExpectSameStep(ring, whole, Tokens(4, 4));
}

INSTANTIATE_TEST_SUITE_P(Models, RingCacheTest,
                         testing::Values("gemma3-short-window", "gemma3-long-window", "gemma4-moe", "gemma4-dense",
                                         "qwen2-window"),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

// In primitives, every key is multiplied before it is masked.
TEST(RingCachePlanTest, OnlyFusedAttentionLetsRowsGo) {
  for (const compiler::ExecutionPath path : {compiler::ExecutionPath::kCompiled, compiler::ExecutionPath::kEager}) {
    const auto model = GoldenModel::Load("gemma3-short-window", {.path = path});
    ASSERT_NE(model, nullptr);
    int windowed = 0;
    for (const KvStateSpec& spec : KvStateSpecsOf(model->plan())) {
      EXPECT_TRUE(spec.window == 0 || spec.window == 6);
      windowed += spec.window > 0 ? 1 : 0;
    }
    EXPECT_EQ(windowed, path == compiler::ExecutionPath::kEager ? 0 : 2 * 7);
    Session session = model->NewSession({.max_length = 4000, .max_step = 8});
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(session.Prefill({1, 2, 3, 4, 5, 6, 7, 8}, PrefillMode::kChunked).ok());
  }
}

// A state that some plan reads whole stays whole.
TEST(RingCachePlanTest, TheWidestReaderOfAnyPlanDecides) {
  const auto compiled = GoldenModel::Load("gemma3-short-window", {}),
             eager = GoldenModel::Load("gemma3-short-window", {.path = compiler::ExecutionPath::kEager});
  const Plan &windowed = compiled->plan(), &whole = eager->plan();
  for (const KvStateSpec& spec : KvStateSpecsOf(PlanSet{{1, windowed}, {16, whole}})) EXPECT_EQ(spec.window, 0);
  int count = 0;
  for (const KvStateSpec& spec : KvStateSpecsOf(PlanSet{{1, windowed}, {16, windowed}})) count += spec.window > 0;
  EXPECT_EQ(count, 2 * 7);
}

}  // namespace
}  // namespace metronome::runtime
