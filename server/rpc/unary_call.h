#ifndef METRONOME_SERVER_RPC_UNARY_CALL_H_
#define METRONOME_SERVER_RPC_UNARY_CALL_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "kernels/base/clock.h"
#include "server/engine/work_queue.h"
#include "server/metrics/metrics.h"
#include "server/rpc/call_context.h"
#include "server/rpc/grpc_status.h"
#include "server/rpc/guard.h"

namespace metronome::server {

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

// The answer to a unary RPC that takes several jobs, which share it. The first Finish counts.
class UnaryAnswer : public std::enable_shared_from_this<UnaryAnswer> {
 public:
  UnaryAnswer(grpc::CallbackServerContext* context, CallMeter meter)
      : call_(CallContext::Of(*context)), reactor_(context->DefaultReactor()), meter_(meter) {}

  grpc::ServerUnaryReactor* reactor() const { return reactor_; }
  void Finish(absl::Status status) {
    if (finished_.exchange(true)) return;
    if (status.ok()) status = call_.HoldAnswer(static_cast<int64_t>(call_.answer->ByteSizeLong()));
    meter_.Done(status.code());
    reactor_->Finish(ToGrpcStatus(status));
  }

  // Runs `step` on `queue`. An error of it, an exception or a refusal of the queue is the answer; after OK the answer
  // is for somebody else to give.
  void RunOn(WorkQueue& queue, std::function<absl::Status()> step,
             WorkQueue::JobKind kind = WorkQueue::JobKind::kTurn) {
    const absl::Status queued = queue.Submit(JobOf(std::move(step)), kind);
    if (!queued.ok()) Finish(queued);
  }
  // Likewise, for work that was accepted.
  void ContinueOn(WorkQueue& queue, std::function<absl::Status()> step) { queue.Continue(JobOf(std::move(step))); }

 private:
  std::function<void()> JobOf(std::function<absl::Status()> step) {
    return [self = shared_from_this(), step = std::move(step)] {
      const absl::Status status = Guarded(self->meter_.rpc(), step);
      if (!status.ok()) self->Finish(status);
    };
  }

  CallContext& call_;  // Until Finish.
  grpc::ServerUnaryReactor* const reactor_;
  const CallMeter meter_;
  std::atomic<bool> finished_{false};
};

// Answers a unary RPC with what `work` returns, run on `queue`; a refusal of the queue is the answer too, and so is an
// exception.
inline grpc::ServerUnaryReactor* AnswerFrom(WorkQueue& queue, grpc::CallbackServerContext* context, CallMeter meter,
                                            std::function<absl::Status()> work,
                                            WorkQueue::JobKind kind = WorkQueue::JobKind::kTurn) {
  const auto answer = std::make_shared<UnaryAnswer>(context, meter);
  answer->RunOn(
      queue,
      [answer = answer.get(), work = std::move(work)] {  // The job holds it.
        const absl::Status status = work();
        if (status.ok()) answer->Finish(status);
        return status;
      },
      kind);
  return answer->reactor();
}

}  // namespace metronome::server

#endif  // METRONOME_SERVER_RPC_UNARY_CALL_H_
