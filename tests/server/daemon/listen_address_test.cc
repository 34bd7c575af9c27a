#include "server/daemon/listen_address.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::server {
namespace {

using ::testing::HasSubstr;

TEST(ListenAddressTest, TakesPortsNamesAddressesAndSockets) {
  for (const char* text : {"127.0.0.1:50551", "localhost:0", "0.0.0.0:65535", "[::1]:1", "[fe80::1]:50551",
                           "gpu-7.lab:80", "unix:/run/metronome.sock"}) {
    const absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->ToString(), text);
  }
  EXPECT_EQ(ParseListenAddress("[::1]:7")->host, "::1");
  EXPECT_EQ(ParseListenAddress("h:65535")->port, 65535);
}

// Each was taken by gRPC for something that nobody had said.
TEST(ListenAddressTest, RefusesWhatIsNoAddress) {
  for (const char* text :
       {"127.0.0.1:99999", "127.0.0.1:65536", "127.0.0.1:-1",  "127.0.0.1:+80", "127.0.0.1: 80",
        "127.0.0.1:",      "127.0.0.1",       "localhost",     ":80",           "",
        "::1:80",          "[::1]",           "[::1:80",       "[hello]:80",    "a b:80",
        "http://host:80",  "unix:",           "unix:relative", "127.0.0.1:8o",  "127.0.0.1:18446744073709551617"}) {
    const absl::Status status = ParseListenAddress(text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(std::string("'") + text));
  }
  EXPECT_FALSE(ParseListenAddress("unix:/" + std::string(107, 'x')).ok());
  EXPECT_TRUE(ParseListenAddress("unix:/" + std::string(106, 'x')).ok());
}

TEST(ListenAddressTest, KnowsWhatIsReachedFromThisMachineAlone) {
  for (const char* text : {"127.0.0.1:1", "127.9.9.9:1", "127.1:1", "localhost:1", "[::1]:1", "unix:/x"})
    EXPECT_TRUE(*ParseListenAddress(text)->IsLocal()) << text;
  for (const char* text : {"0.0.0.0:1", "0:1", "[::]:1", "10.0.0.1:1", "128.0.0.1:1", "[::ffff:10.0.0.1]:1"})
    EXPECT_FALSE(*ParseListenAddress(text)->IsLocal()) << text;
  EXPECT_EQ(ParseListenAddress("-:1")->IsLocal().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(ListenAddressTest, SaysWhyAPortCannotBeBound) {
  const int taken = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(bind(taken, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(listen(taken, 1), 0);
  socklen_t size = sizeof(address);
  ASSERT_EQ(getsockname(taken, reinterpret_cast<sockaddr*>(&address), &size), 0);

  const absl::Status in_use = WhyNotListening({.host = "127.0.0.1", .port = ntohs(address.sin_port)});
  const absl::Status elsewhere = WhyNotListening({.host = "192.0.2.1", .port = 0});
  const absl::Status no_folder = WhyNotListening({.unix_path = "/nonexistent/socket"});

  EXPECT_THAT(std::string(in_use.message()), HasSubstr("Address already in use"));
  EXPECT_THAT(std::string(elsewhere.message()), HasSubstr("Cannot assign requested address"));
  EXPECT_THAT(std::string(no_folder.message()), HasSubstr("No such file or directory"));
  close(taken);
}

}  // namespace
}  // namespace metronome::server
