#include "server/rpc/client_identity.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace metronome::server {
namespace {

constexpr size_t kNetworkBytes = 8;

std::string Ipv6Network(const std::string& host) {
  in6_addr address;
  if (inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), &address) != 1 || IN6_IS_ADDR_LOOPBACK(&address))
    return host;
  std::fill(address.s6_addr + kNetworkBytes, address.s6_addr + sizeof(address.s6_addr), uint8_t{0});
  char text[INET6_ADDRSTRLEN];
  return absl::StrCat(inet_ntop(AF_INET6, &address, text, sizeof(text)), "/64");
}

}  // namespace

std::string HostOfPeer(absl::string_view peer) {
  if (absl::StartsWith(peer, "unix")) return "unix";
  const bool ipv6 = absl::ConsumePrefix(&peer, "ipv6:");
  if (!ipv6) absl::ConsumePrefix(&peer, "ipv4:");
  peer = peer.substr(0, peer.rfind(':'));
  if (!ipv6) return std::string(peer);
  // gRPC writes brackets as a URI does.
  std::string host = absl::StrReplaceAll(peer, {{"%5B", ""}, {"%5D", ""}, {"[", ""}, {"]", ""}, {"%25", "%"}});
  return Ipv6Network(host);
}

std::string ClientOf(const grpc::ServerContextBase& context) { return HostOfPeer(context.peer()); }

}  // namespace metronome::server
