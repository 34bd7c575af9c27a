#ifndef METRONOME_CLIENT_CONNECTION_CREDENTIALS_H_
#define METRONOME_CLIENT_CONNECTION_CREDENTIALS_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace metronome::client {

// How the client shows who it is, and knows the daemon. Files alone: a secret in an argument is everybody's who lists
// processes.
struct ClientCredentials {
  std::string tls_ca;      // PEM file of who signs the daemon's certificate; empty = no TLS.
  std::string tls_cert;    // PEM file of the client's own, where the daemon wants one.
  std::string tls_key;     // PEM file of its key.
  std::string token_file;  // Holds the token and nothing else; empty = that of METRONOME_TOKEN, if any.
  bool insecure = false;   // Send the token to another machine without TLS.

  bool any() const;  // Whether there is anything to show, METRONOME_TOKEN included.
};

// The token in the file, else in METRONOME_TOKEN, else empty. InvalidArgument for what cannot be one, and errors of
// reading; never quotes it. Warns on standard error of a file that others may read.
absl::StatusOr<std::string> ReadToken(const ClientCredentials& credentials);

// Whether a gRPC target is on this machine for certain, without asking the resolver: a Unix socket, localhost, or a
// loopback address.
bool IsLocalTarget(const std::string& target);

// A channel whose every call carries the token. InvalidArgument for files that do not fit together, and for a token
// that would go to another machine in the clear.
absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(const std::string& target,
                                                           const ClientCredentials& credentials,
                                                           const grpc::ChannelArguments& arguments);

}  // namespace metronome::client

#endif  // METRONOME_CLIENT_CONNECTION_CREDENTIALS_H_
