#include "gmock/gmock.h"
#include "runtime/text/encoding/byte_alphabet.h"
#include "runtime/text/encoding/utf8.h"

namespace metronome::text {
namespace {

TEST(ByteAlphabetTest, EveryByteComesBack) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string bytes(1, static_cast<char>(byte));
    std::string text, back;
    AppendBytesAsAlphabet(bytes, text);
    EXPECT_TRUE(IsUtf8(text));
    EXPECT_EQ(Utf8CharacterSize(text), text.size()) << byte;
    AppendAlphabetAsBytes(text, back);
    EXPECT_EQ(back, bytes) << byte;
  }
}

TEST(ByteAlphabetTest, TextOutsideTheAlphabetStandsForItself) {
  std::string bytes = "x";
  AppendAlphabetAsBytes("a b", bytes);  // The space is U+0120 in the alphabet.
  AppendAlphabetAsBytes("\xC4\xA0\xE6\xA8\xA1", bytes);
  AppendAlphabetAsBytes("\xC5\x84", bytes);  // U+0144, the first character past the alphabet.
  EXPECT_EQ(bytes, "xa b\xC4\xA0\xE6\xA8\xA1\xC5\x84");
}

TEST(Utf8Test, FindsTheFirstBadByte) {
  EXPECT_EQ(Utf8ErrorOffset("abc"), 3u);
  EXPECT_EQ(Utf8ErrorOffset("\xC3\xA9\xC3"), 2u);
  EXPECT_EQ(Utf8ErrorOffset("a\x80"), 1u);
  EXPECT_EQ(Utf8ErrorOffset("\xF4\x90\x80\x80"), 0u);  // Past U+10FFFF.
  EXPECT_EQ(Utf8ErrorOffset(""), 0u);
}

TEST(Utf8Test, ReplacesMaximalParts) {
  EXPECT_EQ(ToUtf8Lossy("a\xF0\x9F\x99"
                        "b"),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(ToUtf8Lossy("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(ToUtf8Lossy("\xC0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Utf8Test, KnowsWhatMoreBytesCouldComplete) {
  EXPECT_EQ(UnfinishedUtf8Suffix("a"), 0u);
  EXPECT_EQ(UnfinishedUtf8Suffix("a\xC3"), 1u);
  EXPECT_EQ(UnfinishedUtf8Suffix("a\xF0\x9F\x99"), 3u);
  EXPECT_EQ(UnfinishedUtf8Suffix("\xF0\x9F\x99\x82"), 0u);
  EXPECT_EQ(UnfinishedUtf8Suffix("\xC3\xA9"), 0u);
  EXPECT_EQ(UnfinishedUtf8Suffix("\x80\x80\x80\x80"), 0u);
  EXPECT_EQ(UnfinishedUtf8Suffix("\xED\xA0"), 0u);  // A surrogate: nothing completes it.
  EXPECT_EQ(UnfinishedUtf8Suffix("\xE6\xA8"), 2u);
  EXPECT_EQ(UnfinishedUtf8Suffix(""), 0u);
}

}  // namespace
}  // namespace metronome::text
