#include "server/metrics/metrics_listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::server {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kGet[] = "GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n";

class Peer {
 public:
  explicit Peer(int port) : descriptor_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(static_cast<uint16_t>(port))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Peer() { close(descriptor_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void Send(const std::string& text) {
    EXPECT_EQ(send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  // All until the listener closes.
  std::string Receive() {
    std::string all;
    char buffer[4096];
    for (ssize_t count; (count = recv(descriptor_, buffer, sizeof(buffer), 0)) > 0;)
      all.append(buffer, static_cast<size_t>(count));
    return all;
  }
  std::string Ask(const std::string& request) {
    Send(request);
    return Receive();
  }

 private:
  const int descriptor_;
};

class MetricsListenerTest : public testing::Test {
 protected:
  int Serve(MetricsListener::Options options = {}, std::string text = "up 1\n") {
    auto started = MetricsListener::Start(
        {.host = "127.0.0.1"}, [text] { return text; }, options);
    EXPECT_TRUE(started.ok()) << started.status();
    listener_ = *std::move(started);
    return listener_->port();
  }

  std::unique_ptr<MetricsListener> listener_;
};

TEST_F(MetricsListenerTest, AnswersGetAndHeadOfItsPathAlone) {
  const int port = Serve();
  const std::string answer = Peer(port).Ask(kGet);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 5\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nup 1\n"));
  const std::string head = Peer(port).Ask("HEAD /metrics HTTP/1.1\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("\r\nContent-Length: 5\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("up 1")));
  EXPECT_THAT(Peer(port).Ask("GET / HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Peer(port).Ask("POST /metrics HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(Peer(port).Ask("hello\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
}

TEST_F(MetricsListenerTest, HeadsArriveInPiecesAndHaveALimit) {
  const int port = Serve();
  Peer pieces(port);
  for (const char* part : {"GET /met", "rics HTTP/1.1\r\n", "\r"}) pieces.Send(part);
  EXPECT_THAT(pieces.Ask("\n"), StartsWith("HTTP/1.1 200 "));
  Peer endless(port);
  endless.Send("GET /metrics HTTP/1.1\r\nX: ");
  EXPECT_THAT(endless.Ask(std::string(9000, 'x')), StartsWith("HTTP/1.1 431 "));
}

// More than the socket's buffers hold: the rest is written as it is read, and others are answered meanwhile.
TEST_F(MetricsListenerTest, LongAnswersArriveWholeAndSlowReadersDelayNobody) {
  const std::string text(16 << 20, 'x');
  const int port = Serve({}, text);
  Peer slow(port);
  slow.Send(kGet);
  EXPECT_THAT(Peer(port).Ask("GET / HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
  const std::string answer = slow.Receive();
  EXPECT_EQ(answer.size() - answer.find("\r\n\r\n") - 4, text.size());
}

TEST_F(MetricsListenerTest, TheOldestConnectionMakesRoom) {
  const int port = Serve({.max_connections = 2});
  Peer first(port), second(port);
  const std::string answer = Peer(port).Ask(kGet);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(first.Receive(), "");  // Closed by the listener.
  EXPECT_THAT(second.Ask(kGet), StartsWith("HTTP/1.1 200 "));
}

TEST_F(MetricsListenerTest, SilentConnectionsAreClosedInTime) {
  const int port = Serve({.head_limit = absl::Milliseconds(1)});
  EXPECT_EQ(Peer(port).Receive(), "");
}

TEST_F(MetricsListenerTest, NamesWithSeveralAddressesAreServedOnAllOfThem) {
  auto started = MetricsListener::Start({.host = "localhost"}, [] { return "up 1\n"; }, {});
  ASSERT_TRUE(started.ok()) << started.status();
  EXPECT_THAT(Peer((*started)->port()).Ask(kGet), EndsWith("up 1\n"));
}

}  // namespace
}  // namespace metronome::server
