#ifndef METRONOME_CLIENT_CONNECTION_CONNECTION_H_
#define METRONOME_CLIENT_CONNECTION_CONNECTION_H_

#include <grpcpp/grpcpp.h>
#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/connection/credentials.h"
#include "metronome/v1/benchmark.grpc.pb.h"
#include "metronome/v1/inference.grpc.pb.h"

namespace metronome::client {

// Where the client finds a daemon.
struct ServerOptions {
  std::string address;            // Empty: the default address, else a daemon started for the duration.
  ClientCredentials credentials;  // With any, a daemon is never started here.
  std::string database;           // Of a daemon started here; empty = its default.
  int threads = 0;                // Of a daemon started here; 0 = its default.
  // What a daemon started here may read models from, besides its defaults.
  std::vector<std::string> model_roots;
  int timeout_seconds = 10;  // To connect.
};

inline constexpr char kDefaultAddress[] = "127.0.0.1:50551";

// A channel to a daemon that answers. A daemon that this started is stopped with SIGTERM on destruction.
class Connection {
 public:
  // Unavailable naming the address and what gRPC says; errors of OpenChannel; FailedPrecondition when no daemon can be
  // started (its program is looked for beside this one, then on PATH).
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const ServerOptions& options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  v1::Inference::Stub& inference() { return *inference_; }
  v1::Benchmark::Stub& benchmark() { return *benchmark_; }
  const std::string& address() const { return address_; }

 private:
  Connection(std::string address, std::shared_ptr<grpc::Channel> channel);

  std::string address_;
  std::unique_ptr<v1::Inference::Stub> inference_;
  std::unique_ptr<v1::Benchmark::Stub> benchmark_;
  int lifeline_ = -1;  // Standard input of a daemon of its own.
  std::optional<pid_t> daemon_;
  std::string directory_;  // Of the started daemon's port file and log.
};

// The status of an RPC, with the code numbers they share.
absl::Status FromGrpcStatus(const grpc::Status& status);

}  // namespace metronome::client

#endif  // METRONOME_CLIENT_CONNECTION_CONNECTION_H_
