#include "server/daemon/listen_address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "kernels/base/status_macros.h"

namespace metronome::server {
namespace {

constexpr int kMaxPort = 65535;
constexpr size_t kMaxUnixPath = sizeof(sockaddr_un::sun_path) - 1;
constexpr size_t kMaxHostName = 253;

bool IsHostName(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxHostName &&
         std::all_of(text.begin(), text.end(), [](char c) { return absl::ascii_isalnum(c) || c == '.' || c == '-'; });
}

bool IsIpv6(const std::string& text) {
  in6_addr address;
  return inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

absl::StatusOr<int> ParsePort(absl::string_view text) {
  int port = 0;
  const bool digits = !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
  if (!digits || !absl::SimpleAtoi(text, &port) || port > kMaxPort)
    return absl::InvalidArgumentError(absl::StrCat("the port '", text, "' is not in [0, ", kMaxPort, "]"));
  return port;
}

absl::StatusOr<ListenAddress> ParseUnix(absl::string_view path) {
  if (!absl::StartsWith(path, "/"))
    return absl::InvalidArgumentError("a Unix socket needs an absolute path, unix:/path");
  if (path.size() > kMaxUnixPath || absl::StrContains(path, '\0')) {
    return absl::InvalidArgumentError(
        absl::StrCat("the path of a Unix socket has at most ", kMaxUnixPath, " bytes, none of them NUL"));
  }
  return ListenAddress{.unix_path = std::string(path)};
}

absl::StatusOr<ListenAddress> Parse(absl::string_view text) {
  if (absl::ConsumePrefix(&text, "unix:")) return ParseUnix(text);
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return absl::InvalidArgumentError("no port: give host:port or unix:/path");
  ListenAddress address;
  absl::string_view host = text.substr(0, colon);
  if (absl::ConsumePrefix(&host, "[")) {
    if (!absl::ConsumeSuffix(&host, "]") || !IsIpv6(std::string(host)))
      return absl::InvalidArgumentError("the brackets hold no IPv6 address");
  } else if (!IsHostName(host)) {
    return absl::InvalidArgumentError(absl::StrCat("'", host, "' is no host; an IPv6 address takes brackets"));
  }
  address.host = std::string(host);
  ASSIGN_OR_RETURN(address.port, ParsePort(text.substr(colon + 1)));
  return address;
}

// Binds and closes a socket; the errno of what failed, 0 for none.
int TryBind(int family, const sockaddr* address, socklen_t size) {
  const int descriptor = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return errno;
  const int one = 1;  // As gRPC does: a port whose last connections are being closed is free.
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  const int failure = bind(descriptor, address, size) == 0 && listen(descriptor, 1) == 0 ? 0 : errno;
  close(descriptor);
  return failure;
}

std::string ReasonForUnix(const ListenAddress& address) {
  sockaddr_un socket_address = {.sun_family = AF_UNIX, .sun_path = {}};
  std::memcpy(socket_address.sun_path, address.unix_path.data(), address.unix_path.size());
  const int failure = TryBind(AF_UNIX, reinterpret_cast<const sockaddr*>(&socket_address), sizeof(socket_address));
  if (failure != 0) return std::strerror(failure);
  unlink(address.unix_path.c_str());  // The attempt made it.
  return "it was busy for a moment; try again";
}

struct AddrInfoDeleter {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using AddrInfoList = std::unique_ptr<addrinfo, AddrInfoDeleter>;

// The addresses that a server binds for a TCP address, or why there are none.
absl::StatusOr<AddrInfoList> Resolve(const ListenAddress& address) {
  const addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  const int unknown = getaddrinfo(address.host.c_str(), absl::StrCat(address.port).c_str(), &hints, &found);
  if (unknown != 0) return absl::FailedPreconditionError(gai_strerror(unknown));
  return AddrInfoList(found);
}

std::string ReasonForTcp(const ListenAddress& address) {
  const absl::StatusOr<AddrInfoList> list = Resolve(address);
  if (!list.ok()) return std::string(list.status().message());
  for (const addrinfo* at = list->get(); at != nullptr; at = at->ai_next) {
    if (const int failure = TryBind(at->ai_family, at->ai_addr, at->ai_addrlen); failure != 0)
      return std::strerror(failure);
  }
  return "it was busy for a moment; try again";
}

absl::Status CannotListen(const ListenAddress& address, absl::string_view reason) {
  return absl::FailedPreconditionError(absl::StrCat("cannot listen on ", address.ToString(), ": ", reason));
}

bool IsLoopback(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    const auto& ipv4 = reinterpret_cast<const sockaddr_in&>(address);
    return (ntohl(ipv4.sin_addr.s_addr) >> 24) == 127;
  }
  const auto& ipv6 = reinterpret_cast<const sockaddr_in6&>(address);
  return address.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&ipv6.sin6_addr);
}

}  // namespace

absl::StatusOr<bool> ListenAddress::IsLocal() const {
  if (is_unix()) return true;
  const absl::StatusOr<AddrInfoList> list = Resolve(*this);
  if (!list.ok()) return CannotListen(*this, list.status().message());
  for (const addrinfo* at = list->get(); at != nullptr; at = at->ai_next) {
    if (!IsLoopback(*at->ai_addr)) return false;
  }
  return true;
}

std::string ListenAddress::ToString() const {
  if (is_unix()) return absl::StrCat("unix:", unix_path);
  return absl::StrContains(host, ':') ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text) {
  absl::StatusOr<ListenAddress> address = Parse(text);
  if (!address.ok()) return absl::InvalidArgumentError(absl::StrCat("'", text, "': ", address.status().message()));
  return address;
}

absl::Status WhyNotListening(const ListenAddress& address) {
  return CannotListen(address, address.is_unix() ? ReasonForUnix(address) : ReasonForTcp(address));
}

}  // namespace metronome::server
