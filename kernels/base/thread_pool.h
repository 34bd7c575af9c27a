#ifndef METRONOME_KERNELS_BASE_THREAD_POOL_H_
#define METRONOME_KERNELS_BASE_THREAD_POOL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"

namespace metronome {

// A fixed team of threads for data-parallel kernels. The caller is member 0; `size() - 1` persistent workers spin
// briefly for the next task, then park on a futex, so that back-to-back kernels of a decode step hand over in about a
// microsecond and an idle daemon uses no CPU.
//
// One task runs at a time: ParallelFor must be called from one thread at a time and must not be nested. Tasks must not
// throw.
class ThreadPool {
 public:
  // `threads` >= 1, the caller included; 0 means one per CPU this process may run on.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  // Runs body(begin, end, member) over disjoint ranges that cover [0, count), each at most `grain` long and starting at
  // a multiple of it; members claim ranges dynamically because virtual CPUs stall unevenly. Blocks until all are done;
  // the effects of every body are visible afterwards. 0 <= member < size(). count <= grain runs inline on the caller.
  void ParallelFor(int64_t count, int64_t grain, absl::FunctionRef<void(int64_t begin, int64_t end, int member)> body);

 private:
  void RunWorker(int member);
  void Drain(int member);

  using Body = absl::FunctionRef<void(int64_t, int64_t, int)>;
  const Body* body_ = nullptr;
  int64_t count_ = 0;
  int64_t grain_ = 1;
  alignas(64) std::atomic<int64_t> next_{0};
  alignas(64) std::atomic<uint32_t> epoch_{0};  // Bumped once per task and once to stop.
  alignas(64) std::atomic<int> running_{0};     // Workers still inside the current task.
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> workers_;
};

}  // namespace metronome

#endif  // METRONOME_KERNELS_BASE_THREAD_POOL_H_
