#include "server/engine/work_queue.h"

#include <new>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/fake_clock.h"

namespace metronome::server {
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

TEST(WorkQueueTest, IsBusyWhileJobsRunAndNotBetween) {
  FakeClock clock;
  WorkQueue queue("test", 8, clock);
  clock.Advance(absl::Seconds(1));
  EXPECT_EQ(queue.busy_ns(), 0);
  {
    Blocker blocker(queue);
    clock.Advance(absl::Seconds(2));
    EXPECT_EQ(queue.busy_ns(), 2'000'000'000);  // Of a job that still runs.
  }
  ASSERT_TRUE(queue.WaitIdle(absl::InfiniteDuration()));
  clock.Advance(absl::Seconds(4));
  queue.Continue([&] { clock.Advance(absl::Seconds(8)); });
  ASSERT_TRUE(queue.WaitIdle(absl::InfiniteDuration()));
  EXPECT_EQ(queue.busy_ns(), 10'000'000'000);
}

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

constexpr auto kWhole = WorkQueue::JobKind::kWhole;

const auto kAlways = [] { return true; };

TEST(WorkQueueTest, TurnsRunWhileAWholeJobLetsThemInAndOtherWholeJobsWait) {
  std::vector<std::string> order;
  {
    WorkQueue queue("test", 8);
    Blocker blocker(queue);
    const auto note = [&order](const char* what) { return [&order, what] { order.push_back(what); }; };
    ASSERT_TRUE(queue
                    .Submit(
                        [&] {
                          order.push_back("begin");
                          queue.LetOthersIn(kAlways);
                          order.push_back("end");
                        },
                        kWhole)
                    .ok());
    ASSERT_TRUE(queue.Submit(note("turn 1")).ok());
    ASSERT_TRUE(queue.Submit(note("whole"), kWhole).ok());
    queue.Continue(note("turn 2"));
    blocker.Release();
    EXPECT_TRUE(queue.WaitIdle(absl::InfiniteDuration()));
    EXPECT_EQ(queue.waiting(), 0u);
  }
  EXPECT_THAT(order, ElementsAre("begin", "turn 1", "turn 2", "end", "whole"));
}

TEST(WorkQueueTest, LettingInStopsWhenTheWholeJobWantsToGoOn) {
  std::vector<std::string> order;
  {
    WorkQueue queue("test", 8);
    Blocker blocker(queue);
    ASSERT_TRUE(queue
                    .Submit(
                        [&] {
                          queue.LetOthersIn([&] { return order.size() < 2; });
                          order.push_back("whole");
                        },
                        kWhole)
                    .ok());
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(queue.Submit([&] { order.push_back("turn"); }).ok());
    blocker.Release();
  }
  EXPECT_THAT(order, ElementsAre("turn", "turn", "whole", "turn"));
}

// What goes on turn by turn, and would keep the queue to itself when alone, returns to the whole job.
TEST(WorkQueueTest, ATurnWithinAWholeJobSeesOtherWorkAndLetsNothingIn) {
  bool other_work = false, nested = false;
  {
    WorkQueue queue("test", 8);
    Blocker blocker(queue);
    ASSERT_TRUE(queue.Submit([&] { queue.LetOthersIn(kAlways); }, kWhole).ok());
    ASSERT_TRUE(queue
                    .Submit([&] {
                      other_work = queue.has_other_work();
                      queue.Continue([&] { nested = true; });
                      queue.LetOthersIn(kAlways);
                      EXPECT_FALSE(nested);
                    })
                    .ok());
    blocker.Release();
    EXPECT_TRUE(queue.WaitIdle(absl::InfiniteDuration()));
    EXPECT_FALSE(queue.has_other_work());
  }
  EXPECT_TRUE(other_work);
  EXPECT_TRUE(nested);
}

TEST(WorkQueueTest, AWholeJobSurvivesTurnsThatThrow) {
  bool ended = false;
  {
    WorkQueue queue("test", 8);
    Blocker blocker(queue);
    ASSERT_TRUE(queue
                    .Submit(
                        [&] {
                          queue.LetOthersIn(kAlways);
                          ended = true;
                        },
                        kWhole)
                    .ok());
    ASSERT_TRUE(queue.Submit([] { throw std::bad_alloc(); }).ok());
    blocker.Release();
  }
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace metronome::server
