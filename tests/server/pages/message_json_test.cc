#include "server/pages/message_json.h"

#include <gmock/gmock.h>

#include <limits>

#include "metronome/v1/benchmark.pb.h"
#include "metronome/v1/inference.pb.h"

namespace metronome::pages {
namespace {

using Json = nlohmann::json;

TEST(MessageJsonTest, HasTheFieldsThatAreSetUnderTheirNames) {
  v1::BenchmarkResult result;
  result.set_result_id(7);
  result.mutable_spec()->set_model("llama");
  result.mutable_spec()->set_streamed(true);
  result.mutable_ttft_ms()->set_median(1.25);
  result.add_positions()->set_position(4);

  EXPECT_EQ(MessageJson(result), Json::parse(R"({"result_id": 7, "spec": {"model": "llama", "streamed": true},
                                                 "ttft_ms": {"median": 1.25}, "positions": [{"position": 4}]})"));
}

TEST(MessageJsonTest, NumbersThatADoubleDoesNotHoldAreText) {
  v1::BenchmarkResult result;
  result.set_weight_bytes((int64_t{1} << 53) + 1);
  result.mutable_spec()->set_seed(std::numeric_limits<uint64_t>::max());

  const Json json = MessageJson(result);

  EXPECT_EQ(json["weight_bytes"], "9007199254740993");
  EXPECT_EQ(json["spec"]["seed"], "18446744073709551615");
}

TEST(MessageJsonTest, WhatIsNotFiniteIsNull) {
  v1::BenchmarkResult result;
  result.set_compile_ms(std::numeric_limits<double>::quiet_NaN());

  EXPECT_TRUE(MessageJson(result)["compile_ms"].is_null());
}

TEST(MessageJsonTest, MapsAreObjects) {
  v1::ExplainResponse response;
  (*response.mutable_rules_fired())["linear"] = 3;
  (*response.mutable_rules_fired())["never"] = 0;

  EXPECT_EQ(MessageJson(response)["rules_fired"], Json::parse(R"({"linear": 3, "never": 0})"));
}

TEST(MessageJsonTest, LongTextsAreCutWhereACharacterBegins) {
  v1::BenchmarkResult result;
  std::string prompt(kMaxPromptBytes - 1, 'x');
  prompt += "\xc3\xa9";  // An e with an accent, of which the limit would take half.
  result.mutable_spec()->set_prompt(prompt + std::string(1 << 20, 'y'));

  const std::string cut = MessageJson(result)["spec"]["prompt"];

  EXPECT_EQ(cut, std::string(kMaxPromptBytes - 1, 'x') + "... (1050625 bytes)");
}

TEST(MessageJsonTest, BytesThatAreNotTextAreReplaced) { EXPECT_EQ(Dump(Json("a\xff")), "\"a\xef\xbf\xbd\""); }

}  // namespace
}  // namespace metronome::pages
