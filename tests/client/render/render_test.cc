#include "absl/strings/str_replace.h"
#include "client/commands/exit_code.h"
#include "client/render/format.h"
#include "client/render/results.h"
#include "client/render/table.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

v1::Run ExampleRun() {
  v1::Run run;
  run.set_run_id("r1");
  v1::BenchmarkResult& good = *run.add_results();
  good.set_outcome("ok");
  good.mutable_spec()->set_model("llama-x");
  good.mutable_spec()->set_path("compiled");
  good.mutable_spec()->set_dtype("bfloat16");
  good.mutable_spec()->set_decode_tokens(5);
  good.set_prompt_tokens(21);
  good.set_weight_bytes(2471628800);
  for (v1::Statistics* statistics : {good.mutable_ttft_ms(), good.mutable_tpot_ms()}) {
    statistics->set_n(3);
    statistics->set_median(50);
    statistics->set_mean(50);
    statistics->set_stddev(5);
  }
  good.set_bandwidth_bytes_per_second(4e10);
  good.set_bandwidth_fraction(0.756);
  v1::BenchmarkResult& skipped = *run.add_results();
  skipped.set_outcome("skipped");
  skipped.mutable_spec()->set_model("huge");
  skipped.set_error_kind("RESOURCE_EXHAUSTED");
  skipped.set_error_text("weights need 61064245248 bytes");
  skipped.set_bytes_needed(61064245248);
  skipped.set_bytes_available(24000000000);
  return run;
}

TEST(RenderTest, TableShowsMediansAndWhyModelsWereSkipped) {
  EXPECT_THAT(RenderRun(ExampleRun(), OutputFormat::kTable),
              AllOf(HasSubstr("llama-x"), HasSubstr("50.0 ms ±5.00 ms"), HasSubstr("76%"), HasSubstr("2.47 GB"),
                    HasSubstr("huge was skipped: weights need 61064245248 bytes (needs 61.1 GB, 24.0 GB available)")));
}

// The note says by how much; the share itself says that it is a guess.
TEST(RenderTest, SharesOfABandwidthThatMovedAreMarked) {
  v1::Run run = ExampleRun();
  run.mutable_results(0)->set_bandwidth_before_bytes_per_second(4.2e10);
  run.mutable_results(0)->set_bandwidth_after_bytes_per_second(4.5e10);
  EXPECT_THAT(RenderRun(run, OutputFormat::kTable), Not(HasSubstr("~76%")));
  run.mutable_results(0)->set_bandwidth_after_bytes_per_second(4.9e10);
  EXPECT_THAT(RenderRun(run, OutputFormat::kTable), AllOf(HasSubstr("~76%"), HasSubstr("~: that moved")));
  run.mutable_results(0)->set_bandwidth_before_bytes_per_second(0);
  EXPECT_THAT(RenderRun(run, OutputFormat::kTable), Not(HasSubstr("~76%")));
}

TEST(RenderTest, MarkdownHasARowForEachTest) {
  EXPECT_THAT(RenderRun(ExampleRun(), OutputFormat::kMarkdown),
              AllOf(HasSubstr("| model | size |"), HasSubstr("| pp21 | 420.00 ± 42.00 |"),
                    HasSubstr("| tg5 @ d21 | 20.00 ± 2.00 |")));
}

TEST(RenderTest, ResultsOfTheFirstLayersAreLabelledEverywhere) {
  v1::Run run = ExampleRun();
  for (v1::BenchmarkResult& result : *run.mutable_results()) result.mutable_spec()->set_layers(8);
  run.mutable_results(0)->set_model_layers(32);
  for (const OutputFormat format : {OutputFormat::kTable, OutputFormat::kMarkdown}) {
    const std::string text = RenderRun(run, format);
    EXPECT_THAT(text, AllOf(HasSubstr("llama-x [8 of 32 layers]"), HasSubstr("huge [first 8 layers]")));
    EXPECT_EQ(absl::StrReplaceAll(text, {{"llama-x [", ""}}).find("llama-x"), std::string::npos);
  }
  EXPECT_THAT(RenderRun(run, OutputFormat::kJson),
              AllOf(HasSubstr("\"layers\": 8"), HasSubstr("\"model_layers\": 32")));
  run.mutable_results(0)->mutable_spec()->set_layers(32);
  EXPECT_THAT(RenderRun(run, OutputFormat::kTable), Not(HasSubstr("llama-x [")));
}

TEST(RenderTest, ExternalResultsAreLabelledAndClaimNothingOfTheDaemons) {
  v1::Run run = ExampleRun();
  run.mutable_server()->set_gpu_name("H-1");
  v1::BenchmarkResult& peer = *run.add_results() = run.results(0);
  peer.set_provenance("external");
  peer.mutable_spec()->set_path("hf_eager");
  peer.clear_bandwidth_bytes_per_second();
  peer.clear_bandwidth_fraction();
  peer.clear_weight_bytes();
  peer.mutable_tpot_ms()->Clear();
  peer.mutable_ttft_ms()->set_median(77);
  peer.mutable_ttft_ms()->set_n(0);  // The median alone.
  peer.set_note("torch 9 on a G-2");
  *run.add_results() = peer;

  const std::string table = RenderRun(run, OutputFormat::kTable), markdown = RenderRun(run, OutputFormat::kMarkdown);
  EXPECT_THAT(table,
              AllOf(HasSubstr("llama-x  compiled "), HasSubstr("llama-x  hf_eager (external) "), HasSubstr("77.0 ms  "),
                    HasSubstr("76%"), HasSubstr("(40.0 GB/s here)"), Not(HasSubstr(" 0%"))));
  EXPECT_THAT(table, testing::EndsWith("taken by their programs.\nhf_eager (external): torch 9 on a G-2\n"));
  EXPECT_THAT(markdown, AllOf(HasSubstr("| H-1 | compiled |"), Not(HasSubstr("| H-1 | hf_eager"))));
  run.mutable_results()->DeleteSubrange(0, 2);
  EXPECT_THAT(RenderRun(run, OutputFormat::kTable), Not(HasSubstr("inside the daemon")));
}

v1::BenchmarkResult ScalingResult(const std::string& path, std::vector<std::pair<int64_t, double>> steps) {
  v1::BenchmarkResult result;
  result.set_outcome("ok");
  result.mutable_spec()->set_model("llama-x");
  result.mutable_spec()->set_path(path);
  result.mutable_spec()->set_dtype("bfloat16");
  result.set_bandwidth_bytes_per_second(1e10);
  result.set_weights_provenance("synthetic:0");
  for (const auto& [position, ms] : steps) {
    v1::PositionResult& at = *result.add_positions();
    at.set_position(position);
    at.set_step_bytes(100'000'000 + position * 10'000);
    at.mutable_step_ms()->set_n(3);
    at.mutable_step_ms()->set_median(ms);
    at.mutable_step_ms()->set_mean(ms);
    at.mutable_step_ms()->set_stddev(0.5);
  }
  return result;
}

TEST(RenderScalingTest, PathsShareATableWithRatios) {
  v1::Run run;
  *run.add_results() = ScalingResult("compiled", {{1, 20}, {1024, 22}, {2047, 24}});
  *run.add_results() = ScalingResult("graph", {{1, 10}, {1024, 33}});
  *run.add_results() = ScalingResult("graph", {{1, 5}});
  run.mutable_results(2)->mutable_spec()->set_layers(2);
  const std::string text = RenderRun(run, OutputFormat::kTable);
  EXPECT_THAT(text,
              AllOf(HasSubstr("x compiled"), HasSubstr("22.0 ms ±0.500 ms"), HasSubstr("1.50"), HasSubstr("50%")));
  // (24 - 20) ms for 2046 * 10 kB, which take 2.046 ms to read.
  EXPECT_THAT(text, HasSubstr("compiled: position 2047 costs 4.00 ms more than position 1, for 20.5 MB more of cache: "
                              "1.96x a plain read of that"));
  EXPECT_THAT(text, HasSubstr("\nllama-x [first 2 layers], bfloat16"));  // In a table of its own.
  EXPECT_THAT(text, Not(HasSubstr("TTFT")));
  EXPECT_THAT(RenderRun(run, OutputFormat::kMarkdown), HasSubstr("| tg1 @ d1024 | 45.45 ± 1.03 |"));

  run.mutable_results(1)->set_provenance("external");
  run.mutable_results(1)->clear_bandwidth_bytes_per_second();
  const std::string external = RenderRun(run, OutputFormat::kTable);
  EXPECT_THAT(external,
              AllOf(HasSubstr("graph (external) step"), HasSubstr("\ngraph (external): position 1024 costs")));
  EXPECT_THAT(external, Not(HasSubstr(" 0%")));
}

TEST(RenderTest, JsonKeepsFieldNamesAndNumbers) {
  EXPECT_THAT(RenderRun(ExampleRun(), OutputFormat::kJson),
              AllOf(HasSubstr("\"run_id\": \"r1\""), HasSubstr("\"median\": 50"),
                    HasSubstr("\"bytes_needed\": \"61064245248\"")));
}

TEST(RenderTest, ColumnsLineUpWhateverTheCharacters) {
  Table table({{"a", Align::kLeft}, {"b", Align::kRight}});
  table.AddRow({"±±", "1"});
  table.AddRow({"x", "100"});
  EXPECT_EQ(table.ToText(), "a     b\n--  ---\n±±    1\nx   100\n");
  EXPECT_EQ(table.ToMarkdown(), "| a | b |\n| --- | ---: |\n| ±± | 1 |\n| x | 100 |\n");
}

TEST(RenderTest, MarkdownCellsCannotBreakTheTable) {
  Table table({{"a", Align::kLeft}});
  table.AddRow({"x|y\nz"});
  EXPECT_THAT(table.ToMarkdown(), AllOf(HasSubstr("x\\|y z"), Not(HasSubstr("y\nz"))));
}

TEST(FormatTest, NumbersAsPeopleReadThem) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(16060522496), "16.1 GB");
  EXPECT_EQ(FormatBytes(5000000000000), "5.00 TB");
  EXPECT_EQ(FormatMilliseconds(0.1234), "0.123 ms");
  EXPECT_EQ(FormatMilliseconds(45.67), "45.7 ms");
  EXPECT_EQ(FormatMilliseconds(1234), "1.23 s");
  EXPECT_EQ(FormatTime(0), "-");
  EXPECT_EQ(FormatTime(1000000), "1970-01-01 00:00:01");
}

TEST(ExitCodeTest, SaysWhatScriptsNeedToKnow) {
  EXPECT_EQ(ToExitCode(absl::OkStatus()), ExitCode::kOk);
  EXPECT_EQ(ToExitCode(absl::UnavailableError("")), ExitCode::kUnreachable);
  EXPECT_EQ(ToExitCode(absl::InvalidArgumentError("")), ExitCode::kUsage);
  EXPECT_EQ(ToExitCode(absl::NotFoundError("")), ExitCode::kFailed);
  EXPECT_EQ(ParseOutputFormat("xml").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace metronome::client
