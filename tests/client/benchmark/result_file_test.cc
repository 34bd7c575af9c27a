#include "client/benchmark/result_file.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kResult[] =
    R"({"spec": {"model": "m", "path": "hf_eager"}, "outcome": "ok", "samples": [{"metric": "ttft_ms", "value": 1.25}]})";

void ExpectError(absl::string_view text, absl::string_view place, const std::string& reason) {
  const auto results = ReadResults(text, "f.json");
  EXPECT_EQ(results.status().code(), absl::StatusCode::kInvalidArgument) << text;
  EXPECT_THAT(std::string(results.status().message()),
              AllOf(StartsWith(absl::StrCat("f.json:", place, ": ")), HasSubstr(reason)));
}

TEST(ResultFileTest, ResultsFollowOneAnotherInAnyLayout) {
  const std::string text = absl::StrCat(kResult, "\n\n", kResult, kResult, "\r\n{\n  \"spec\": {\n  }\n}\n");
  const auto results = ReadResults(text, "f.json");
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_EQ(results->size(), 4u);
  EXPECT_EQ((*results)[0].place, "f.json:1");
  EXPECT_EQ((*results)[1].place, "f.json:3");
  EXPECT_EQ((*results)[2].place, "f.json:3");
  EXPECT_EQ((*results)[3].place, "f.json:4");
  EXPECT_EQ((*results)[2].result.spec().path(), "hf_eager");
  ASSERT_EQ((*results)[2].result.samples_size(), 1);
  EXPECT_EQ((*results)[2].result.samples(0).value(), 1.25);
}

TEST(ResultFileTest, BracketsInStringsAreText) {
  const auto results = ReadResults(R"({"note": "}]\"{[", "error_text": "\\"}{"note": "b"})", "f.json");
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_EQ(results->size(), 2u);
  EXPECT_EQ((*results)[0].result.note(), "}]\"{[");
  EXPECT_EQ((*results)[0].result.error_text(), "\\");
}

TEST(ResultFileTest, ARunGivesItsResultsWithANoteOfIt) {
  const std::string text =
      absl::StrCat("\n{\"run_id\": \"r7\", \"server\": {\"host\": \"h\", \"gpu_name\": \"G\"}, ", "\"results\": [",
                   kResult, ", {\"note\": \"n\", \"weight_bytes\": \"5000000000\"}]}");
  const auto results = ReadResults(text, "f.json");
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_EQ(results->size(), 2u);
  EXPECT_EQ((*results)[0].place, "f.json:2: results[0]");
  EXPECT_EQ((*results)[0].result.note(), "from run r7 on h, G");
  EXPECT_EQ((*results)[1].place, "f.json:2: results[1]");
  EXPECT_EQ((*results)[1].result.note(), "n; from run r7 on h, G");
  EXPECT_EQ((*results)[1].result.weight_bytes(), 5000000000);
}

TEST(ResultFileTest, ErrorsNameFileLineAndReason) {
  const std::string good = absl::StrCat(kResult, "\n");
  ExpectError("", "1", "there is no result");
  ExpectError(" \n\n", "3", "there is no result");
  ExpectError(R"({"results": []})", "1", "there is no result");
  ExpectError(good + "Traceback (most recent call last):", "2", "a JSON object");
  ExpectError("[" + good + "]", "1", "a JSON object");
  ExpectError(good + "{\"spec\": {\"model\": \"m\"\n", "3", "not JSON");  // Cut off.
  ExpectError(good + "{\n\"note\": \"cut", "3", "not JSON");              // In a string.
  ExpectError(good + "{\n\"load_ms\": 1,\n\"note\": nothing\n}\n" + good, "4", "not JSON: syntax error");
  ExpectError(good + "{\n\"load_ms\": NaN}", "3", "not JSON");
  ExpectError("{\"load_ms\": 1e999}", "1", "not JSON");
  ExpectError("{\"note\": \"\xff\"}", "1", "not JSON");
  ExpectError("{\"samples\": [}]", "1", "not JSON");
  ExpectError(good + std::string(33, '[').replace(0, 1, "{\"a\": "), "2", "deeper than 32");
  ExpectError(good + R"({"spec": {"modle": "m"}})", "2", "modle");
  ExpectError(good + R"({"spec": {"iters": "many"}})", "2", "iters");
  ExpectError(good + R"({"spec": {"iters": 1.5}})", "2", "iters");
  ExpectError(good + R"({"spec": []})", "2", "not a result");
  ExpectError(good + R"({"results": [{"spek": 1}]})", "2", "spek");
  ExpectError(good + R"({"results": 3})", "2", "not a result");
  ExpectError(good + R"({"peer": "bandwidth", "read_bytes_per_second": 1e9})", "2", "measurement of \"bandwidth\"");
}

TEST(ResultFileTest, ManyBracketsAreRefusedBeforeTheyAreParsed) {
  const std::string text = "{\"a\": " + std::string(1000000, '[');
  EXPECT_EQ(ReadResults(text, "f").status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace metronome::client
