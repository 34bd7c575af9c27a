#include <random>

#include "gmock/gmock.h"
#include "tests/runtime/text/fixtures.h"

namespace metronome::text {
namespace {

TEST(TokenStreamTest, HoldsUnfinishedCharactersBack) {
  const auto tokenizer = LoadFixture("qwen");
  // An emoji that the vocabulary has no token for: at least two ids.
  const auto ids = tokenizer->Encode("a\xF0\x9F\xA6\x96", false);
  ASSERT_TRUE(ids.ok());
  ASSERT_GT(ids->size(), 2u);

  TokenStream stream(*tokenizer);
  EXPECT_EQ(stream.Push(ids->front()), "a");
  for (size_t i = 1; i + 1 < ids->size(); ++i) EXPECT_EQ(stream.Push((*ids)[i]), "");
  EXPECT_EQ(stream.Push(ids->back()), "\xF0\x9F\xA6\x96");
  EXPECT_EQ(stream.Finish(), "");
}

TEST(TokenStreamTest, FinishGivesWhatStaysUnfinished) {
  const auto tokenizer = LoadFixture("qwen");
  const auto ids = tokenizer->Encode("\xF0\x9F\xA6\x96", false);
  TokenStream stream(*tokenizer);
  EXPECT_EQ(stream.Push(ids->front()), "");
  EXPECT_EQ(stream.Finish(), "\xEF\xBF\xBD");
}

TEST(TokenStreamTest, SpecialTokensGiveNoText) {
  const auto tokenizer = LoadFixture("qwen");
  const auto ids = tokenizer->Encode("<|im_end|>", false);
  ASSERT_EQ(ids->size(), 1u);
  TokenStream stream(*tokenizer);
  EXPECT_EQ(stream.Push(ids->front()), "");
  EXPECT_EQ(stream.Finish(), "");
}

TEST(TokenStreamTest, TheLeadingSpaceStripsOnceOnly) {
  const auto tokenizer = LoadFixture("legacy");
  const auto ids = tokenizer->Encode("the model the", false);
  TokenStream stream(*tokenizer);
  std::string text;
  for (const int32_t id : *ids) text += stream.Push(id);
  EXPECT_EQ(text + stream.Finish(), "the model the");
}

TEST(TokenStreamTest, RunsOfByteTokensWaitForTheirEnd) {
  const auto tokenizer = LoadFixture("gemma3");
  // A character that the vocabulary lacks is spelled in bytes.
  const auto ids = tokenizer->Encode("\xF0\x93\x80\x80", false);
  ASSERT_EQ(ids->size(), 4u);
  const auto after = tokenizer->Encode("a", false);
  TokenStream stream(*tokenizer);
  for (const int32_t id : *ids) EXPECT_EQ(stream.Push(id), "");
  EXPECT_EQ(stream.Push(after->front()),
            "\xF0\x93\x80\x80"
            "a");
}

// Random ids hit every state of every decoder, broken characters included.
TEST(TokenStreamTest, AnyIdsStreamToWhatDecodeGives) {
  std::mt19937 random(20241120);
  for (const std::string& name : FixtureNames()) {
    const auto tokenizer = LoadFixture(name);
    for (int round = 0; round < 300; ++round) {
      Ids ids(random() % 40);
      for (int32_t& id : ids) id = static_cast<int32_t>(random() % (tokenizer->vocab_size() + 3)) - 1;
      TokenStream stream(*tokenizer);
      std::string text;
      for (const int32_t id : ids) text += stream.Push(id);
      text += stream.Finish();
      ASSERT_EQ(text, tokenizer->Decode(ids, true)) << name << " " << ::testing::PrintToString(ids);
    }
  }
}

TEST(TokenStreamTest, StreamsMayBeMoved) {
  const auto tokenizer = LoadFixture("qwen");
  const auto ids = tokenizer->Encode("\xF0\x9F\xA6\x96", false);
  TokenStream first(*tokenizer);
  std::string text = first.Push(ids->front());
  TokenStream second = std::move(first);
  for (size_t i = 1; i < ids->size(); ++i) text += second.Push((*ids)[i]);
  EXPECT_EQ(text, "\xF0\x9F\xA6\x96");
}

}  // namespace
}  // namespace metronome::text
