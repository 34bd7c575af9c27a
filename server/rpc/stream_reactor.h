#ifndef METRONOME_SERVER_RPC_STREAM_REACTOR_H_
#define METRONOME_SERVER_RPC_STREAM_REACTOR_H_

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "server/rpc/call_context.h"
#include "server/rpc/grpc_status.h"

namespace metronome::server {

// The sending half of a server stream: any thread pushes messages and finishes, gRPC writes them in order. Thread-safe.
// Lives until both gRPC and every holder of a pointer are done.
template <typename Response>
class StreamReactor final : public grpc::ServerWriteReactor<Response> {
 public:
  // `on_done` gets the status the call finished with, once.
  static std::shared_ptr<StreamReactor> Create(grpc::CallbackServerContext& context,
                                               std::function<void(absl::StatusCode)> on_done) {
    auto reactor = std::shared_ptr<StreamReactor>(new StreamReactor(context, std::move(on_done)));
    reactor->self_ = reactor;
    return reactor;
  }

  // Dropped after Finish or cancellation. What waits for a slow reader counts against its client's limit: the message
  // beyond it ends the stream with ResourceExhausted, as if it were cancelled.
  void Push(Response message) {
    absl::MutexLock lock(&mutex_);
    if (final_status_.has_value() || finished_ || cancelled()) return;
    held_bytes_ += static_cast<int64_t>(message.SpaceUsedLong());
    if (absl::Status held = call_.HoldAnswer(held_bytes_); !held.ok()) {
      final_status_ = std::move(held);
      cancelled_.store(true, std::memory_order_relaxed);
      outbox_.resize(writing_ ? 1 : 0);
      held_bytes_ = writing_ ? static_cast<int64_t>(outbox_.front().SpaceUsedLong()) : 0;
      call_.HoldAnswer(held_bytes_).IgnoreError();  // Less always succeeds.
    } else {
      outbox_.push_back(std::move(message));
    }
    WriteNext();
  }

  // Ends the stream once everything pushed has been written. The first call counts.
  void Finish(absl::Status status) {
    absl::MutexLock lock(&mutex_);
    if (final_status_.has_value()) return;
    final_status_ = std::move(status);
    WriteNext();
  }

  // The client has gone, or its deadline has passed: work for it may stop.
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }
  // Why, once cancelled: DeadlineExceeded or Cancelled.
  absl::Status Cancellation() const { return CancellationStatus(deadline_); }

 private:
  StreamReactor(grpc::CallbackServerContext& context, std::function<void(absl::StatusCode)> on_done)
      : call_(CallContext::Of(context)), deadline_(context.deadline()), on_done_(std::move(on_done)) {}

  void WriteNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || finished_) return;
    if (!outbox_.empty() && !cancelled()) {
      writing_ = true;
      this->StartWrite(&outbox_.front());
    } else if (final_status_.has_value()) {
      finished_ = true;
      grpc::ServerWriteReactor<Response>::Finish(ToGrpcStatus(*final_status_));
    }
  }

  void OnWriteDone(bool ok) override {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    held_bytes_ -= static_cast<int64_t>(outbox_.front().SpaceUsedLong());
    call_.HoldAnswer(held_bytes_).IgnoreError();  // Less always succeeds.
    outbox_.pop_front();
    if (!ok) cancelled_.store(true, std::memory_order_relaxed);
    WriteNext();
  }

  void OnCancel() override { cancelled_.store(true, std::memory_order_relaxed); }

  void OnDone() override {
    absl::StatusCode code = absl::StatusCode::kCancelled;
    {
      absl::MutexLock lock(&mutex_);
      finished_ = true;
      if (final_status_.has_value()) code = final_status_->code();
    }
    on_done_(code);
    self_.reset();  // May delete this.
  }

  CallContext& call_;  // Until OnDone, after which nothing is pushed.
  const std::chrono::system_clock::time_point deadline_;
  const std::function<void(absl::StatusCode)> on_done_;
  std::shared_ptr<StreamReactor> self_;
  std::atomic<bool> cancelled_{false};
  absl::Mutex mutex_;
  std::deque<Response> outbox_ ABSL_GUARDED_BY(mutex_);
  int64_t held_bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // Memory of what is in the outbox.
  std::optional<absl::Status> final_status_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_RPC_STREAM_REACTOR_H_
