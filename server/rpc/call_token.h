#ifndef METRONOME_SERVER_RPC_CALL_TOKEN_H_
#define METRONOME_SERVER_RPC_CALL_TOKEN_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "kernels/base/cancel_token.h"
#include "kernels/base/status_macros.h"
#include "server/rpc/stream_reactor.h"
#include "server/rpc/unary_call.h"

namespace metronome::server {

// The token of a call, for as long as its reactor is there: `client` says why nobody waits for it any more;
// DeadlineExceeded once it has taken `limit`, the server's own for calls of its kind.
inline std::shared_ptr<const CancelToken> CallToken(const CallMeter& meter, absl::Duration limit,
                                                    std::function<absl::Status()> client) {
  return std::make_shared<CancelToken>([meter, limit, client = std::move(client)]() -> absl::Status {
    RETURN_IF_ERROR(client());
    if (meter.Age() < limit) return absl::OkStatus();
    return absl::DeadlineExceededError(
        absl::StrCat(meter.rpc(), " took longer than the server's limit of ", absl::ToInt64Seconds(limit), " s"));
  });
}

// The token of a unary call.
inline std::shared_ptr<const CancelToken> CallToken(const CallMeter& meter, absl::Duration limit,
                                                    const grpc::CallbackServerContext* context) {
  return CallToken(meter, limit, [context]() -> absl::Status {
    return context->IsCancelled() ? CancellationStatus(context->deadline()) : absl::OkStatus();
  });
}

// The token of a call that streams its answer.
template <typename Response>
std::shared_ptr<const CancelToken> CallToken(const CallMeter& meter, absl::Duration limit,
                                             std::shared_ptr<StreamReactor<Response>> stream) {
  return CallToken(meter, limit, [stream = std::move(stream)]() -> absl::Status {
    return stream->cancelled() ? stream->Cancellation() : absl::OkStatus();
  });
}

}  // namespace metronome::server

#endif  // METRONOME_SERVER_RPC_CALL_TOKEN_H_
