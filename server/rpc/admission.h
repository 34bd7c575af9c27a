#ifndef METRONOME_SERVER_RPC_ADMISSION_H_
#define METRONOME_SERVER_RPC_ADMISSION_H_

#include <google/protobuf/descriptor.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/rpc_service_method.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/metrics/metrics.h"
#include "server/rpc/budget.h"
#include "server/rpc/call_context.h"

namespace metronome::server {

// Decides by its size whether a request is read, before it is parsed. Thread-safe.
class Admission {
 public:
  // All outlive this.
  Admission(Budget& requests, Budget& answers, Metrics& metrics)
      : requests_(requests), answers_(answers), metrics_(metrics) {}

  // Names the call's client, and takes the `bytes` that its request has on the wire from the budget. ResourceExhausted
  // beyond `limit` or a budget; what to raise is `limit_option`, empty where nothing can be.
  absl::Status Admit(int64_t bytes, int64_t limit, absl::string_view limit_option, CallContext& call);
  // Counts what the parsed request takes in memory in place of its bytes.
  absl::Status AdmitParsed(int64_t bytes, CallContext& call);
  void CountRefusal(absl::string_view rpc, absl::StatusCode code);

 private:
  Budget& requests_;
  Budget& answers_;
  Metrics& metrics_;
};

// The size limit of one RPC's requests.
struct RequestLimit {
  int64_t bytes = 0;
  std::string option;  // Names the limit in the configuration; empty for those that are fixed.
};

// A method handler in front of another, `inner`, that admits calls. Refused ones reach `inner` with an empty request
// and CallContext::refusal set.
class AdmittingHandler final : public grpc::internal::MethodHandler {
 public:
  struct Method {
    std::string rpc;
    RequestLimit limit;
    int64_t (*parsed_bytes)(const void* request) = nullptr;  // Memory that a parsed request takes.
    std::unique_ptr<grpc::internal::MethodHandler> inner;
  };
  AdmittingHandler(Method method, Admission& admission) : method_(std::move(method)), admission_(admission) {}

  // Leaves the message as it came: who may send it is known only with the call's context.
  void* Deserialize(grpc_call*, grpc_byte_buffer* message, grpc::Status*, void**) override { return message; }
  void RunHandler(const HandlerParameter& parameter) override;

 private:
  void* ParseEmpty(grpc_call* call, void** data);

  const Method method_;
  Admission& admission_;
};

// The index of a service's method in its file, by which gRPC's generated code knows it.
inline int MethodIndex(const google::protobuf::FileDescriptor& file, const char* service, const char* rpc) {
  return file.FindServiceByName(service)->FindMethodByName(rpc)->index();
}

// Finishes a stream at once.
template <typename Response>
class RefusedStream final : public grpc::ServerWriteReactor<Response> {
 public:
  explicit RefusedStream(const grpc::Status& status) { this->Finish(status); }
  void OnDone() override { delete this; }
};

// The handlers of a service's methods: whatever `method` is called with was admitted.
template <typename Service, typename Request, typename Response>
grpc::internal::MethodHandler* Admitted(Admission& admission, absl::string_view rpc, RequestLimit limit,
                                        Service* service,
                                        grpc::ServerUnaryReactor* (Service::*method)(grpc::CallbackServerContext*,
                                                                                     const Request*, Response*)) {
  auto inner = std::make_unique<grpc::internal::CallbackUnaryHandler<Request, Response>>(
      [service, method](grpc::CallbackServerContext* context, const Request* request, Response* response) {
        CallContext& call = CallContext::Of(*context);
        if (call.refusal.ok()) {
          call.answer = response;
          return (service->*method)(context, request, response);
        }
        grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
        reactor->Finish(call.refusal);
        return reactor;
      });
  return new AdmittingHandler(
      {std::string(rpc), std::move(limit),
       [](const void* request) { return static_cast<int64_t>(static_cast<const Request*>(request)->SpaceUsedLong()); },
       std::move(inner)},
      admission);
}

template <typename Service, typename Request, typename Response>
grpc::internal::MethodHandler* Admitted(
    Admission& admission, absl::string_view rpc, RequestLimit limit, Service* service,
    grpc::ServerWriteReactor<Response>* (Service::*method)(grpc::CallbackServerContext*, const Request*)) {
  auto inner = std::make_unique<grpc::internal::CallbackServerStreamingHandler<Request, Response>>(
      [service, method](grpc::CallbackServerContext* context,
                        const Request* request) -> grpc::ServerWriteReactor<Response>* {
        const CallContext& call = CallContext::Of(*context);
        if (call.refusal.ok()) return (service->*method)(context, request);
        return new RefusedStream<Response>(call.refusal);
      });
  return new AdmittingHandler(
      {std::string(rpc), std::move(limit),
       [](const void* request) { return static_cast<int64_t>(static_cast<const Request*>(request)->SpaceUsedLong()); },
       std::move(inner)},
      admission);
}

}  // namespace metronome::server

#endif  // METRONOME_SERVER_RPC_ADMISSION_H_
