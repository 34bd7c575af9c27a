#ifndef METRONOME_TESTS_GPU_BENCH_BENCH_MEMORY_CUH_
#define METRONOME_TESTS_GPU_BENCH_BENCH_MEMORY_CUH_

// Where the operands of timed launches lie. Each launch takes other memory than the one before, round and round, so
// that what it reads comes from memory and not from a cache. Contents are random: products of zeros run faster.

#include "kernels/cuda/device/read_probe.h"
#include "tests/gpu/bench/bench_device.cuh"
#include "tests/gpu/bench/bench_launch.h"

namespace metronome::kernels::cuda::bench {

constexpr int kFillThreads = 256;

__device__ __forceinline__ uint32_t Scramble(uint32_t value) {
  value = (value ^ (value >> 16)) * 0x7feb352du;
  return value ^ (value >> 15);
}

// Indices in [0, limit), the `of_row` of each row distinct where there are so many.
__global__ void METRONOME_BLOCK_THREADS(kFillThreads)
    FillIndexKernel(int32_t* data, int64_t count, int64_t of_row, int64_t limit) {
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kFillThreads + threadIdx.x; i < count;
       i += static_cast<int64_t>(gridDim.x) * kFillThreads) {
    const int64_t first = Scramble(static_cast<uint32_t>(i / of_row)) % limit, step = limit % 37 == 0 ? 41 : 37;
    data[i] = static_cast<int32_t>((first + i % of_row * step) % limit);
  }
}

// Memory that is handed out from the front, again and again.
class Ring {
 public:
  bool Open(Device& device, int64_t bytes) {
    data_ = device.Allocate(bytes);
    bytes_ = bytes;
    return data_ != nullptr;
  }
  char* data() const { return data_; }
  int64_t bytes() const { return bytes_; }
  // nullptr where it does not fit.
  void* Take(int64_t bytes) {
    constexpr int64_t kAlignment = 256;
    const int64_t size = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    if (size > bytes_) return nullptr;
    if (at_ + size > bytes_) at_ = 0;
    at_ += size;
    return data_ + at_ - size;
  }

 private:
  char* data_ = nullptr;
  int64_t bytes_ = 0, at_ = 0;
};

class Memory {
 public:
  bool Open(Device& device) {
    if (!random_.Open(device, Device::kLimits.random_bytes) || !outputs_.Open(device, Device::kLimits.output_bytes) ||
        !indices_.Open(device, kIndexBytes))
      return false;
    LaunchFillRandom(device.context, random_.data(), random_.bytes());
    return device.Finish();
  }

  const Ring& random() const { return random_; }

  // Reads more than the device's cache holds, so that no operand of a later launch is there.
  void FlushCache(const Device& device, uint32_t* result) const {
    const int64_t bytes = std::min(random_.bytes(), 4 * device.cache_bytes);
    LaunchReadProbe(device.context, random_.data() + (random_.bytes() - bytes), bytes, result);
  }

  // Calls of a row over memory of their own. None where they do not fit.
  std::vector<Call> CallsOf(Device& device, const Row& row, int count) {
    std::vector<Call> calls;
    for (int i = 0; i < count; ++i) {
      Call call = {.row = &row, .inputs = ParseOperands(row.inputs), .outputs = ParseOperands(row.outputs)};
      for (const Operand& input : call.inputs) {
        // What the launch before wrote is in the cache of a device; weights and keys are not.
        if (i > 0 && call.in.empty() && input.bytes() <= kMostActivationBytes) {
          call.in.push_back(calls[0].in[0]);
        } else {
          call.in.push_back(input.dtype == kernels::DType::kInt32 ? Indices(device, call, input.elements())
                                                                  : random_.Take(input.bytes()));
        }
      }
      for (const Operand& output : call.outputs) call.out.push_back(outputs_.Take(output.bytes()));
      for (const std::vector<void*>* operands : {&call.in, &call.out}) {
        if (std::find(operands->begin(), operands->end(), nullptr) != operands->end()) return {};
      }
      calls.push_back(call);
    }
    return calls;
  }

 private:
  static constexpr int64_t kIndexBytes = int64_t{1} << 20;  // 20 calls of 8192.
  static constexpr int64_t kMostActivationBytes = int64_t{1} << 20;

  static dim3 Blocks(const Device& device, int64_t count) {
    return dim3(kernels::cuda::BlocksFor(device.context, count, kFillThreads));
  }
  void* Indices(Device& device, const Call& call, int64_t count) {
    void* const data = indices_.Take(count * static_cast<int64_t>(sizeof(int32_t)));
    if (data == nullptr) return nullptr;
    const int64_t of_row = std::max<int64_t>(1, count / std::max<int64_t>(1, call.row->tokens));
    kernels::cuda::Launch(device.context, FillIndexKernel, {.grid = Blocks(device, count), .block = dim3(kFillThreads)},
                          static_cast<int32_t*>(data), count, of_row, IndexLimit(call));
    return data;
  }

  Ring random_, outputs_, indices_;
};

}  // namespace metronome::kernels::cuda::bench

#endif  // METRONOME_TESTS_GPU_BENCH_BENCH_MEMORY_CUH_
