#include "server/rpc/admission.h"

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "server/rpc/client_identity.h"
#include "server/rpc/grpc_status.h"
#include "server/rpc/guard.h"

namespace metronome::server {
namespace {

// What an open call takes beside its request: its arena, contexts and the transport's state.
constexpr int64_t kCallBytes = 16 << 10;

}  // namespace

absl::Status Admission::Admit(int64_t bytes, int64_t limit, absl::string_view limit_option, CallContext& call) {
  if (bytes > limit) {
    return absl::ResourceExhaustedError(absl::StrCat("the request has ", bytes, " bytes, and this RPC takes ", limit,
                                                     "; send less", limit_option.empty() ? "" : ", or raise ",
                                                     limit_option));
  }
  call.client = ClientOf(call);
  call.answers = answers_.For(call.client);
  ASSIGN_OR_RETURN(call.request, requests_.Take(call.client, kCallBytes + bytes));
  return absl::OkStatus();
}

absl::Status Admission::AdmitParsed(int64_t bytes, CallContext& call) {
  return call.request.Resize(kCallBytes + bytes);
}

void Admission::CountRefusal(absl::string_view rpc, absl::StatusCode code) {
  metrics_.RequestStarted();
  metrics_.RequestFinished(rpc, absl::StatusCodeToString(code), 0);
}

void AdmittingHandler::RunHandler(const HandlerParameter& parameter) {
  CallContext& call = CallContext::Of(static_cast<grpc::CallbackServerContext&>(*parameter.server_context));
  auto* message = static_cast<grpc_byte_buffer*>(parameter.request);
  void* request = nullptr;
  void* data = nullptr;
  const auto admit = [&]() -> absl::Status {
    if (message == nullptr) return absl::InvalidArgumentError("the call has no request");
    const int64_t bytes = static_cast<int64_t>(grpc_byte_buffer_length(message));
    RETURN_IF_ERROR(admission_.Admit(bytes, method_.limit.bytes, method_.limit.option, call));
    grpc::Status parsed;
    request = method_.inner->Deserialize(parameter.call->call(), std::exchange(message, nullptr), &parsed, &data);
    if (!parsed.ok())
      return absl::InvalidArgumentError("the request cannot be parsed: it is damaged, or a text in it is not UTF-8");
    return admission_.AdmitParsed(method_.parsed_bytes(request), call);
  };
  if (const absl::Status status = Guarded(method_.rpc, admit); !status.ok()) {
    admission_.CountRefusal(method_.rpc, status.code());
    call.refusal = ToGrpcStatus(status);
    if (message != nullptr) grpc_byte_buffer_destroy(message);
    if (request == nullptr && data == nullptr) request = ParseEmpty(parameter.call->call(), &data);
  }
  method_.inner->RunHandler(HandlerParameter(parameter.call, parameter.server_context, request, grpc::Status::OK, data,
                                             parameter.call_requester));
}

// What `inner` needs to run at all.
void* AdmittingHandler::ParseEmpty(grpc_call* call, void** data) {
  grpc::Status parsed;
  return method_.inner->Deserialize(call, grpc_raw_byte_buffer_create(nullptr, 0), &parsed, data);
}

}  // namespace metronome::server
