#include "server/pages/documents/earlier_run.h"

#include <gmock/gmock.h>

namespace metronome::pages {
namespace {

v1::Run RunAt(int second, const std::string& host = "a", const std::string& state = "complete") {
  v1::Run run;
  run.set_run_id(std::to_string(second));
  run.set_started_unix_micros(second);
  run.set_mode("latency");
  run.set_state(state);
  run.mutable_server()->set_host(host);
  return run;
}

TEST(EarlierRunTest, IsTheNewestOfTheSameMachineThatWasFinished) {
  v1::ListRunsResponse runs;
  for (const v1::Run& run : {RunAt(9), RunAt(7, "a", "interrupted"), RunAt(6, "b"), RunAt(5), RunAt(4)})
    *runs.add_runs() = run;

  EXPECT_EQ(EarlierRun(RunAt(8), runs), "5");
}

TEST(EarlierRunTest, OfAnotherModeIsNone) {
  v1::ListRunsResponse runs;
  *runs.add_runs() = RunAt(5);
  v1::Run scaling = RunAt(8);
  scaling.set_mode("scaling");

  EXPECT_EQ(EarlierRun(scaling, runs), "");
}

}  // namespace
}  // namespace metronome::pages
