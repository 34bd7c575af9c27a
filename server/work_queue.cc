#include "server/work_queue.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rpc/guard.h"

namespace metronome {

WorkQueue::WorkQueue(std::string name, size_t limit)
    : name_(std::move(name)), limit_(limit), thread_([this] { Run(); }) {}

WorkQueue::~WorkQueue() {
  {
    absl::MutexLock lock(&mutex_);
    draining_ = stopping_ = true;
  }
  thread_.join();
}

absl::Status WorkQueue::Submit(std::function<void()> job) {
  absl::MutexLock lock(&mutex_);
  if (draining_) return absl::UnavailableError(absl::StrCat("the ", name_, " is shutting down"));
  if (waiting_ >= limit_)
    return absl::ResourceExhaustedError(absl::StrCat("the ", name_, " queue is full: ", limit_, " requests wait"));
  jobs_.push_back({.run = std::move(job), .submitted = true});
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

bool WorkQueue::has_other_work() const {
  absl::MutexLock lock(&mutex_);
  return !jobs_.empty();
}

void WorkQueue::Run() {
  for (;;) {
    Job job;
    {
      absl::MutexLock lock(&mutex_);
      running_ = false;
      mutex_.Await(absl::Condition(this, &WorkQueue::HasWork));
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
      if (job.submitted) --waiting_;
      running_ = true;
    }
    Guarded(name_, [&] {
      job.run();
      return absl::OkStatus();
    }).IgnoreError();  // It was logged.
  }
}

}  // namespace metronome
