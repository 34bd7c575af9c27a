#include "server/pages/documents/verdict.h"

#include <gmock/gmock.h>

#include "tests/server/pages/sample_runs.h"

namespace metronome::pages {
namespace {

TEST(VerdictTest, TimesHalfAsLongAreTwiceAsFast) {
  const Verdict verdict = Compare(Around(10), Around(20));

  EXPECT_EQ(verdict.name, "faster");
  EXPECT_DOUBLE_EQ(verdict.ratio, 2);
  ASSERT_TRUE(verdict.interval.has_value());
  EXPECT_LT(verdict.interval->low, 2.0001);
  EXPECT_GT(verdict.interval->high, 1.9999);
}

TEST(VerdictTest, TheOtherWayRoundItIsSlower) { EXPECT_EQ(Compare(Around(20), Around(10)).name, "slower"); }

TEST(VerdictTest, TheSameTimesAreUnchanged) { EXPECT_EQ(Compare(Around(10), Around(10.01)).name, "unchanged"); }

TEST(VerdictTest, ADifferenceOfHalfAHundredthIsNone) {
  EXPECT_EQ(Compare(Around(10), Around(10.05)).name, "unchanged");
}

TEST(VerdictTest, EightIterationsAreTooFew) {
  std::vector<double> eight = Around(10);
  eight.pop_back();

  const Verdict verdict = Compare(eight, Around(20));

  EXPECT_EQ(verdict.name, "inconclusive");
  EXPECT_THAT(verdict.reason, testing::HasSubstr("one has 8"));
  EXPECT_TRUE(verdict.interval.has_value());
}

TEST(VerdictTest, OneIterationHasARatioAndNoInterval) {
  const Verdict verdict = Compare(std::vector<double>{10}, std::vector<double>{30});

  EXPECT_EQ(verdict.name, "inconclusive");
  EXPECT_DOUBLE_EQ(verdict.ratio, 3);
  EXPECT_FALSE(verdict.interval.has_value());
}

TEST(VerdictTest, TimesThatScatterAreInconclusive) {
  const std::vector<double> times = {8, 9, 9.5, 10, 10, 11, 12, 13, 14},
                            others = {8.5, 9, 9, 10, 10.5, 11, 12.5, 13, 15};

  EXPECT_EQ(Compare(times, others).name, "inconclusive");
}

}  // namespace
}  // namespace metronome::pages
