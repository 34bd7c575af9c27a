#ifndef METRONOME_KERNELS_CUDA_EMULATION_RECORDER_H_
#define METRONOME_KERNELS_CUDA_EMULATION_RECORDER_H_

#include <functional>
#include <utility>
#include <vector>

namespace metronome::kernels::cuda::emulation {

// What a stream that captures has been given, in order.
using Recorded = std::vector<std::function<void()>>;

// Where this thread's work goes: nullptr, the default, runs it at once.
inline Recorded*& CurrentRecording() {
  thread_local Recorded* recording = nullptr;
  return recording;
}

template <typename Work>
void RunOrRecord(Work&& work) {
  if (Recorded* const recording = CurrentRecording(); recording != nullptr) {
    recording->emplace_back(std::forward<Work>(work));
  } else {
    work();
  }
}

}  // namespace metronome::kernels::cuda::emulation

#endif  // METRONOME_KERNELS_CUDA_EMULATION_RECORDER_H_
