#ifndef METRONOME_KERNELS_CUDA_EMULATION_FIBER_H_
#define METRONOME_KERNELS_CUDA_EMULATION_FIBER_H_

#include <cstddef>
#include <memory>

namespace metronome::kernels::cuda::emulation {

// A function that runs on a stack of its own and can stop in the middle. One OS thread starts, resumes and destroys it.
// A fiber that is never resumed again is dropped without running the destructors on its stack.
class Fiber {
 public:
  static constexpr size_t kStackBytes = 128 * 1024;  // Kernels keep little on it; an unmapped page lies below.

  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // The next Resume calls entry(argument).
  void Start(void (*entry)(void*), void* argument);
  // Runs until Suspend or the end of the entry. Not called on a fiber, nor once finished() is true.
  void Resume();
  // On the fiber: returns to the caller of Resume.
  void Suspend();
  bool finished() const { return finished_; }

  struct Context;

 private:
  static void Run(Fiber* fiber);

  void (*entry_)(void*) = nullptr;
  void* argument_ = nullptr;
  bool finished_ = true;
  std::byte* stack_;  // Of kStackBytes.
  std::unique_ptr<Context> context_;
};

}  // namespace metronome::kernels::cuda::emulation

#endif  // METRONOME_KERNELS_CUDA_EMULATION_FIBER_H_
