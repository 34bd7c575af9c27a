#include "server/rpc/budget.h"

#include <limits>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Budget::Options Small(int64_t total, int64_t per_client) {
  return {.what = "open sessions",
          .unit = "sessions",
          .total = total,
          .per_client = per_client,
          .total_option = "session_limit",
          .client_option = "client_session_limit",
          .remedy = "close some"};
}

TEST(BudgetTest, LeasesGiveBackWhatTheyTook) {
  Budget budget(Small(10, 10));
  {
    const auto lease = budget.Take("a", 7);
    ASSERT_TRUE(lease.ok());
    EXPECT_EQ(budget.held(), 7);
    Budget::Lease other = budget.For("b");
    ASSERT_TRUE(other.Resize(3).ok());
    ASSERT_TRUE(other.Resize(1).ok());
    EXPECT_EQ(budget.held(), 8);
    other = Budget::Lease();
    EXPECT_EQ(budget.held(), 7);
  }
  EXPECT_EQ(budget.held(), 0);
  EXPECT_TRUE(budget.Take("a", 10).ok());
}

TEST(BudgetTest, MovedLeasesCountOnce) {
  Budget budget(Small(10, 10));
  Budget::Lease first = *budget.Take("a", 4);
  Budget::Lease second = std::move(first);
  EXPECT_EQ(budget.held(), 4);
  second = *budget.Take("a", 2);
  EXPECT_EQ(budget.held(), 2);
}

TEST(BudgetTest, RefusalsNameTheLimitHowMuchAndWhatToDo) {
  Budget budget(Small(5, 3));
  const auto a = budget.Take("a", 3), b = budget.Take("b", 1);
  const absl::Status of_client = budget.Take("a", 1).status();
  const absl::Status of_all = budget.Take("b", 2).status();
  EXPECT_EQ(of_client.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(of_client.message()),
              AllOf(HasSubstr("open sessions: this client holds 3 sessions of 3, and 1 more"), HasSubstr("close some"),
                    HasSubstr("client_session_limit")));
  EXPECT_EQ(of_all.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(of_all.message()), HasSubstr("all clients together hold 4 sessions of 5, and 2 more"));
  EXPECT_TRUE(budget.Take("b", 1).ok());  // Nothing was taken by those refused.
}

TEST(BudgetTest, LeasesThatCannotGrowStayAsTheyAre) {
  Budget budget(Small(5, 5));
  Budget::Lease lease = *budget.Take("a", 4);
  EXPECT_FALSE(lease.Resize(6).ok());
  EXPECT_EQ(lease.amount(), 4);
  EXPECT_TRUE(lease.Resize(5).ok());
}

TEST(BudgetTest, BulkLeavesAnEighthToWhatIsSmall) {
  constexpr int64_t kTotal = int64_t{1} << 20;
  Budget budget(Small(kTotal, kTotal));
  EXPECT_FALSE(budget.Take("a", kTotal).ok());
  const auto bulk = budget.Take("a", kTotal / 8 * 7);
  EXPECT_TRUE(bulk.ok());
  EXPECT_FALSE(budget.Take("b", Budget::kSmall + 1).ok());
  EXPECT_TRUE(budget.Take("b", Budget::kSmall).ok());
}

TEST(BudgetTest, EnormousAmountsDoNotWrapAround) {
  Budget budget(Small(std::numeric_limits<int64_t>::max(), 100));
  const auto held = budget.Take("a", 50);
  EXPECT_FALSE(budget.Take("a", std::numeric_limits<int64_t>::max()).ok());
}

}  // namespace
}  // namespace metronome::server
