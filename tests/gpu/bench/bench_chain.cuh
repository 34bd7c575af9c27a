#ifndef METRONOME_TESTS_GPU_BENCH_BENCH_CHAIN_CUH_
#define METRONOME_TESTS_GPU_BENCH_BENCH_CHAIN_CUH_

// What launching costs when nothing is computed: kernels that do nothing, one after the other in a graph.

#include "tests/gpu/bench/bench_device.cuh"

namespace metronome::kernels::cuda::bench {

constexpr int kNullThreads = 256;

struct Link {
  int blocks = 0;
  bool programmatic = false;  // The next kernel's blocks start while this one's end, and wait for it on the device.
  double seconds = 0;         // Of one launch.
};

__global__ void METRONOME_BLOCK_THREADS(kNullThreads) NullKernel() {}

// Lets the next kernel start, and waits for the one before.
__global__ void METRONOME_BLOCK_THREADS(kNullThreads) ProgrammaticNullKernel() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// False where the device has no such edges.
inline bool LaunchProgrammatic([[maybe_unused]] const Device& device, [[maybe_unused]] int blocks) {
#if defined(__CUDACC__)
  cudaLaunchAttribute attribute = {};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(kNullThreads);
  config.stream = device.context.stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  return cudaLaunchKernelEx(&config, ProgrammaticNullKernel) == cudaSuccess;
#else
  return false;
#endif
}

inline bool HasProgrammaticEdges() {
#if defined(__CUDACC__)
  int major = 0;
  return cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0) == cudaSuccess && major >= 9;
#else
  return false;
#endif
}

inline std::vector<Link> TimeChains(Device& device) {
  constexpr int kLaunches = 200, kRepeats = 9;
  std::vector<Link> links;
  for (const int blocks : {1, device.context.multiprocessors, 2 * device.context.multiprocessors}) {
    for (const bool programmatic : {false, true}) {
      if (programmatic && !HasProgrammaticEdges()) continue;
      const double seconds = device.Seconds(kLaunches, kRepeats, [&](int) {
        if (programmatic) {
          LaunchProgrammatic(device, blocks);
        } else {
          Launch(device.context, NullKernel,
                 {.grid = dim3(static_cast<unsigned>(blocks)), .block = dim3(kNullThreads)});
        }
      });
      if (!device.error.empty()) return links;
      links.push_back({blocks, programmatic, seconds});
    }
  }
  return links;
}

}  // namespace metronome::kernels::cuda::bench

#endif  // METRONOME_TESTS_GPU_BENCH_BENCH_CHAIN_CUH_
