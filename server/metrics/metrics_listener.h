#ifndef METRONOME_SERVER_METRICS_METRICS_LISTENER_H_
#define METRONOME_SERVER_METRICS_METRICS_LISTENER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "kernels/base/clock.h"
#include "server/daemon/listen_address.h"

namespace metronome::server {

// Answers GET /metrics over HTTP/1.1, one request a connection. A single thread polls all connections, so that silent
// and slow ones keep nobody waiting; it closes those that take too long, and the oldest ones when there are too many.
class MetricsListener {
 public:
  struct Options {
    absl::Duration head_limit = absl::Seconds(5);     // For a request to arrive.
    absl::Duration answer_limit = absl::Seconds(10);  // For its answer to be taken.
    size_t max_connections = 256;                     // At least 1.
  };

  // `text` is asked on the listener's thread, once for all requests that arrived together. FailedPrecondition saying
  // why `address` cannot be listened on.
  static absl::StatusOr<std::unique_ptr<MetricsListener>> Start(const ListenAddress& address,
                                                                std::function<std::string()> text, Options options,
                                                                const Clock& clock = Clock::Real());
  ~MetricsListener();
  MetricsListener(const MetricsListener&) = delete;
  MetricsListener& operator=(const MetricsListener&) = delete;

  int port() const { return port_; }

 private:
  // A connection reads its request, waits for the answer of this round, writes it, and ends when the peer has closed.
  enum class State { kReading, kAsking, kWriting, kClosing, kEnded };
  struct Connection {
    int descriptor = -1;
    int64_t deadline_ns = 0;
    State state = State::kReading;
    std::string input;   // The head so far.
    std::string output;  // The whole answer.
    size_t written = 0;  // Bytes of it.
    std::string method;  // Of a request for the metrics.
  };

  MetricsListener(std::function<std::string()> text, Options options, const Clock& clock);
  absl::Status Listen(const ListenAddress& address);
  void Run();
  int PollTimeoutMs() const;
  void AcceptAll(int listener);
  void Read(Connection& connection);
  void Route(Connection& connection);
  void AnswerMetrics();
  void Answer(Connection& connection, const char* status, const char* headers, const std::string& body, bool with_body);
  void Write(Connection& connection);
  void CloseEnded();
  void CloseOldest();

  const std::function<std::string()> text_;
  const Options options_;
  const Clock& clock_;
  int port_ = 0;
  std::vector<int> listeners_;         // One for each address of the host.
  int wake_ = -1;                      // An eventfd, readable once Run must end.
  int spare_ = -1;                     // Given up for a connection when the process has no descriptor left.
  std::list<Connection> connections_;  // Oldest first. Of the thread alone.
  std::thread thread_;
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_METRICS_METRICS_LISTENER_H_
