#include "server/web/connection_pool.h"

#include <sys/resource.h>
#include <unistd.h>

#include <utility>

namespace metronome::server {
namespace {

constexpr int kNiceness = 10;  // Nineteen is the most; a page should still come.

}  // namespace

ConnectionPool::ConnectionPool(size_t threads, size_t room) : room_(room) {
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

void ConnectionPool::enqueue(std::function<void()> serve) {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(this, &ConnectionPool::HasRoom));
  waiting_.push_back(std::move(serve));
}

void ConnectionPool::shutdown() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void ConnectionPool::Run() {
  // On Linux a thread has a niceness of its own. Without it pages come all the same.
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNiceness);
  for (;;) {
    std::function<void()> serve;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &ConnectionPool::HasWork));
      if (waiting_.empty()) return;
      serve = std::move(waiting_.front());
      waiting_.pop_front();
    }
    serve();
  }
}

}  // namespace metronome::server
