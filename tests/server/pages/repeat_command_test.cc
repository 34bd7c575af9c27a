#include "server/pages/repeat_command.h"

#include <gmock/gmock.h>

namespace metronome::pages {
namespace {

TEST(RepeatCommandTest, AsksForWhatWasAskedFor) {
  v1::BenchmarkResult result;
  v1::BenchmarkSpec& spec = *result.mutable_spec();
  spec.set_model("llama-3.2-1b");
  spec.set_path("graph");
  spec.set_dtype("bfloat16");
  spec.set_prompt_tokens(64);
  spec.set_iters(10);
  spec.set_warmups(2);
  spec.set_decode_tokens(50);
  spec.set_search_iterations(100);
  spec.set_seed(3);
  spec.mutable_sampling()->set_temperature(0.8);
  spec.set_streamed(true);

  EXPECT_EQ(RepeatCommand(result),
            "bench-client run --models llama-3.2-1b --paths graph --dtype bfloat16 --prompt-tokens 64 --iters 10 "
            "--warmups 2 --decode-tokens 50 --search-iterations 100 --seed 3 --temperature 0.8 --streamed");
}

TEST(RepeatCommandTest, ScalingHasNeitherWarmupsNorTokens) {
  v1::BenchmarkResult result;
  result.mutable_spec()->set_model("m");
  result.mutable_spec()->set_scenario("scaling");
  result.mutable_spec()->set_warmups(1);
  result.mutable_spec()->set_decode_tokens(5);
  result.mutable_spec()->set_max_cache_len(4096);

  EXPECT_EQ(RepeatCommand(result), "bench-client run --models m --scaling --max-cache-len 4096");
}

TEST(RepeatCommandTest, AnotherProgramsResultHasNone) {
  v1::BenchmarkResult result;
  result.set_provenance("external");

  EXPECT_EQ(RepeatCommand(result), "");
}

TEST(ShellWordTest, QuotesWhatAShellWouldRead) {
  EXPECT_EQ(ShellWord("org/name@main"), "org/name@main");
  EXPECT_EQ(ShellWord("a b"), "'a b'");
  EXPECT_EQ(ShellWord("it's $HOME; rm"), "'it'\\''s $HOME; rm'");
  EXPECT_EQ(ShellWord("--flag"), "'--flag'");
  EXPECT_EQ(ShellWord(""), "''");
}

}  // namespace
}  // namespace metronome::pages
