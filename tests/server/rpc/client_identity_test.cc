#include "server/rpc/client_identity.h"

#include "gtest/gtest.h"

namespace metronome::server {
namespace {

TEST(ClientIdentityTest, PortsMakeNoDifference) {
  EXPECT_EQ(HostOfPeer("ipv4:127.0.0.1:41234"), "127.0.0.1");
  EXPECT_EQ(HostOfPeer("ipv4:10.0.0.7:1"), HostOfPeer("ipv4:10.0.0.7:2"));
  EXPECT_NE(HostOfPeer("ipv4:10.0.0.7:1"), HostOfPeer("ipv4:10.0.0.8:1"));
}

TEST(ClientIdentityTest, AnIpv6HostIsItsNetwork) {
  EXPECT_EQ(HostOfPeer("ipv6:%5B::1%5D:41234"), "::1");
  EXPECT_EQ(HostOfPeer("ipv6:[::1]:41234"), "::1");
  EXPECT_EQ(HostOfPeer("ipv6:%5B2001:db8:1:2:3:4:5:6%5D:80"), "2001:db8:1:2::/64");
  EXPECT_EQ(HostOfPeer("ipv6:[2001:db8:1:2::9]:80"), "2001:db8:1:2::/64");
  EXPECT_EQ(HostOfPeer("ipv6:%5Bfe80::1%25eth0%5D:80"), "fe80::/64");
}

TEST(ClientIdentityTest, UnixSocketsAreOneClient) {
  EXPECT_EQ(HostOfPeer("unix:"), "unix");
  EXPECT_EQ(HostOfPeer("unix:/run/metronome.sock"), "unix");
}

}  // namespace
}  // namespace metronome::server
