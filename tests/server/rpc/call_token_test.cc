#include "server/rpc/call_token.h"

#include "gtest/gtest.h"
#include "tests/server/fake_clock.h"

namespace metronome::server {
namespace {

TEST(CallTokenTest, AClientThatLeftStopsTheCall) {
  FakeClock clock;
  Metrics metrics;
  absl::Status client;
  const auto token = CallToken(CallMeter("Prefill", metrics, clock), absl::Hours(1), [&] { return client; });
  EXPECT_TRUE(token->Check().ok());
  client = absl::CancelledError("gone");
  EXPECT_EQ(token->Check(), client);
}

TEST(CallTokenTest, TheServersLimitStopsACallWhoseClientWaits) {
  FakeClock clock;
  Metrics metrics;
  const auto token =
      CallToken(CallMeter("Compile", metrics, clock), absl::Seconds(90), [] { return absl::OkStatus(); });
  clock.Advance(absl::Seconds(89));
  EXPECT_TRUE(token->Check().ok());
  clock.Advance(absl::Seconds(1));
  EXPECT_EQ(token->Check(), absl::DeadlineExceededError("Compile took longer than the server's limit of 90 s"));
}

}  // namespace
}  // namespace metronome::server
