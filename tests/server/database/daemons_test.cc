// Several daemons on one database, of which some die.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/database/lease.h"
#include "tests/server/store/store_fixture.h"
#include "tests/server/store/store_test_results.h"

namespace metronome::server {
namespace {

// A process that opens a store, does something that ends in a text, and waits to be killed.
class OtherDaemon {
 public:
  OtherDaemon(const std::string& path, const std::function<std::string(RunStore&)>& work) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    child_ = fork();
    if (child_ == 0) {
      const auto store = RunStore::Open(path, Clock::Real());
      const std::string text = store.ok() ? work(**store) : "";
      if (write(ends[1], text.data(), text.size()) < 0) _exit(1);
      close(ends[1]);
      for (;;) pause();
    }
    close(ends[1]);
    char byte = 0;
    while (read(ends[0], &byte, 1) == 1) said_ += byte;
    close(ends[0]);
  }
  ~OtherDaemon() { Kill(); }
  OtherDaemon(const OtherDaemon&) = delete;
  OtherDaemon& operator=(const OtherDaemon&) = delete;

  const std::string& said() const { return said_; }
  void Kill() {
    if (child_ <= 0) return;
    kill(child_, SIGKILL);
    waitpid(child_, nullptr, 0);
    child_ = 0;
  }

 private:
  pid_t child_ = 0;
  std::string said_;
};

class DaemonsTest : public StoreFixture {};

TEST_F(DaemonsTest, EachHasAPlaceOfItsOwnAndPlacesAreUsedAgain) {
  absl::StatusOr<Lease> first = Lease::Take(path_), second = Lease::Take(path_);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->place(), 0);
  EXPECT_EQ(second->place(), 1);
  EXPECT_FALSE(Lease::TakePlace(path_, 0)->has_value());
  { const Lease ended = *std::move(first); }
  const absl::StatusOr<Lease> third = Lease::Take(path_);
  ASSERT_TRUE(third.ok());
  EXPECT_EQ(third->place(), 0);
  EXPECT_TRUE(Lease::TakePlace(path_, 5)->has_value());
}

TEST_F(DaemonsTest, RunsAreInterruptedWhenTheirDaemonStops) {
  auto first = Open();
  const auto second = Open();
  const std::string left = StartRun(*first), finished = StartRun(*first), others = StartRun(*second);
  ASSERT_TRUE(first->FinishRun(finished, "complete").ok());

  first.reset();

  EXPECT_EQ(StateOf(*second, left), "interrupted");
  EXPECT_EQ(StateOf(*second, finished), "complete");
  EXPECT_EQ(StateOf(*second, others), "running");
  EXPECT_EQ(second->AddResult(left, SmallResult(1)).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(DaemonsTest, RunsOfTheDeadAreInterruptedByWhoeverStartsNextAndNobodyElses) {
  OtherDaemon dying(path_, StartRun);
  ASSERT_NE(dying.said(), "");
  const auto living = Open();
  const std::string own = StartRun(*living);
  EXPECT_EQ(living->place(), 1);
  EXPECT_EQ(StateOf(*living, dying.said()), "running");

  dying.Kill();

  EXPECT_EQ(StateOf(*living, dying.said()), "running");  // Nobody has started yet.
  const auto next = Open();
  EXPECT_EQ(next->place(), 0);
  EXPECT_EQ(StateOf(*next, dying.said()), "interrupted");
  EXPECT_EQ(StateOf(*next, own), "running");
  EXPECT_TRUE(living->AddResult(own, SmallResult(1)).ok());
}

// The place of the dead is not the one that the next daemon takes.
TEST_F(DaemonsTest, RunsOfTheDeadAreInterruptedWhateverTheirPlace) {
  auto living = Open();
  OtherDaemon dying(path_, StartRun);
  ASSERT_NE(dying.said(), "");
  const std::string own = StartRun(*living);
  dying.Kill();
  living.reset();
  const auto next = Open();
  EXPECT_EQ(next->place(), 0);
  EXPECT_EQ(StateOf(*next, dying.said()), "interrupted");
  EXPECT_EQ(StateOf(*next, own), "interrupted");
}

TEST_F(DaemonsTest, PartsOfAResultGoWithTheDaemonThatWroteThem) {
  OtherDaemon dying(path_, [](RunStore& store) {
    const std::string run = StartRun(store);
    NewResult result = PrepareResult(*store.GetRunning(run), SmallResult(1, 70 * kSamplesPerBlock), 1);
    return store.StoreSome(result).ok() ? run : "";
  });
  ASSERT_NE(dying.said(), "");
  const auto count = [this] {
    const absl::StatusOr<Sqlite> database = Sqlite::Open(path_);
    Statement query(*database, "SELECT count(*) FROM sample_blocks");
    EXPECT_TRUE(query.Step().ok());
    return query.Int();
  };
  EXPECT_EQ(count(), 64);
  {
    const auto beside = Open();
    EXPECT_EQ(count(), 64);  // It may go on.
  }
  dying.Kill();
  const auto next = Open();
  EXPECT_EQ(count(), 0);
  EXPECT_EQ(next->GetRun(dying.said())->results_size(), 0);
}

}  // namespace
}  // namespace metronome::server
