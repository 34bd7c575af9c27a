#include "server/access/token_file.h"

#include <sys/stat.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/temp_directory.h"

namespace metronome::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Line(const std::string& name, const std::string& token) {
  return absl::StrCat(FormatTokenEntry({.name = name, .roles = Role::kRead, .hash = HashToken(token)}), "\n");
}

class TokenFileTest : public testing::Test {
 protected:
  absl::StatusOr<TokenSet> Read(const std::string& content, mode_t mode = 0600) {
    const std::string path = directory_.Write("tokens", content);
    chmod(path.c_str(), mode);
    return ReadTokenFile(path);
  }
  std::string Error(const std::string& content, mode_t mode = 0600) {
    return std::string(Read(content, mode).status().message());
  }

  const TempDirectory directory_;
};

TEST_F(TokenFileTest, FindsTheTokenAndNoOther) {
  const absl::StatusOr<TokenSet> tokens =
      Read(absl::StrCat("# people\n\n", Line("ann", "a"), "  ", Line("bob", "b"), "\t\r\n", Line("eve", "e")));

  ASSERT_TRUE(tokens.ok()) << tokens.status();
  EXPECT_EQ(tokens->size(), 3u);
  EXPECT_EQ(tokens->Find("a")->name, "ann");
  EXPECT_EQ(tokens->Find("b")->name, "bob");
  EXPECT_EQ(tokens->Find("e")->name, "eve");
  for (const char* other : {"", "A", "a ", "aa", "ann"}) EXPECT_EQ(tokens->Find(other), nullptr) << other;
}

TEST_F(TokenFileTest, MistakesAreNamedWithTheirLineAndNotQuoted) {
  const std::string good = Line("ann", "a");
  EXPECT_THAT(Error(good + "# x\nbob read\n"), HasSubstr("tokens:3: "));
  EXPECT_THAT(Error(good + "bob secretrole " + std::string(64, '0')), HasSubstr("tokens:2: "));
  EXPECT_THAT(Error(good + "bob read secret"), testing::AllOf(HasSubstr("tokens:2: "), Not(HasSubstr("secret"))));
  EXPECT_THAT(Error(good + Line("ann", "b")), HasSubstr("tokens:2: an earlier line has the same name"));
  EXPECT_THAT(Error(good + Line("bob", "a")), HasSubstr("tokens:2: an earlier line has the same hash"));
  EXPECT_THAT(Error(std::string("ann read \0", 10) + std::string(64, '0')), HasSubstr("tokens:1: "));
}

TEST_F(TokenFileTest, AFileWithoutTokensIsAMistake) {
  EXPECT_THAT(Error(""), HasSubstr("has no token"));
  EXPECT_THAT(Error("# ann\n\n"), HasSubstr("has no token"));
}

TEST_F(TokenFileTest, TooManyTokensAreRefused) {
  std::string content;
  for (int i = 0; i < 1024; ++i) content += Line(absl::StrCat("n", i), absl::StrCat("t", i));
  EXPECT_TRUE(Read(content).ok());
  EXPECT_THAT(Error(content + Line("more", "more")), HasSubstr("tokens:1025: more than 1024 tokens"));
  EXPECT_FALSE(Read(std::string((1 << 20) + 1, '#')).ok());
}

TEST_F(TokenFileTest, AFileThatOthersReachIsRefused) {
  for (const mode_t mode : {0604, 0602, 0601, 0620, 0666, 0644})
    EXPECT_TRUE(absl::IsPermissionDenied(Read(Line("ann", "a"), mode).status())) << mode;
  for (const mode_t mode : {0600, 0400, 0640, 0440}) EXPECT_TRUE(Read(Line("ann", "a"), mode).ok()) << mode;
}

TEST_F(TokenFileTest, WhatIsNoFileIsRefused) {
  EXPECT_TRUE(absl::IsNotFound(ReadTokenFile(directory_.File("none")).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadTokenFile("/dev/zero").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(ReadTokenFile(directory_.path()).status()));
}

}  // namespace
}  // namespace metronome::server
