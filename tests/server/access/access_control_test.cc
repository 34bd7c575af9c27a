#include "server/access/access_control.h"

#include <prometheus/text_serializer.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/access/captured_log.h"
#include "tests/server/fake_clock.h"

namespace metronome::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kDecode[] = "/metronome.v1.Inference/Decode";
constexpr char kUnload[] = "/metronome.v1.Inference/Unload";

TokenSet Tokens() {
  return TokenSet(std::vector<TokenEntry>{{.name = "ci", .roles = Role::kInfer, .hash = HashToken("ci-token")},
                                          {.name = "root", .roles = Role::kAdmin, .hash = HashToken("root-token")}});
}

class AccessControlTest : public testing::Test {
 protected:
  absl::Status Admit(absl::string_view path, const std::vector<absl::string_view>& headers) {
    return access_.Admit(path, headers);
  }
  std::string Exposed() { return prometheus::TextSerializer().Serialize(metrics_.registry().Collect()); }

  CapturedLog log_;
  FakeClock clock_;
  Metrics metrics_;
  AccessControl access_{metrics_, clock_};
};

TEST_F(AccessControlTest, WithoutTokensEverybodyMayDoEverything) {
  EXPECT_FALSE(access_.has_tokens());
  EXPECT_TRUE(Admit(kUnload, {}).ok());
  EXPECT_TRUE(Admit("/x/y", {"Bearer nonsense"}).ok());
}

TEST_F(AccessControlTest, ARoleOpensItsRpcsAndNoOthers) {
  access_.SetTokens(Tokens());

  EXPECT_TRUE(Admit(kDecode, {"Bearer ci-token"}).ok());
  EXPECT_TRUE(Admit(kDecode, {"bearer  ci-token"}).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(Admit(kUnload, {"Bearer ci-token"})));
  EXPECT_TRUE(absl::IsPermissionDenied(Admit("/x/y", {"Bearer ci-token"})));
  EXPECT_TRUE(Admit(kDecode, {"Bearer root-token"}).ok());
  EXPECT_TRUE(Admit(kUnload, {"Bearer root-token"}).ok());
}

TEST_F(AccessControlTest, AnythingButOneValidTokenIsUnauthenticated) {
  access_.SetTokens(Tokens());

  for (const std::vector<absl::string_view>& headers :
       std::vector<std::vector<absl::string_view>>{{},
                                                   {""},
                                                   {"Bearer"},
                                                   {"Bearer "},
                                                   {"Bearer ci"},
                                                   {"Bearer ci-token "},
                                                   {"Basic ci-token"},
                                                   {"ci-token"},
                                                   {"Bearer ci-token", "Bearer ci-token"},
                                                   {"Bearer x", "Bearer root-token"}}) {
    EXPECT_EQ(Admit(kDecode, headers), absl::UnauthenticatedError("a valid token is needed"));
    EXPECT_EQ(Admit("/x/y", headers), absl::UnauthenticatedError("a valid token is needed"));
  }
  EXPECT_TRUE(Admit("/grpc.health.v1.Health/Check", {}).ok());
  EXPECT_TRUE(absl::IsUnauthenticated(Admit("/grpc.health.v1.Health/Watch", {})));
}

TEST_F(AccessControlTest, ATokenThatIsTakenAwayOpensNothing) {
  access_.SetTokens(Tokens());
  access_.SetTokens(
      TokenSet(std::vector<TokenEntry>{{.name = "new", .roles = Role::kInfer, .hash = HashToken("new-token")}}));

  EXPECT_TRUE(absl::IsUnauthenticated(Admit(kDecode, {"Bearer ci-token"})));
  EXPECT_TRUE(Admit(kDecode, {"Bearer new-token"}).ok());
}

TEST_F(AccessControlTest, DenialsAreLoggedOnceASecondAndAllCounted) {
  access_.SetTokens(Tokens());

  for (int i = 0; i < 5; ++i) EXPECT_FALSE(Admit(kUnload, {"Bearer ci-token"}).ok());
  EXPECT_EQ(log_.Take(), "warning denied Unload: PERMISSION_DENIED, token 'ci'\n");
  clock_.Advance(absl::Milliseconds(1001));
  EXPECT_FALSE(Admit(kDecode, {"Bearer secret"}).ok());
  EXPECT_EQ(log_.Take(),
            "warning denied Decode: UNAUTHENTICATED, no valid token (and 4 more calls since the last such line)\n");

  EXPECT_THAT(Exposed(), HasSubstr(R"(metronome_denied_requests_total{code="PERMISSION_DENIED",rpc="Unload"} 5)"));
  EXPECT_THAT(Exposed(), HasSubstr(R"(metronome_denied_requests_total{code="UNAUTHENTICATED",rpc="Decode"} 1)"));
}

TEST_F(AccessControlTest, CallersAddNeitherLabelsNorTextToTheLog) {
  access_.SetTokens(Tokens());

  for (int i = 0; i < 100; ++i) {
    clock_.Advance(absl::Seconds(2));
    EXPECT_FALSE(Admit(absl::StrCat("/made.up/Method", i, "\n"), {"Bearer ci-token"}).ok());
  }
  EXPECT_THAT(log_.Take(), Not(HasSubstr("made.up")));
  EXPECT_THAT(Exposed(), HasSubstr(R"(metronome_denied_requests_total{code="PERMISSION_DENIED",rpc="other"} 100)"));
  EXPECT_THAT(Exposed(), Not(HasSubstr("Method")));
}

}  // namespace
}  // namespace metronome::server
