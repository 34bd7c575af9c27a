#ifndef METRONOME_KERNELS_CUDA_PRIMITIVES_DEVICE_CUH_
#define METRONOME_KERNELS_CUDA_PRIMITIVES_DEVICE_CUH_

// The layer between kernels and what compiles them: nvcc, NVRTC, or a C++ compiler with kernels/cuda/emulation. Kernels
// use CUDA's names (threadIdx, __syncthreads, __shfl_xor_sync, ...) and what is declared here, never a CUDA header.

#include <cstddef>
#include <cstdint>

#if defined(__CUDACC_RTC__)
#include "kernels/cuda/program/nvrtc/prelude.cuh"
#endif
#include "kernels/cuda/primitives/device_context.h"
#include "kernels/interface/dtype_enum.h"

#if defined(__CUDACC__)
#if !defined(__CUDACC_RTC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#endif

#define METRONOME_UNROLL _Pragma("unroll")
// An array in the block's shared memory, aligned for vectors.
#define METRONOME_SHARED(type, name, count) __shared__ __align__(16) type name[count]
// The shared memory whose size the launch chooses; one per kernel.
#define METRONOME_DYNAMIC_SHARED(type, name)                                 \
  extern __shared__ __align__(128) unsigned char metronome_dynamic_shared[]; \
  type* const name = reinterpret_cast<type*>(metronome_dynamic_shared)
#else
#include "kernels/cuda/emulation/builtins.h"
#include "kernels/cuda/emulation/recorder.h"
#include "kernels/interface/dtype.h"

#define METRONOME_UNROLL
#define METRONOME_SHARED(type, name, count)                                                                  \
  static const char name##_site = 0;                                                                         \
  type* const name =                                                                                         \
      static_cast<type*>(::metronome::kernels::cuda::emulation::Multiprocessor::OfThisThread().StaticShared( \
          &name##_site, sizeof(type) * (count)))
#define METRONOME_DYNAMIC_SHARED(type, name) \
  type* const name =                         \
      static_cast<type*>(::metronome::kernels::cuda::emulation::Multiprocessor::OfThisThread().DynamicShared())
#endif

// The threads of a kernel's blocks, and room for 128 registers each: without a number, ptxas may prefer to spill.
#define METRONOME_BLOCK_THREADS(threads) __launch_bounds__(threads, 512 / (threads))

namespace metronome::kernels::cuda {

inline constexpr int kWarpLanes = 32;
inline constexpr uint32_t kAllLanes = 0xffffffffu;

#if defined(__CUDACC__)
using bf16 = __nv_bfloat16;
using f16 = __half;
#else
using bf16 = BFloat16;
using f16 = Float16;
#endif

// What a float dtype computes in.
__device__ __forceinline__ float ToFloat(float value) { return value; }
#if defined(__CUDACC__)
__device__ __forceinline__ float ToFloat(bf16 value) { return __bfloat162float(value); }
__device__ __forceinline__ float ToFloat(f16 value) { return __half2float(value); }
#else
inline float ToFloat(bf16 value) { return static_cast<float>(value); }
inline float ToFloat(f16 value) { return static_cast<float>(value); }
#endif

// Rounds to nearest, ties to even.
template <typename T>
__device__ __forceinline__ T FromFloat(float value);
template <>
__device__ __forceinline__ float FromFloat<float>(float value) {
  return value;
}
#if defined(__CUDACC__)
template <>
__device__ __forceinline__ bf16 FromFloat<bf16>(float value) {
  return __float2bfloat16_rn(value);
}
template <>
__device__ __forceinline__ f16 FromFloat<f16>(float value) {
  return __float2half_rn(value);
}
#else
template <>
inline bf16 FromFloat<bf16>(float value) {
  return bf16(value);
}
template <>
inline f16 FromFloat<f16>(float value) {
  return f16(value);
}
#endif

// `value` as a number of T.
template <typename T>
__device__ __forceinline__ float Round(float value) {
  return ToFloat(FromFloat<T>(value));
}

#if !defined(__CUDACC_RTC__)
// A block has 48 KiB of shared memory, static arrays included, unless a launch asks for more. Launches ask from less
// dynamic memory on, so that no kernel's static arrays take it beyond.
inline constexpr size_t kDynamicBytesWithoutAsking = 32 * 1024;

struct LaunchShape {
  dim3 grid;
  dim3 block;
  size_t shared_bytes = 0;  // METRONOME_DYNAMIC_SHARED.
};

// Enqueues a kernel. Errors are kept for the caller of the launch function: cudaGetLastError, or the emulation's
// TakeError. A grid without blocks is no launch.
template <typename... Parameters, typename... Arguments>
void Launch(const DeviceContext& context, void (*kernel)(Parameters...), const LaunchShape& shape,
            const Arguments&... arguments) {
  if (shape.grid.x == 0 || shape.grid.y == 0 || shape.grid.z == 0) return;
#if defined(__CUDACC__)
  if (shape.shared_bytes > kDynamicBytesWithoutAsking)
    cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                         static_cast<int>(shape.shared_bytes));
  kernel<<<shape.grid, shape.block, shape.shared_bytes, context.stream>>>(static_cast<Parameters>(arguments)...);
#else
  (void)context;
  emulation::RunOrRecord([=] {
    emulation::Multiprocessor::OfThisThread().RunGrid(
        shape.grid, shape.block, shape.shared_bytes, [&] { kernel(static_cast<Parameters>(arguments)...); },
        shape.shared_bytes > kDynamicBytesWithoutAsking);
  });
#endif
}

// Blocks for `units` pieces of work, `per_block` of which a block takes at a time: enough to fill the device a few
// times over. Kernels stride by the grid.
inline unsigned BlocksFor(const DeviceContext& context, int64_t units, int64_t per_block) {
  constexpr int64_t kBlocksPerMultiprocessor = 16;
  const int64_t wanted = (units + per_block - 1) / per_block, most = context.multiprocessors * kBlocksPerMultiprocessor;
  return static_cast<unsigned>(wanted < most ? wanted : most);
}
#endif

// `value`, though the compiler does not know: what follows from it is computed here, and takes no registers before.
__device__ __forceinline__ int Afresh(int value) {
#if defined(__CUDACC__)
  asm volatile("" : "+r"(value));
#endif
  return value;
}

// A type as a value: kernels' launch functions choose it by dtype.
template <typename T>
struct Tag {
  using Type = T;
};

template <typename Function>
void WithFloatType(DType dtype, Function&& function) {
  if (dtype == DType::kBFloat16) return function(Tag<bf16>());
  if (dtype == DType::kFloat16) return function(Tag<f16>());
  return function(Tag<float>());
}

// An unsigned integer of as many bytes, for kernels that only move elements.
template <typename Function>
void WithBits(int bytes, Function&& function) {
  if (bytes == 1) return function(Tag<uint8_t>());
  if (bytes == 2) return function(Tag<uint16_t>());
  return function(Tag<uint32_t>());
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRIMITIVES_DEVICE_CUH_
