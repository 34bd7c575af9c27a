#ifndef METRONOME_SERVER_WEB_CONNECTION_POOL_H_
#define METRONOME_SERVER_WEB_CONNECTION_POOL_H_

#include <httplib.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace metronome::server {

// The threads that serve connections. As many may wait as there is room for; then nobody is accepted until one has
// ended, so that strangers hold no more of the process than that. The threads leave the processor to a measurement
// where both want it.
class ConnectionPool final : public httplib::TaskQueue {
 public:
  ConnectionPool(size_t threads, size_t room);

  void enqueue(std::function<void()> serve) override;  // Waits for room.
  void shutdown() override;                            // Serves what waits, then ends the threads.

 private:
  void Run();
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return waiting_.size() < room_ || stopping_; }
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !waiting_.empty() || stopping_; }

  const size_t room_;
  absl::Mutex mutex_;
  std::deque<std::function<void()>> waiting_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_WEB_CONNECTION_POOL_H_
