#include "server/engine/work_queue.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/guard.h"

namespace metronome::server {

WorkQueue::WorkQueue(std::string name, size_t limit, const Clock& clock)
    : name_(std::move(name)), limit_(limit), clock_(clock), thread_([this] { Run(); }) {}

WorkQueue::~WorkQueue() {
  {
    absl::MutexLock lock(&mutex_);
    draining_ = stopping_ = true;
  }
  thread_.join();
}

absl::Status WorkQueue::Submit(std::function<void()> job, JobKind kind) {
  absl::MutexLock lock(&mutex_);
  if (draining_) return absl::UnavailableError(absl::StrCat("the ", name_, " is shutting down"));
  if (waiting_ >= limit_)
    return absl::ResourceExhaustedError(absl::StrCat("the ", name_, " queue is full: ", limit_, " requests wait"));
  jobs_.push_back({.run = std::move(job), .submitted = true, .kind = kind});
  ++waiting_;
  return absl::OkStatus();
}

void WorkQueue::Continue(std::function<void()> job) {
  absl::MutexLock lock(&mutex_);
  jobs_.push_back({.run = std::move(job)});
}

void WorkQueue::Drain() {
  absl::MutexLock lock(&mutex_);
  draining_ = true;
}

bool WorkQueue::WaitIdle(absl::Duration timeout) {
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(this, &WorkQueue::IsIdle), timeout);
}

size_t WorkQueue::waiting() const {
  absl::MutexLock lock(&mutex_);
  return waiting_;
}

int64_t WorkQueue::busy_ns() const {
  absl::MutexLock lock(&mutex_);
  return finished_ns_ + (running_ ? clock_.MonotonicNs() - running_since_ns_ : 0);
}

bool WorkQueue::has_other_work() const {
  absl::MutexLock lock(&mutex_);
  return letting_in_ || !jobs_.empty();
}

// The oldest turn that waits; false when there is none.
bool WorkQueue::TakeTurn(std::function<void()>& job) {
  absl::MutexLock lock(&mutex_);
  const auto turn = std::find_if(jobs_.begin(), jobs_.end(), [](const Job& j) { return j.kind == JobKind::kTurn; });
  letting_in_ = turn != jobs_.end();
  if (!letting_in_) return false;
  job = std::move(turn->run);
  if (turn->submitted) --waiting_;
  jobs_.erase(turn);
  return true;
}

void WorkQueue::LetOthersIn(const std::function<bool()>& go_on) {
  {
    absl::MutexLock lock(&mutex_);
    if (letting_in_ || !running_) return;
  }
  for (std::function<void()> job; go_on() && TakeTurn(job);) RunGuarded(job);
  absl::MutexLock lock(&mutex_);
  letting_in_ = false;
}

void WorkQueue::RunGuarded(const std::function<void()>& job) const {
  Guarded(name_, [&] {
    job();
    return absl::OkStatus();
  }).IgnoreError();  // It was logged.
}

void WorkQueue::Run() {
  for (;;) {
    Job job;
    {
      absl::MutexLock lock(&mutex_);
      if (running_) finished_ns_ += clock_.MonotonicNs() - running_since_ns_;
      running_ = false;
      mutex_.Await(absl::Condition(this, &WorkQueue::HasWork));
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
      if (job.submitted) --waiting_;
      running_ = true;
      running_since_ns_ = clock_.MonotonicNs();
    }
    RunGuarded(job.run);
  }
}

}  // namespace metronome::server
