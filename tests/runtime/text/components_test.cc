// Single components of the pipeline against what HuggingFace tokenizers makes of the same configuration and input.

#include "gmock/gmock.h"
#include "runtime/text/stages/decoder.h"
#include "runtime/text/stages/normalizer.h"
#include "runtime/text/stages/pre_tokenizer.h"
#include "tests/runtime/text/fixtures.h"

namespace metronome::text {
namespace {

TEST(PreTokenizerTest, SplitsAsHuggingFace) {
  const nlohmann::json cases = ReadJsonFixture("components.json")["pre_tokenizers"];
  ASSERT_GT(cases.size(), 700u);
  for (const auto& test : cases) {
    const auto pre_tokenizer = PreTokenizer::Parse(JsonNode(test["config"], "pre_tokenizer"));
    ASSERT_TRUE(pre_tokenizer.ok()) << pre_tokenizer.status();
    const auto split = pre_tokenizer->Apply(test["text"].get<std::string>(), /*starts_text=*/true);
    ASSERT_TRUE(split.ok()) << split.status();
    std::vector<std::string> pieces;
    for (const auto& [begin, end] : split->pieces) pieces.push_back(split->text.substr(begin, end - begin));
    EXPECT_EQ(pieces, test["pieces"].get<std::vector<std::string>>()) << test;
  }
}

TEST(NormalizerTest, NormalizesAsHuggingFace) {
  const nlohmann::json cases = ReadJsonFixture("components.json")["normalizers"];
  ASSERT_GT(cases.size(), 400u);
  for (const auto& test : cases) {
    const auto normalizer = Normalizer::Parse(JsonNode(test["config"], "normalizer"));
    ASSERT_TRUE(normalizer.ok()) << normalizer.status();
    const auto normalized = normalizer->Apply(test["text"].get<std::string>());
    ASSERT_TRUE(normalized.ok()) << normalized.status();
    EXPECT_EQ(normalized->text, test["normalized"]) << test;
  }
}

TEST(DecoderTest, DecodesAsHuggingFace) {
  const nlohmann::json cases = ReadJsonFixture("components.json")["decoders"];
  ASSERT_GT(cases.size(), 250u);
  for (const auto& test : cases) {
    const auto decoder = Decoder::Parse(JsonNode(test["config"], "decoder"));
    ASSERT_TRUE(decoder.ok()) << decoder.status();
    DecodeRun run(*decoder);
    std::string text;
    for (const auto& token : test["tokens"]) run.Push(token.get<std::string>(), text);
    run.Finish(text);
    EXPECT_EQ(text, test["text"]) << test;
  }
}

TEST(NormalizerTest, RefusesTextThatGrowsWithoutBound) {
  // 40 doublings of one byte.
  nlohmann::json steps = nlohmann::json::array();
  for (int i = 0; i < 40; ++i)
    steps.push_back({{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}});
  const nlohmann::json config = {{"type", "Sequence"}, {"normalizers", steps}};
  const auto normalizer = Normalizer::Parse(JsonNode(config, "normalizer"));
  ASSERT_TRUE(normalizer.ok()) << normalizer.status();

  EXPECT_EQ(normalizer->Apply("a").status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(normalizer->Apply("b")->text, "b");
}

// A stage that would need the whole text at once must not pretend to stream.
TEST(DecoderTest, RefusesStagesThatNeedTheWholeText) {
  for (const char* last :
       {R"({"type":"ByteFallback"})", R"({"type":"ByteLevel"})", R"({"type":"WordPiece","prefix":"##","cleanup":true})",
        R"({"type":"Replace","pattern":{"String":"ab"},"content":"c"})",
        R"({"type":"Replace","pattern":{"Regex":"a"},"content":"c"})"}) {
    const nlohmann::json config = {{"type", "Sequence"},
                                   {"decoders", {{{"type", "Fuse"}}, nlohmann::json::parse(last)}}};
    EXPECT_EQ(Decoder::Parse(JsonNode(config, "decoder")).status().code(), absl::StatusCode::kUnimplemented) << last;
  }
}

}  // namespace
}  // namespace metronome::text
