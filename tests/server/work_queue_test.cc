#include "server/work_queue.h"

#include <new>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Holds the queue's thread until told.
class Blocker {
 public:
  explicit Blocker(WorkQueue& queue) {
    const absl::Status status = queue.Submit([this] {
      started_.Notify();
      release_.WaitForNotification();
    });
    EXPECT_TRUE(status.ok()) << status;
    started_.WaitForNotification();
  }
  ~Blocker() { Release(); }
  void Release() {
    if (!release_.HasBeenNotified()) release_.Notify();
  }

 private:
  absl::Notification started_, release_;
};

TEST(WorkQueueTest, RunsJobsInTheOrderOfSubmission) {
  std::vector<int> order;
  {
    WorkQueue queue("test", 8);
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(queue.Submit([&order, i] { order.push_back(i); }).ok());
  }
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3, 4));
}

TEST(WorkQueueTest, SurvivesJobsThatThrow) {
  std::vector<int> ran;
  {
    WorkQueue queue("test", 8);
    ASSERT_TRUE(queue.Submit([] { throw std::bad_alloc(); }).ok());
    ASSERT_TRUE(queue.Submit([&] { ran.push_back(1); }).ok());
    queue.Continue([] { throw 7; });
    queue.Continue([&] { ran.push_back(2); });
    EXPECT_TRUE(queue.WaitIdle(absl::InfiniteDuration()));
  }
  EXPECT_THAT(ran, ElementsAre(1, 2));
}

TEST(WorkQueueTest, RefusesWhatExceedsItsLimitAndNamesIt) {
  WorkQueue queue("engine", 2);
  Blocker blocker(queue);
  ASSERT_TRUE(queue.Submit([] {}).ok());
  ASSERT_TRUE(queue.Submit([] {}).ok());

  const absl::Status third = queue.Submit([] {});

  EXPECT_EQ(third.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(third.message()), HasSubstr("engine queue is full: 2 requests wait"));
  EXPECT_EQ(queue.waiting(), 2u);
}

TEST(WorkQueueTest, TakesWorkAgainOnceThereIsRoom) {
  WorkQueue queue("engine", 1);
  {
    Blocker blocker(queue);
    ASSERT_TRUE(queue.Submit([] {}).ok());
    ASSERT_FALSE(queue.Submit([] {}).ok());
  }
  ASSERT_TRUE(queue.WaitIdle(absl::InfiniteDuration()));
  EXPECT_TRUE(queue.Submit([] {}).ok());
}

TEST(WorkQueueTest, ContinuedWorkNeitherCountsNorIsRefused) {
  bool continued = false, submitted = false;
  {
    WorkQueue queue("engine", 1);
    Blocker blocker(queue);
    queue.Drain();
    queue.Continue([&] { continued = true; });
    EXPECT_EQ(queue.waiting(), 0u);
    EXPECT_TRUE(queue.has_other_work());
    EXPECT_FALSE(queue.Submit([&] { submitted = true; }).ok());
  }
  EXPECT_TRUE(continued);
  EXPECT_FALSE(submitted);
}

TEST(WorkQueueTest, DrainRefusesNewWorkAndRunsWhatWasAccepted) {
  WorkQueue queue("engine", 4);
  bool ran = false;
  Blocker blocker(queue);
  ASSERT_TRUE(queue.Submit([&ran] { ran = true; }).ok());

  queue.Drain();
  const absl::Status late = queue.Submit([] {});
  blocker.Release();

  EXPECT_EQ(late.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(late.message()), HasSubstr("engine is shutting down"));
  EXPECT_TRUE(queue.WaitIdle(absl::InfiniteDuration()));
  EXPECT_TRUE(ran);
}

TEST(WorkQueueTest, WaitIdleGivesUpWhenTimeIsOut) {
  WorkQueue queue("engine", 4);
  Blocker blocker(queue);
  EXPECT_FALSE(queue.WaitIdle(absl::Milliseconds(1)));
}

TEST(WorkQueueTest, ConcurrentSubmittersLoseNothing) {
  int total = 0;  // Written by the queue's thread alone.
  {
    WorkQueue queue("test", 100000);
    std::vector<std::thread> submitters;
    for (int t = 0; t < 4; ++t) {
      submitters.emplace_back([&] {
        for (int i = 0; i < 500; ++i) EXPECT_TRUE(queue.Submit([&total] { ++total; }).ok());
      });
    }
    for (std::thread& submitter : submitters) submitter.join();
  }
  EXPECT_EQ(total, 2000);
}

}  // namespace
}  // namespace metronome
