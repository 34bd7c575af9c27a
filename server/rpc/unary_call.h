#ifndef METRONOME_SERVER_RPC_UNARY_CALL_H_
#define METRONOME_SERVER_RPC_UNARY_CALL_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "runtime/base/clock.h"
#include "server/metrics.h"
#include "server/rpc/grpc_status.h"
#include "server/rpc/guard.h"
#include "server/work_queue.h"

namespace metronome {

// Measures one RPC: from construction to Done, which the last of its copies calls once.
class CallMeter {
 public:
  CallMeter(absl::string_view rpc, Metrics& metrics, const Clock& clock)
      : rpc_(rpc), metrics_(metrics), clock_(clock), received_ns_(clock.MonotonicNs()) {
    metrics.RequestStarted();
  }

  absl::string_view rpc() const { return rpc_; }
  int64_t received_ns() const { return received_ns_; }
  absl::Duration Age() const { return absl::Nanoseconds(clock_.MonotonicNs() - received_ns_); }
  void Done(absl::StatusCode code) const {
    metrics_.RequestFinished(rpc_, absl::StatusCodeToString(code),
                             static_cast<double>(clock_.MonotonicNs() - received_ns_) * 1e-9);
  }

 private:
  absl::string_view rpc_;  // A literal.
  Metrics& metrics_;
  const Clock& clock_;
  int64_t received_ns_;
};

// Ends a unary RPC with a status; called once.
using FinishCall = std::function<void(const absl::Status&)>;

inline FinishCall FinishOf(grpc::ServerUnaryReactor* reactor, const CallMeter& meter) {
  return [reactor, meter](const absl::Status& status) {
    meter.Done(status.code());
    reactor->Finish(ToGrpcStatus(status));
  };
}

// Answers a unary RPC with what `work` returns, run on `queue`; a refusal of the queue is the answer too, and so is an
// exception.
inline grpc::ServerUnaryReactor* AnswerFrom(WorkQueue& queue, grpc::CallbackServerContext* context, CallMeter meter,
                                            std::function<absl::Status()> work,
                                            WorkQueue::JobKind kind = WorkQueue::JobKind::kTurn) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const FinishCall finish = FinishOf(reactor, meter);
  const absl::Status queued =
      queue.Submit([finish, meter, work = std::move(work)] { finish(Guarded(meter.rpc(), work)); }, kind);
  if (!queued.ok()) finish(queued);
  return reactor;
}

}  // namespace metronome

#endif  // METRONOME_SERVER_RPC_UNARY_CALL_H_
