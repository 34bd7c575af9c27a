#ifndef METRONOME_SERVER_RPC_CALL_CONTEXT_H_
#define METRONOME_SERVER_RPC_CALL_CONTEXT_H_

#include <google/protobuf/message_lite.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <string>

#include "server/rpc/budget.h"

namespace metronome::server {

// Bytes of answers that a call may have waiting for its reader beside all budgets, so that those who read get theirs
// whatever others leave unread.
inline constexpr int64_t kFreeAnswerBytes = int64_t{64} << 10;

// What the server knows of a call beside what gRPC does. Every call of a server that CallContextAllocator serves has
// one, until gRPC is done with the call.
struct CallContext final : public grpc::CallbackServerContext {
  static CallContext& Of(grpc::CallbackServerContext& context) { return static_cast<CallContext&>(context); }

  // Counts so many bytes of answers as waiting for the reader. ResourceExhausted.
  absl::Status HoldAnswer(int64_t bytes) { return answers.Resize(std::max<int64_t>(0, bytes - kFreeAnswerBytes)); }

  std::string client;                                     // Whose limits it counts against.
  Budget::Lease request;                                  // The memory that its request takes.
  Budget::Lease answers;                                  // What waits for its reader, less kFreeAnswerBytes.
  const google::protobuf::MessageLite* answer = nullptr;  // Of a unary call.
  grpc::Status refusal;                                   // Not OK: why the service never sees it.
};

class CallContextAllocator final : public grpc::ContextAllocator {
 public:
  grpc::CallbackServerContext* NewCallbackServerContext() override { return new CallContext(); }
  void Release(grpc::CallbackServerContext* context) override { delete context; }
  // Calls to methods that no service has get these. gRPC frees what it made itself in the wrong way when there is an
  // allocator.
  grpc::GenericCallbackServerContext* NewGenericCallbackServerContext() override {
    return new grpc::GenericCallbackServerContext();
  }
  void Release(grpc::GenericCallbackServerContext* context) override { delete context; }
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_RPC_CALL_CONTEXT_H_
