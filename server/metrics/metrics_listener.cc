#include "server/metrics/metrics_listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "server/metrics/http_request.h"
#include "server/rpc/guard.h"

namespace metronome::server {
namespace {

constexpr char kTextType[] = "Content-Type: text/plain; charset=utf-8\r\n";
// The version of Prometheus's text format.
constexpr char kMetricsType[] = "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n";
constexpr char kMetricsPath[] = "/metrics";

int OpenSpare() { return open("/dev/null", O_RDONLY | O_CLOEXEC); }

// A socket that listens on the address; -1 where it cannot.
int ListenOn(int family, const sockaddr* address, socklen_t size) {
  const int descriptor = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (descriptor < 0) return -1;
  const int one = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  if (family == AF_INET6) setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
  if (bind(descriptor, address, size) == 0 && listen(descriptor, SOMAXCONN) == 0) return descriptor;
  close(descriptor);
  return -1;
}

int PortOf(int descriptor) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &size);
  const in_port_t port = address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&address)->sin6_port
                                                       : reinterpret_cast<sockaddr_in*>(&address)->sin_port;
  return ntohs(port);
}

bool WouldBlock() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsListener>> MetricsListener::Start(const ListenAddress& address,
                                                                        std::function<std::string()> text,
                                                                        Options options, const Clock& clock) {
  auto listener = std::unique_ptr<MetricsListener>(new MetricsListener(std::move(text), options, clock));
  RETURN_IF_ERROR(listener->Listen(address));
  listener->wake_ = eventfd(0, EFD_CLOEXEC);
  if (listener->wake_ < 0) return absl::ErrnoToStatus(errno, "cannot make an eventfd");
  listener->spare_ = OpenSpare();
  listener->thread_ = std::thread([&self = *listener] { self.Run(); });
  return listener;
}

MetricsListener::MetricsListener(std::function<std::string()> text, Options options, const Clock& clock)
    : text_(std::move(text)), options_(options), clock_(clock) {}

MetricsListener::~MetricsListener() {
  if (thread_.joinable()) {
    const uint64_t one = 1;
    while (write(wake_, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
    thread_.join();
  }
  for (Connection& connection : connections_) close(connection.descriptor);
  for (const int descriptor : listeners_) close(descriptor);
  if (wake_ >= 0) close(wake_);
  if (spare_ >= 0) close(spare_);
}

// A name such as localhost has several addresses. The first that is bound decides on the port where any would do.
absl::Status MetricsListener::Listen(const ListenAddress& address) {
  const addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  if (getaddrinfo(address.host.c_str(), absl::StrCat(address.port).c_str(), &hints, &found) != 0)
    return WhyNotListening(address);
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  port_ = address.port;
  for (addrinfo* at = found; at != nullptr; at = at->ai_next) {
    if (at->ai_family == AF_INET6) reinterpret_cast<sockaddr_in6*>(at->ai_addr)->sin6_port = htons(port_);
    if (at->ai_family == AF_INET) reinterpret_cast<sockaddr_in*>(at->ai_addr)->sin_port = htons(port_);
    const int descriptor = ListenOn(at->ai_family, at->ai_addr, at->ai_addrlen);
    if (descriptor < 0) continue;
    listeners_.push_back(descriptor);
    port_ = PortOf(descriptor);
  }
  return listeners_.empty() ? WhyNotListening(address) : absl::OkStatus();
}

void MetricsListener::Run() {
  std::vector<pollfd> polled;
  for (;;) {
    polled.assign(1, {.fd = wake_, .events = POLLIN});
    for (const int descriptor : listeners_) polled.push_back({.fd = descriptor, .events = POLLIN});
    for (const Connection& connection : connections_) {
      const short events = connection.state == State::kWriting ? POLLOUT : POLLIN;
      polled.push_back({.fd = connection.descriptor, .events = events});
    }
    if (poll(polled.data(), polled.size(), PollTimeoutMs()) < 0 && errno != EINTR) return;
    if (polled[0].revents != 0) return;
    auto at = polled.begin() + 1 + static_cast<std::ptrdiff_t>(listeners_.size());
    for (Connection& connection : connections_) {
      if (at++->revents == 0) continue;
      connection.state == State::kWriting ? Write(connection) : Read(connection);
    }
    AnswerMetrics();
    CloseEnded();
    for (size_t i = 0; i < listeners_.size(); ++i) {
      if (polled[1 + i].revents != 0) AcceptAll(listeners_[i]);
    }
  }
}

int MetricsListener::PollTimeoutMs() const {
  int64_t next_ns = std::numeric_limits<int64_t>::max();
  for (const Connection& connection : connections_) next_ns = std::min(next_ns, connection.deadline_ns);
  if (connections_.empty()) return -1;
  constexpr int64_t kNsInMs = 1'000'000;
  return static_cast<int>(std::max<int64_t>(0, next_ns - clock_.MonotonicNs()) / kNsInMs + 1);
}

void MetricsListener::AcceptAll(int listener) {
  // A round accepts no more than may be open, so that a flood of new ones does not delay answers.
  for (size_t accepted = 0; accepted < options_.max_connections; ++accepted) {
    int descriptor = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (descriptor < 0 && (errno == EMFILE || errno == ENFILE)) {
      if (!connections_.empty()) {
        CloseOldest();
      } else {
        close(std::exchange(spare_, -1));
      }
      descriptor = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    }
    if (descriptor < 0) return;
    if (connections_.size() >= options_.max_connections) CloseOldest();
    const int64_t deadline_ns = clock_.MonotonicNs() + absl::ToInt64Nanoseconds(options_.head_limit);
    connections_.push_back({.descriptor = descriptor, .deadline_ns = deadline_ns});
  }
}

void MetricsListener::Read(Connection& connection) {
  char buffer[4096];
  const ssize_t count = recv(connection.descriptor, buffer, sizeof(buffer), 0);
  if (count < 0 && WouldBlock()) return;
  if (count <= 0) {
    connection.state = State::kEnded;
    return;
  }
  if (connection.state != State::kReading) return;  // More than one request; the answer says that it is the last.
  connection.input.append(buffer, static_cast<size_t>(count));
  if (HasHttpHead(connection.input)) {
    Route(connection);
  } else if (connection.input.size() > kMaxHttpHeadBytes) {
    Answer(connection, "431 Request Header Fields Too Large", kTextType, "the request's head is too long\n", true);
  }
}

void MetricsListener::Route(Connection& connection) {
  absl::StatusOr<HttpRequest> request = ParseHttpRequest(connection.input);
  if (!request.ok()) {
    Answer(connection, "400 Bad Request", kTextType, absl::StrCat(request.status().message(), "\n"), true);
  } else if (request->method != "GET" && request->method != "HEAD") {
    Answer(connection, "405 Method Not Allowed", "Allow: GET, HEAD\r\n", "", true);
  } else if (request->path != kMetricsPath) {
    Answer(connection, "404 Not Found", kTextType, absl::StrCat("metrics are at ", kMetricsPath, "\n"),
           request->method == "GET");
  } else {
    connection.method = std::move(request->method);
    connection.state = State::kAsking;
  }
}

void MetricsListener::AnswerMetrics() {
  const auto asks = [](const Connection& connection) { return connection.state == State::kAsking; };
  if (std::none_of(connections_.begin(), connections_.end(), asks)) return;
  std::string text;
  Guarded("metrics", [&] {
    text = text_();
    return absl::OkStatus();
  }).IgnoreError();  // It was logged, and the scraper sees that there is nothing.
  for (Connection& connection : connections_) {
    if (asks(connection)) Answer(connection, "200 OK", kMetricsType, text, connection.method == "GET");
  }
}

void MetricsListener::Answer(Connection& connection, const char* status, const char* headers, const std::string& body,
                             bool with_body) {
  connection.output = absl::StrCat("HTTP/1.1 ", status, "\r\n", headers, "Content-Length: ", body.size(),
                                   "\r\nConnection: close\r\n\r\n", with_body ? body : "");
  connection.state = State::kWriting;
  connection.deadline_ns = clock_.MonotonicNs() + absl::ToInt64Nanoseconds(options_.answer_limit);
  Write(connection);
}

void MetricsListener::Write(Connection& connection) {
  while (connection.written < connection.output.size()) {
    const ssize_t count = send(connection.descriptor, connection.output.data() + connection.written,
                               connection.output.size() - connection.written, MSG_NOSIGNAL);
    if (count < 0 && WouldBlock()) return;
    if (count < 0) {
      connection.state = State::kEnded;
      return;
    }
    connection.written += static_cast<size_t>(count);
  }
  // Closing at once would discard the answer where more of the request is still to come.
  shutdown(connection.descriptor, SHUT_WR);
  connection.output.clear();
  connection.written = 0;
  connection.state = State::kClosing;
}

void MetricsListener::CloseEnded() {
  const int64_t now_ns = clock_.MonotonicNs();
  connections_.remove_if([&](const Connection& connection) {
    if (connection.state != State::kEnded && connection.deadline_ns > now_ns) return false;
    close(connection.descriptor);
    return true;
  });
  if (spare_ < 0) spare_ = OpenSpare();
}

void MetricsListener::CloseOldest() {
  if (connections_.empty()) return;
  close(connections_.front().descriptor);
  connections_.pop_front();
}

}  // namespace metronome::server
