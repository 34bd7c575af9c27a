#ifndef METRONOME_SERVER_ENGINE_WORK_QUEUE_H_
#define METRONOME_SERVER_ENGINE_WORK_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "kernels/base/clock.h"

namespace metronome::server {

// One owned thread that runs jobs in the order they were submitted. gRPC's threads only enqueue here, so they never
// block: the engine is one such queue, the database another. A job that throws is logged, and the next one runs:
// whoever waits for its answer is to be told by the job itself (rpc/guard.h). Thread-safe.
class WorkQueue {
 public:
  // How a job shares the thread with others.
  enum class JobKind : uint8_t {
    kTurn,   // Is soon done, or goes on with Continue: also runs while a whole job lets others in.
    kWhole,  // Goes on for as long as it takes, and begins only when no other whole job is under way.
  };

  // `limit` submitted jobs may wait at a time.
  WorkQueue(std::string name, size_t limit, const Clock& clock = Clock::Real());
  // Runs what is queued, then stops.
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  // ResourceExhausted (full; names the limit), Unavailable (after Drain).
  absl::Status Submit(std::function<void()> job, JobKind kind = JobKind::kTurn);

  // Queues `job` whatever the limit or a drain: for the next step of work that was accepted.
  void Continue(std::function<void()> job);

  // For a running whole job: runs turns that wait, oldest first, while `go_on` says yes before each. Other whole jobs
  // keep waiting. Within a turn it does nothing.
  void LetOthersIn(const std::function<bool()>& go_on);

  // Refuses new jobs from now on.
  void Drain();
  // Waits until nothing is queued or running, at most `timeout`; false when time ran out.
  bool WaitIdle(absl::Duration timeout);

  size_t waiting() const;       // Submitted jobs that have not started.
  int64_t busy_ns() const;      // How long jobs have run, the running one included.
  bool has_other_work() const;  // For a running job: anything is queued behind it, or has let it in.

 private:
  void Run();
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || !jobs_.empty(); }
  bool TakeTurn(std::function<void()>& job);
  void RunGuarded(const std::function<void()>& job) const;
  bool IsIdle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return jobs_.empty() && !running_; }

  struct Job {
    std::function<void()> run;
    bool submitted = false;  // Counts against the limit until it starts.
    JobKind kind = JobKind::kTurn;
  };

  const std::string name_;
  const size_t limit_;
  const Clock& clock_;
  mutable absl::Mutex mutex_;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  int64_t running_since_ns_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t finished_ns_ ABSL_GUARDED_BY(mutex_) = 0;  // How long jobs ran that have ended.
  bool letting_in_ ABSL_GUARDED_BY(mutex_) = false;  // A whole job waits for turns.
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_ENGINE_WORK_QUEUE_H_
