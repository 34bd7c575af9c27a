#include "server/benchmark/foreign_load.h"

#include <sys/wait.h>
#include <unistd.h>

#include <ctime>
#include <thread>

#include "gtest/gtest.h"

namespace metronome::server {
namespace {

TEST(ParseMachineCpuTimeTest, CountsEverythingButIdleAsBusy) {
  // user nice system idle iowait irq softirq steal guest guest_nice
  const auto time = ParseMachineCpuTime("cpu  100 20 30 4000 500 6 7 8 90 1\ncpu0 1 2 3 4 5 6 7 8 9 10\n");
  ASSERT_TRUE(time.has_value());
  EXPECT_EQ(time->busy_ticks, 100 + 20 + 30 + 6 + 7 + 8);
  EXPECT_EQ(time->total_ticks, 100 + 20 + 30 + 4000 + 500 + 6 + 7 + 8);
}

TEST(ParseMachineCpuTimeTest, RejectsWhatIsNotProcStat) {
  EXPECT_FALSE(ParseMachineCpuTime("").has_value());
  EXPECT_FALSE(ParseMachineCpuTime("cpu 1 2 3").has_value());
  EXPECT_FALSE(ParseMachineCpuTime("cpu 1 2 3 x 5 6 7 8").has_value());
  EXPECT_FALSE(ParseMachineCpuTime("intr 1 2 3 4 5 6 7 8 9").has_value());
}

TEST(ForeignLoadProbeTest, SaysNothingOfAnInstant) { EXPECT_FALSE(ForeignLoadProbe().Fraction().has_value()); }

TEST(ForeignLoadProbeTest, SeesAnotherProcessAtWork) {
  const ForeignLoadProbe probe;
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    while (clock() < CLOCKS_PER_SEC * 6 / 10) {  // 0.6 s of CPU time.
    }
    _exit(0);
  }
  ASSERT_EQ(waitpid(child, nullptr, 0), child);

  const std::optional<double> fraction = probe.Fraction();

  if (!fraction.has_value()) GTEST_SKIP() << "/proc/stat does not tell here";
  // The child alone kept one CPU busy; half of that leaves room for the coarseness of ticks.
  EXPECT_GT(*fraction, 0.5 / std::thread::hardware_concurrency());
}

}  // namespace
}  // namespace metronome::server
