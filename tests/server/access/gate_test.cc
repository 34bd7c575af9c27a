#include "server/access/gate.h"

#include <sys/stat.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/access/captured_log.h"
#include "tests/server/access/certificates.h"
#include "tests/server/fake_clock.h"
#include "tests/temp_directory.h"

namespace metronome::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr char kRemote[] = "0.0.0.0:50551";

class GateTest : public testing::Test {
 protected:
  GateTest() { config_.metrics_listen = ""; }

  absl::StatusOr<std::unique_ptr<Gate>> Open() { return Gate::Open(config_, metrics_, clock_); }
  std::string Error() { return std::string(Open().status().message()); }
  void GiveTls() {
    const IssuedCertificate own = authority_.Issue("server");
    config_.tls_cert = directory_.Write("cert.pem", own.certificate);
    config_.tls_key = directory_.Write("key.pem", own.key);
  }
  void GiveTokens(const std::string& token = "t") {
    config_.tokens = directory_.Write(
        "tokens", FormatTokenEntry({.name = "ann", .roles = Role::kInfer, .hash = HashToken(token)}) + "\n");
    chmod(config_.tokens.c_str(), 0600);
  }

  CapturedLog log_;
  const TempDirectory directory_;
  const CertificateAuthority authority_{"authority"};
  FakeClock clock_;
  Metrics metrics_;
  DaemonConfig config_;
};

TEST_F(GateTest, LocalAddressesNeedNothing) {
  for (const char* listen : {"127.0.0.1:0", "[::1]:0", "localhost:0", "unix:/run/x.sock"}) {
    config_.listen = listen;
    EXPECT_TRUE(Open().ok()) << listen;
  }
  EXPECT_THAT(log_.Take(), IsEmpty());
}

TEST_F(GateTest, OtherMachinesNeedBothTlsAndTokens) {
  for (const char* listen : {kRemote, "[::]:0", "10.0.0.1:0"}) {
    config_.listen = listen;
    EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition) << listen;
  }
  EXPECT_THAT(Error(), AllOf(HasSubstr("TLS (--tls-cert"), HasSubstr("tokens (--tokens)"), HasSubstr("--insecure")));
  GiveTokens();
  EXPECT_THAT(Error(), AllOf(HasSubstr("it lacks TLS"), Not(HasSubstr("tokens (--tokens)"))));
  config_.tokens = "";
  GiveTls();
  EXPECT_THAT(Error(), AllOf(HasSubstr("it lacks tokens"), Not(HasSubstr("TLS (--tls-cert"))));
  GiveTokens();
  EXPECT_THAT(Error(), IsEmpty());
}

TEST_F(GateTest, InsecureIsSaidAtStartEveryHourAndAtEachReload) {
  config_.listen = kRemote;
  config_.insecure = true;
  const auto gate = Open();
  ASSERT_TRUE(gate.ok()) << gate.status();
  const std::string warning = log_.Take();

  EXPECT_THAT(warning, HasSubstr("warning insecure: other machines reach 0.0.0.0:50551 without TLS"));
  (*gate)->Tick();
  EXPECT_THAT(log_.Take(), IsEmpty());
  clock_.Advance(absl::Minutes(61));
  (*gate)->Tick();
  (*gate)->Tick();
  EXPECT_EQ(log_.Take(), warning);
  (*gate)->Reload(config_);
  EXPECT_EQ(log_.Take(), warning);
}

TEST_F(GateTest, InsecureIsNotSaidWhereItMakesNoDifference) {
  config_.insecure = true;
  EXPECT_TRUE(Open().ok());
  config_.listen = kRemote;
  GiveTls();
  GiveTokens();
  EXPECT_TRUE(Open().ok());
  EXPECT_THAT(log_.Take(), Not(HasSubstr("insecure")));
}

TEST_F(GateTest, MetricsForOtherMachinesAreSaid) {
  config_.metrics_listen = "0.0.0.0:9464";
  EXPECT_TRUE(Open().ok());
  EXPECT_THAT(log_.Take(), HasSubstr("warning metrics on 0.0.0.0:9464 are readable by whoever can connect"));
}

TEST_F(GateTest, BrokenFilesKeepItFromOpening) {
  GiveTls();
  GiveTokens();
  directory_.Write("tokens", "ann\n");
  EXPECT_THAT(Error(), HasSubstr("tokens:1: "));
  config_.tls_key = directory_.Write("key.pem", authority_.Issue("other").key);
  EXPECT_THAT(Error(), HasSubstr("not the key of the certificate"));
}

TEST_F(GateTest, ReloadTakesGoodFilesAndKeepsTheOldInPlaceOfBrokenOnes) {
  GiveTls();
  GiveTokens("old");
  const auto gate = Open();
  ASSERT_TRUE(gate.ok()) << gate.status();
  const auto admits = [&](absl::string_view header) {
    return (*gate)->access().Admit("/metronome.v1.Inference/Decode", {header}).ok();
  };

  directory_.Write("key.pem", "broken");  // The tokens are taken all the same.
  GiveTokens("new");
  (*gate)->Reload(config_);
  EXPECT_THAT(log_.Take(), HasSubstr("error TLS not reloaded, the certificate in use stays: "));
  EXPECT_TRUE(admits("Bearer new"));
  EXPECT_FALSE(admits("Bearer old"));

  directory_.Write("tokens", "broken\n");
  (*gate)->Reload(config_);
  EXPECT_THAT(log_.Take(), HasSubstr("error tokens not reloaded, those in use stay: "));
  EXPECT_TRUE(admits("Bearer new"));
}

TEST_F(GateTest, TokensAreNeverSwitchedOffByAReload) {
  GiveTokens();
  const auto gate = Open();
  ASSERT_TRUE(gate.ok()) << gate.status();
  config_.tokens = "";

  (*gate)->Reload(config_);

  EXPECT_THAT(log_.Take(), HasSubstr("tokens on or off: takes effect at the next start"));
  EXPECT_FALSE((*gate)->access().Admit("/metronome.v1.Inference/Decode", {}).ok());
}

}  // namespace
}  // namespace metronome::server
