#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/store/run_store.h"
#include "tests/temp_directory.h"

namespace metronome::server {
namespace {

// In a child: stores results and writes a byte to `acknowledge` after each, until killed.
[[noreturn]] void WriteForever(const std::string& path, int acknowledge) {
  const auto store = RunStore::Open(path, Clock::Real());
  if (!store.ok()) _exit(1);
  const auto run = (*store)->StartRun({}, {});
  if (!run.ok()) _exit(2);
  for (int i = 0;; ++i) {
    v1::BenchmarkResult result;
    result.set_provenance("server");
    result.set_outcome("ok");
    result.mutable_spec()->set_model(absl::StrCat(i));
    for (int s = 0; s < 50; ++s) result.add_samples()->set_metric("step_ms");
    if (!(*store)->AddResult(*run, result).ok()) _exit(3);
    if (write(acknowledge, "x", 1) != 1) _exit(4);
  }
}

TEST(CrashTest, AcknowledgedResultsSurviveKillAndTheRunIsInterrupted) {
  const TempDirectory directory;
  const std::string path = directory.File("runs.db");
  int pipe_ends[2];
  ASSERT_EQ(pipe(pipe_ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) WriteForever(path, pipe_ends[1]);
  close(pipe_ends[1]);

  constexpr int kBeforeTheKill = 37;
  int acknowledged = 0;
  char byte = 0;
  while (acknowledged < kBeforeTheKill && read(pipe_ends[0], &byte, 1) == 1) ++acknowledged;
  ASSERT_EQ(acknowledged, kBeforeTheKill);
  ASSERT_EQ(kill(child, SIGKILL), 0);
  while (read(pipe_ends[0], &byte, 1) == 1) ++acknowledged;  // Until the child is gone.
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));

  const auto store = RunStore::Open(path, Clock::Real());
  ASSERT_TRUE(store.ok()) << store.status();
  const auto runs = (*store)->ListRuns(10);
  ASSERT_TRUE(runs.ok());
  ASSERT_EQ(runs->runs_size(), 1);
  EXPECT_EQ(runs->runs(0).state(), "interrupted");
  const auto run = (*store)->GetRun(runs->runs(0).run_id());
  ASSERT_TRUE(run.ok());
  // All that were acknowledged, and at most the one that was not yet.
  EXPECT_GE(run->results_size(), acknowledged);
  EXPECT_LE(run->results_size(), acknowledged + 1);
  for (int i = 0; i < run->results_size(); ++i) {
    EXPECT_EQ(run->results(i).spec().model(), absl::StrCat(i));
    EXPECT_EQ((*store)->ListSamples(run->results(i).result_id(), 100)->samples_size(), 50);
  }
  close(pipe_ends[0]);
}

}  // namespace
}  // namespace metronome::server
