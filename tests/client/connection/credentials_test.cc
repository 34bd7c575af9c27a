#include "client/connection/credentials.h"

#include <cstdlib>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/temp_directory.h"

namespace metronome::client {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class CredentialsTest : public testing::Test {
 protected:
  CredentialsTest() { unsetenv("METRONOME_TOKEN"); }
  ~CredentialsTest() override { unsetenv("METRONOME_TOKEN"); }

  static absl::StatusOr<std::shared_ptr<grpc::Channel>> Open(const std::string& target,
                                                             const ClientCredentials& shown) {
    return OpenChannel(target, shown, grpc::ChannelArguments());
  }

  const TempDirectory directory_;
};

TEST_F(CredentialsTest, TheFileGoesBeforeTheEnvironment) {
  EXPECT_FALSE(ClientCredentials().any());
  setenv("METRONOME_TOKEN", "of-environment", 1);
  EXPECT_TRUE(ClientCredentials().any());
  EXPECT_EQ(*ReadToken({}), "of-environment");
  EXPECT_EQ(*ReadToken({.token_file = directory_.Write("token", " of-file\n")}), "of-file");
}

TEST_F(CredentialsTest, WhatIsNoTokenIsNeverQuoted) {
  for (const char* content : {"", "\n", "secret two", "secret\nread",
                              "s\xC3\xA9"
                              "cret"}) {
    const absl::Status status = ReadToken({.token_file = directory_.Write("token", content)}).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << content;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("cret")));
  }
  setenv("METRONOME_TOKEN", "secret two", 1);
  EXPECT_TRUE(absl::IsInvalidArgument(ReadToken({}).status()));
  EXPECT_FALSE(ReadToken({.token_file = directory_.File("none")}).ok());
}

TEST_F(CredentialsTest, KnowsTargetsOnThisMachine) {
  for (const char* target : {"127.0.0.1:50551", "127.9.9.9:1", "localhost:1", "localhost", "[::1]:1", "[::1]",
                             "unix:/x", "unix:x", "unix:///x"})
    EXPECT_TRUE(IsLocalTarget(target)) << target;
  for (const char* target :
       {"10.0.0.1:1", "example.org:1", "localhost.example.org:1", "dns:///localhost:1", "127.0.0.1.example.org:1", "",
        ":1", "[::2]:1", "[::1", "0.0.0.0:1", "127.0.0.1,10.0.0.1:1", "ipv4:127.0.0.1:1,10.0.0.1:1"})
    EXPECT_FALSE(IsLocalTarget(target)) << target;
}

TEST_F(CredentialsTest, ATokenGoesToOtherMachinesOverTlsAlone) {
  ClientCredentials credentials = {.token_file = directory_.Write("token", "t")};
  EXPECT_TRUE(Open("127.0.0.1:1", credentials).ok());
  const absl::Status refused = Open("10.0.0.1:1", credentials).status();
  EXPECT_TRUE(absl::IsInvalidArgument(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("--insecure"));
  credentials.insecure = true;
  EXPECT_TRUE(Open("10.0.0.1:1", credentials).ok());
  EXPECT_TRUE(Open("10.0.0.1:1", {}).ok());  // No token, nothing to lose.
}

TEST_F(CredentialsTest, FilesMustFitTogether) {
  const std::string file = directory_.Write("pem", "x");
  EXPECT_TRUE(absl::IsInvalidArgument(Open("x:1", {.tls_ca = file, .tls_cert = file}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Open("x:1", {.tls_ca = file, .tls_key = file}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Open("x:1", {.tls_cert = file, .tls_key = file}).status()));
  EXPECT_FALSE(Open("x:1", {.tls_ca = directory_.File("none")}).ok());
}

}  // namespace
}  // namespace metronome::client
