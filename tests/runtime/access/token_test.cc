#include "runtime/access/token.h"

#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace metronome {
namespace {

// The hash of "abc": FIPS 180-2, appendix B.1.
constexpr char kHashOfAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(TokenTest, EveryNewTokenIsAnother) {
  std::set<std::string> tokens;
  for (int i = 0; i < 100; ++i) {
    const absl::StatusOr<std::string> token = NewToken();
    ASSERT_TRUE(token.ok()) << token.status();
    EXPECT_TRUE(absl::StartsWith(*token, "metronome_"));
    EXPECT_EQ(token->size(), 10u + 43u);  // 32 bytes in base64 without padding.
    tokens.insert(*token);
  }
  EXPECT_EQ(tokens.size(), 100u);
}

TEST(TokenTest, AnEntryIsReadAsItWasWritten) {
  const std::string line = absl::StrCat("ci read,benchmark ", kHashOfAbc);
  const absl::StatusOr<TokenEntry> entry = ParseTokenEntry(line);

  ASSERT_TRUE(entry.ok()) << entry.status();
  EXPECT_EQ(entry->name, "ci");
  EXPECT_EQ(entry->roles, Role::kRead | Role::kBenchmark);
  EXPECT_TRUE(SameHash(entry->hash, HashToken("abc")));
  EXPECT_EQ(FormatTokenEntry(*entry), line);
  EXPECT_TRUE(ParseTokenEntry(absl::StrCat("ci\tadmin  ", absl::AsciiStrToUpper(kHashOfAbc))).ok());
}

TEST(TokenTest, HashesThatDifferInAnyBitAreNotTheSame) {
  const TokenHash hash = HashToken("abc");
  for (size_t bit = 0; bit < 8 * hash.size(); ++bit) {
    TokenHash other = hash;
    other[bit / 8] ^= static_cast<uint8_t>(1u << (bit % 8));
    EXPECT_FALSE(SameHash(hash, other)) << bit;
  }
  EXPECT_TRUE(SameHash(hash, HashToken("abc")));
}

TEST(TokenTest, MalformedLinesAreRefusedWithoutQuotingThem) {
  const std::string hash = kHashOfAbc;
  const std::string secret = "metronome_secret";
  for (const std::string& line :
       {std::string(), std::string("ci"), absl::StrCat("ci ", hash), absl::StrCat("ci read ", hash, " more"),
        absl::StrCat("ci read ", hash.substr(1)), absl::StrCat("ci read ", hash, "0"),
        absl::StrCat("ci read ", hash.substr(1), "g"), absl::StrCat("ci root ", hash),
        absl::StrCat(secret, "! read ", hash), absl::StrCat("ci ", secret, " ", hash), absl::StrCat("ci read ", secret),
        absl::StrCat(std::string(65, 'n'), " read ", hash), absl::StrCat("na\xC3\xAFve read ", hash)}) {
    const absl::Status status = ParseTokenEntry(line).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << line;
    EXPECT_FALSE(absl::StrContains(status.message(), "secret")) << status;
  }
}

}  // namespace
}  // namespace metronome
