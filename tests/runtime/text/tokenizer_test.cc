#include "runtime/text/tokenizer/tokenizer.h"

#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/runtime/text/fixtures.h"

namespace metronome::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class GoldenTokenizerTest : public ::testing::TestWithParam<std::string> {
 protected:
  const std::unique_ptr<Tokenizer> tokenizer_ = LoadFixture(GetParam());
  const nlohmann::json cases_ = ReadJsonFixture(GetParam() + "/cases.json");
  const std::vector<std::string> texts_ = ReadJsonFixture("texts.json").get<std::vector<std::string>>();
};

TEST_P(GoldenTokenizerTest, EncodesExactlyAsHuggingFace) {
  ASSERT_NE(tokenizer_, nullptr);
  ASSERT_EQ(cases_["plain"].size(), texts_.size());
  ASSERT_GE(texts_.size(), 300u);
  for (size_t i = 0; i < texts_.size(); ++i) {
    const auto ids = tokenizer_->Encode(texts_[i], /*add_special_tokens=*/false);
    ASSERT_TRUE(ids.ok()) << ids.status();
    EXPECT_EQ(*ids, cases_["plain"][i].get<Ids>()) << "text " << i << ": " << nlohmann::json(texts_[i]);
  }
}

TEST_P(GoldenTokenizerTest, AddsSpecialTokensExactlyAsHuggingFace) {
  ASSERT_NE(tokenizer_, nullptr);
  for (size_t i = 0; i < cases_["special"].size(); ++i) {
    const auto ids = tokenizer_->Encode(texts_[i], /*add_special_tokens=*/true);
    ASSERT_TRUE(ids.ok()) << ids.status();
    EXPECT_EQ(*ids, cases_["special"][i].get<Ids>()) << "text " << i << ": " << nlohmann::json(texts_[i]);
  }
}

TEST_P(GoldenTokenizerTest, DecodesExactlyAsHuggingFace) {
  ASSERT_NE(tokenizer_, nullptr);
  for (const auto& test : cases_["decode"]) {
    const auto ids = test["ids"].get<Ids>();
    EXPECT_EQ(tokenizer_->Decode(ids, /*skip_special_tokens=*/false), test["text"]) << test["ids"];
    EXPECT_EQ(tokenizer_->Decode(ids, /*skip_special_tokens=*/true), test["skipped"]) << test["ids"];
  }
}

TEST_P(GoldenTokenizerTest, StreamedPiecesAddUpToTheWholeText) {
  ASSERT_NE(tokenizer_, nullptr);
  for (const auto& test : cases_["decode"]) {
    TokenStream stream(*tokenizer_);
    std::string text;
    for (const int32_t id : test["ids"].get<Ids>()) text += stream.Push(id);
    text += stream.Finish();
    EXPECT_EQ(text, test["skipped"]) << test["ids"];
  }
}

INSTANTIATE_TEST_SUITE_P(Families, GoldenTokenizerTest, ::testing::ValuesIn(FixtureNames()),
                         [](const auto& info) { return info.param; });

// What a byte-level vocabulary without normalizer encodes it gives back.
TEST(TokenizerTest, ByteLevelRoundTripsAnyText) {
  const auto tokenizer = LoadFixture("llama3");
  for (const std::string& text : ReadJsonFixture("texts.json").get<std::vector<std::string>>()) {
    const auto ids = tokenizer->Encode(text, false);
    ASSERT_TRUE(ids.ok());
    EXPECT_EQ(tokenizer->Decode(*ids, false), text);
  }
}

// Gemma's merges run over the whole text; the naive quadratic algorithm would take minutes here.
TEST(TokenizerTest, MergesOneLongSegment) {
  const auto tokenizer = LoadFixture("gemma3");
  std::string text;
  for (int i = 0; text.size() < 400'000; ++i)
    absl::StrAppend(&text, "the model reads token ", i * 7919 % 1000, " and ");

  const auto ids = tokenizer->Encode(text, false);

  ASSERT_TRUE(ids.ok()) << ids.status();
  EXPECT_LT(ids->size(), text.size() / 2);
  EXPECT_EQ(tokenizer->Decode(*ids, false), text);
}

// Runs that make backtracking regexes scan again and again.
TEST(TokenizerTest, EncodesLongRunsOfOneCharacter) {
  const auto tokenizer = LoadFixture("llama3");
  for (const char* unit : {" ", "\n", "a", "7", "!", "\r\n", "\xC3\xA9"}) {
    std::string text;
    while (text.size() < 100'000) text += unit;
    const auto ids = tokenizer->Encode(text, false);
    ASSERT_TRUE(ids.ok()) << ids.status();
    EXPECT_EQ(tokenizer->Decode(*ids, false), text);
  }
}

TEST(TokenizerTest, RejectsTextThatIsNotUtf8NamingTheByte) {
  const auto tokenizer = LoadFixture("qwen");
  for (const char* text : {"ab\xFFz", "ab\xC3", "ab\xED\xA0\x80", "ab\xC0\xAF", "ab\xF5\x80\x80\x80"}) {
    const absl::Status status = tokenizer->Encode(text, false).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr("not UTF-8 at byte 2"));
  }
}

TEST(TokenizerTest, DecodeSkipsIdsThatDoNotExist) {
  const auto tokenizer = LoadFixture("qwen");
  const auto ids = tokenizer->Encode("hello", false);
  ASSERT_TRUE(ids.ok());
  Ids padded = {-1, INT32_MIN, INT32_MAX, static_cast<int32_t>(tokenizer->vocab_size())};
  padded.insert(padded.begin() + 2, ids->begin(), ids->end());
  EXPECT_EQ(tokenizer->Decode(padded, false), "hello");
}

TEST(TokenizerTest, VocabSizeIsOnePastTheLargestId) {
  EXPECT_EQ(LoadFixture("llama3")->vocab_size(), 1005);
  EXPECT_EQ(LoadFixture("qwen")->vocab_size(), 1007);
}

TEST(TokenizerTest, NoKeyOverrulesThePostProcessor) {
  const std::string json = ReadFixture("llama3/tokenizer.json"), bare = ReadFixture("gemma4/tokenizer.json");
  for (const char* name : {"PreTrainedTokenizerFast", "Qwen2Tokenizer", "GemmaTokenizer", "LlamaTokenizerFast"}) {
    for (const char* flag : {"true", "false"}) {
      const std::string config =
          absl::StrCat(R"({"add_bos_token": )", flag, R"(, "add_eos_token": )", flag,
                       R"(, "bos_token": "<bos>", "eos_token": null, "tokenizer_class": ")", name, "\"}");
      const auto adding = Tokenizer::FromJson(json, config), plain = Tokenizer::FromJson(bare, config);
      ASSERT_TRUE(adding.ok() && plain.ok()) << adding.status() << plain.status();
      EXPECT_THAT(*(*adding)->Encode("", true), ElementsAre(1000)) << config;
      EXPECT_THAT(*(*plain)->Encode("", true), ElementsAre()) << config;
    }
  }
}

TEST(TokenizerTest, EncodesFromSeveralThreads) {
  const auto tokenizer = LoadFixture("qwen");
  const std::string text = "don't stop 12345 \xE6\xA8\xA1\xE5\x9E\x8B\n\n  x";
  const Ids expected = *tokenizer->Encode(text, true);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) EXPECT_EQ(*tokenizer->Encode(text, true), expected);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace metronome::text
