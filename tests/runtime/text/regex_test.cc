#include "runtime/text/encoding/regex.h"

#include "gmock/gmock.h"
#include "runtime/text/encoding/regex_syntax.h"

namespace metronome::text {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> Matches(const std::string& pattern, const std::string& text) {
  const auto regex = Regex::Compile(pattern);
  EXPECT_TRUE(regex.ok()) << regex.status();
  std::vector<TextSpan> spans;
  const absl::Status status = regex->FindAll(text, spans);
  EXPECT_TRUE(status.ok()) << status;
  std::vector<std::string> matches;
  for (const auto& [begin, end] : spans) matches.push_back(text.substr(begin, end - begin));
  return matches;
}

TEST(RegexTest, FindsMatchesLeftToRight) {
  EXPECT_THAT(Matches(R"(\p{L}+|\d{1,3})", "ab12345\xC3\xA9-"), ElementsAre("ab", "123", "45", "\xC3\xA9"));
}

// As Oniguruma's iterator does.
TEST(RegexTest, AnEmptyMatchCountsUnlessItFollowsAMatch) {
  EXPECT_THAT(Matches("a*",
                      "\xC3\xA9"
                      "aa\xF0\x9F\x99\x82"
                      "a"),
              ElementsAre("", "aa", "a"));
  EXPECT_THAT(Matches("(?=a)", "aaa"), ElementsAre("", "", ""));
  EXPECT_THAT(Matches("$", "a"), ElementsAre(""));
  EXPECT_THAT(Matches("a*", ""), ElementsAre());
}

// U+180E is no white space for Unicode but is for PCRE2's own \s; U+0085 and U+00A0 are.
TEST(RegexTest, SpaceIsUnicodeWhiteSpace) {
  EXPECT_THAT(Matches(R"(\s+)",
                      "a\xE1\xA0\x8E"
                      "b\xC2\x85\xC2\xA0\xE3\x80\x80 c\xE2\x80\x8B"),
              ElementsAre("\xC2\x85\xC2\xA0\xE3\x80\x80 "));
  EXPECT_THAT(Matches(R"([^\s]+)", "\xE1\xA0\x8E a"), ElementsAre("\xE1\xA0\x8E", "a"));
}

TEST(RegexTest, WordsHaveMarksAndFractionsOutsideClasses) {
  EXPECT_THAT(Matches(R"(\w+)",
                      "e\xCC\x81_\xC2\xBD"
                      "9"),
              ElementsAre("e\xCC\x81_\xC2\xBD"
                          "9"));
  EXPECT_THAT(Matches(R"([\w]+)", "\xC2\xBD\xE2\x85\xA7\xE2\x92\xB6"), ElementsAre("\xE2\x85\xA7\xE2\x92\xB6"));
  EXPECT_THAT(Matches(R"([\w-]+)", "a-b c"), ElementsAre("a-b", "c"));
  EXPECT_THAT(Matches(R"(\W+)",
                      "a-\xC2\xBD"
                      "b"),
              ElementsAre("-"));
}

// U+30FC, the prolonged sound mark, is of script Common, though Hiragana and Katakana are in its extensions.
TEST(RegexTest, ScriptsComeWithoutTheirExtensions) {
  EXPECT_THAT(Matches(R"(\p{Hiragana}+)", "\xE3\x81\x82\xE3\x83\xBC\xE3\x81\x84"),
              ElementsAre("\xE3\x81\x82", "\xE3\x81\x84"));
  EXPECT_THAT(Matches(R"(\P{Han}+)",
                      "a\xE6\xA8\xA1"
                      "b"),
              ElementsAre("a", "b"));
}

TEST(RegexTest, CaseFoldsBeyondAscii) {
  EXPECT_THAT(Matches("(?i:'s)", "'S '\xC5\xBF"), ElementsAre("'S", "'\xC5\xBF"));
}

TEST(RegexTest, AnchorsMatchAtLinesAsInOniguruma) { EXPECT_THAT(Matches("^a$", "a\nb\na"), ElementsAre("a", "a")); }

TEST(RegexTest, BadPatternsNameTheOffset) {
  for (const char* pattern : {"(", "[a", "a{2,1}", "*", R"(\p{Nonsense})", "\\", "(?:"}) {
    const absl::Status status = Regex::Compile(pattern).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << pattern << ": " << status;
    EXPECT_THAT(status.message(), HasSubstr("regex offset ")) << pattern;
  }
}

TEST(RegexTest, WhatPcre2WouldReadDifferentlyIsUnimplemented) {
  for (const char* pattern : {"[a[bc]]", "[a&&b]", R"(a\b)", R"(\1(a))", R"(\h)", R"(\R)", "(?m:a)", "(?<n>a)",
                              "(*ACCEPT)", "[[:alpha:]]", "a{2}+", "a{1,2}?", "a{,2}", R"([\W])", R"(\pL)", R"(\Ga)"}) {
    const absl::Status status = Regex::Compile(pattern).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << pattern << ": " << status;
  }
}

TEST(RegexTest, RunawayMatchesAreStopped) {
  const auto regex = Regex::Compile("(a+)+[bc]");
  ASSERT_TRUE(regex.ok());
  std::vector<TextSpan> spans;
  EXPECT_EQ(regex->FindAll(std::string(60, 'a'), spans).code(), absl::StatusCode::kResourceExhausted);
}

TEST(RegexSyntaxTest, LeavesTheFamiliesPatternsAloneButForSpaces) {
  EXPECT_EQ(*OnigurumaToPcre2(R"((?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*)"),
            R"((?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\p{wspace}\p{L}\p{N}]+[\r\n]*)");
}

TEST(RegexSyntaxTest, AClosingBracketThatComesFirstIsLiteral) {
  EXPECT_THAT(Matches("[]a]+", "x]a]"), ElementsAre("]a]"));
  EXPECT_THAT(Matches("[^]a]+", "x]a]"), ElementsAre("x"));
}

}  // namespace
}  // namespace metronome::text
