#ifndef METRONOME_SERVER_RPC_UNPARSED_REQUESTS_H_
#define METRONOME_SERVER_RPC_UNPARSED_REQUESTS_H_

#include <grpcpp/support/server_interceptor.h>

#include <string>

#include "absl/container/flat_hash_set.h"

namespace metronome {

// Answers requests that cannot be parsed with INVALID_ARGUMENT and a text. gRPC's callback API answers UNIMPLEMENTED
// without one, as if the RPC did not exist, and none of our code sees the request.
class UnparsedRequests final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  // `service` is the full name of one whose methods are answered so; it must be compiled in.
  void AddService(const std::string& service);

  // nullptr for methods of other services and such as do not exist.
  grpc::experimental::Interceptor* CreateServerInterceptor(grpc::experimental::ServerRpcInfo* info) override;

 private:
  absl::flat_hash_set<std::string> methods_;  // "/metronome.v1.Inference/Compile".
};

}  // namespace metronome

#endif  // METRONOME_SERVER_RPC_UNPARSED_REQUESTS_H_
