#ifndef METRONOME_TESTS_GPU_BENCH_BENCH_DEVICE_CUH_
#define METRONOME_TESTS_GPU_BENCH_BENCH_DEVICE_CUH_

// The device that kernel_bench.cu times: CUDA's first, or, without nvcc, the emulation, where times mean nothing.

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "kernels/cuda/attention/attention.h"
#include "kernels/cuda/primitives/device.cuh"

namespace metronome::kernels::cuda::bench {

struct Limits {
  int64_t random_bytes;  // Of operands that are read, in turns: far more than a cache holds.
  int64_t output_bytes;
  int64_t scratch_bytes;  // At least.
};

class Device {
 public:
  std::string name;
  int64_t cache_bytes = 0;  // Of the second level.
  kernels::cuda::DeviceContext context;
  std::string error;  // The first one; nothing means anything after it.

#if defined(__CUDACC__)
  static constexpr Limits kLimits = {
      .random_bytes = int64_t{2} << 30, .output_bytes = int64_t{256} << 20, .scratch_bytes = int64_t{64} << 20};
  static constexpr int kLaunches = 20;  // Of a graph.
  static constexpr int kRepeats = 5;    // Of its replays.

  static bool Present() {
    int count = 0;
    return cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
  }
  bool Open() {
    cudaDeviceProp properties;
    if (!Ok(cudaSetDevice(0)) || !Ok(cudaGetDeviceProperties(&properties, 0))) return false;
    name = properties.name;
    cache_bytes = properties.l2CacheSize;
    context.multiprocessors = properties.multiProcessorCount;
    return Ok(cudaStreamCreateWithFlags(&context.stream, cudaStreamNonBlocking)) && Ok(cudaEventCreate(&start_)) &&
           Ok(cudaEventCreate(&end_)) && AllocateMeetings();
  }
  char* Allocate(int64_t bytes) {
    void* memory = nullptr;
    return Ok(cudaMalloc(&memory, static_cast<size_t>(bytes))) && Ok(cudaMemset(memory, 0, static_cast<size_t>(bytes)))
               ? static_cast<char*>(memory)
               : nullptr;
  }
  bool Finish() { return Ok(cudaGetLastError()) && Ok(cudaStreamSynchronize(context.stream)); }

  // Seconds of one of `launches` launches, which are replayed as one graph: the median of so many replays. What
  // `before` enqueues runs ahead of each and is not counted.
  double Seconds(int launches, int repeats, const std::function<void(int)>& launch,
                 const std::function<void()>& before = nullptr) {
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    launch(0);  // Loads the code, outside of the capture.
    if (!Finish() || !Ok(cudaStreamBeginCapture(context.stream, cudaStreamCaptureModeThreadLocal))) return 0;
    for (int i = 0; i < launches; ++i) launch(i);
    const bool launched = Ok(cudaGetLastError());
    if (!Ok(cudaStreamEndCapture(context.stream, &graph)) || !launched) return 0;
    const bool made = Ok(cudaGraphInstantiate(&executable, graph, 0));
    cudaGraphDestroy(graph);
    if (!made) return 0;
    std::vector<float> times;
    for (int i = 0; i <= repeats; ++i) {  // The first one warms up.
      float milliseconds = 0;
      if (before != nullptr) before();
      if (!Ok(cudaEventRecord(start_, context.stream)) || !Ok(cudaGraphLaunch(executable, context.stream)) ||
          !Ok(cudaEventRecord(end_, context.stream)) || !Ok(cudaEventSynchronize(end_)) ||
          !Ok(cudaEventElapsedTime(&milliseconds, start_, end_)))
        break;
      if (i > 0) times.push_back(milliseconds);
    }
    cudaGraphExecDestroy(executable);
    return error.empty() ? Median(times) * 1e-3 / launches : 0;
  }

 private:
  bool Ok(cudaError_t result) {
    if (result != cudaSuccess && error.empty()) error = cudaGetErrorString(result);
    return result == cudaSuccess;
  }
  cudaEvent_t start_ = nullptr, end_ = nullptr;
#else
  static constexpr Limits kLimits = {
      .random_bytes = int64_t{1} << 19, .output_bytes = int64_t{1} << 19, .scratch_bytes = int64_t{1} << 19};
  static constexpr int kLaunches = 2, kRepeats = 1;

  static bool Present() { return true; }
  bool Open() {
    name = "emulated";
    cache_bytes = 1 << 16;
    context.multiprocessors = 2;
    return AllocateMeetings();
  }
  char* Allocate(int64_t bytes) {
    // Aligned as CUDA's memory is.
    memory_.push_back(std::vector<char>(static_cast<size_t>(bytes) + kAlignment));
    char* const at = memory_.back().data();
    return at + (kAlignment - reinterpret_cast<uintptr_t>(at) % kAlignment) % kAlignment;
  }
  bool Finish() {
    if (error.empty()) error = kernels::cuda::emulation::Multiprocessor::OfThisThread().TakeError();
    return error.empty();
  }
  double Seconds(int launches, int repeats, const std::function<void(int)>& launch,
                 const std::function<void()>& before = nullptr) {
    std::vector<float> times;
    for (int i = 0; i < repeats; ++i) {
      if (before != nullptr) before();
      const auto start = std::chrono::steady_clock::now();
      for (int j = 0; j < launches; ++j) launch(j);
      if (!Finish()) return 0;
      times.push_back(std::chrono::duration<float>(std::chrono::steady_clock::now() - start).count());
    }
    return Median(times) / launches;
  }

 private:
  static constexpr size_t kAlignment = 256;
  std::vector<std::vector<char> > memory_;
#endif

  static double Median(std::vector<float> times) {
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
  }
  // As the backend has them; the scratch may be larger.
  bool AllocateMeetings() {
    constexpr int64_t kWorkspaceBytes = int64_t{64} << 20;
    const int64_t workspace = std::min(kWorkspaceBytes, kLimits.random_bytes),
                  scratch =
                      std::max(kernels::cuda::AttentionScratchBytes(context.multiprocessors), kLimits.scratch_bytes);
    context.workspace = {.data = Allocate(workspace), .bytes = workspace};
    context.scratch = {.data = Allocate(scratch), .bytes = scratch};
    context.fault = reinterpret_cast<kernels::cuda::IndexFault*>(Allocate(sizeof(kernels::cuda::IndexFault)));
    return context.workspace.data != nullptr && context.scratch.data != nullptr && context.fault != nullptr;
  }
};

}  // namespace metronome::kernels::cuda::bench

#endif  // METRONOME_TESTS_GPU_BENCH_BENCH_DEVICE_CUH_
