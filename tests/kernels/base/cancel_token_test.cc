#include "kernels/base/cancel_token.h"

#include "gtest/gtest.h"

namespace metronome {
namespace {

TEST(CancelTokenTest, WithoutAQuestionItSaysYes) {
  const CancelToken token;
  EXPECT_TRUE(token.Check().ok());
  EXPECT_TRUE(CancelToken::None().Check().ok());
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(token.CheckSometimes().ok());
  EXPECT_EQ(token.waited_ns(), 0);
}

TEST(CancelTokenTest, PassesOnWhatItsQuestionSays) {
  absl::Status answer;
  const CancelToken token([&] { return answer; });
  EXPECT_TRUE(token.Check().ok());
  answer = absl::DeadlineExceededError("late");
  EXPECT_EQ(token.Check(), answer);
}

TEST(CancelTokenTest, AsksSometimesOnceInManyCalls) {
  int asked = 0;
  const CancelToken token([&]() -> absl::Status {
    ++asked;
    return absl::CancelledError("gone");
  });
  int stopped = 0;
  for (int i = 0; i < 1024; ++i) stopped += token.CheckSometimes().ok() ? 0 : 1;
  EXPECT_EQ(asked, 4);
  EXPECT_EQ(stopped, 4);
}

TEST(CancelTokenTest, CountsTheTimeThatItsQuestionTakes) {
  int64_t took_ns = 0;
  const CancelToken token([&] {
    const int64_t start_ns = Clock::Real().MonotonicNs();
    while (Clock::Real().MonotonicNs() - start_ns < 1'000'000) continue;
    took_ns += Clock::Real().MonotonicNs() - start_ns;
    return absl::OkStatus();
  });
  ASSERT_TRUE(token.Check().ok());
  ASSERT_TRUE(token.Check().ok());
  EXPECT_GE(token.waited_ns(), took_ns);
  EXPECT_GE(took_ns, 2'000'000);
}

}  // namespace
}  // namespace metronome
