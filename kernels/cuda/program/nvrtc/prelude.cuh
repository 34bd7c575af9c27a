#ifndef METRONOME_KERNELS_CUDA_PROGRAM_NVRTC_PRELUDE_CUH_
#define METRONOME_KERNELS_CUDA_PROGRAM_NVRTC_PRELUDE_CUH_

// What kernels take from headers that NVRTC does not bring and a machine without the toolkit does not have: sized
// integers, and from cuda_bf16.h and cuda_fp16.h what device.cuh uses, by the same instructions.

using int8_t = signed char;
using int16_t = short;
using int32_t = int;
using int64_t = long;
using uint8_t = unsigned char;
using uint16_t = unsigned short;
using uint32_t = unsigned int;
using uint64_t = unsigned long;
using uintptr_t = unsigned long;

#define INFINITY __int_as_float(0x7f800000)

struct __nv_bfloat16 {
  uint16_t bits;
};
struct __half {
  uint16_t bits;
};

__device__ __forceinline__ float __bfloat162float(__nv_bfloat16 value) {
  return __uint_as_float(static_cast<uint32_t>(value.bits) << 16);
}
__device__ __forceinline__ __nv_bfloat16 __float2bfloat16_rn(float value) {
  __nv_bfloat16 result;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
  return result;
}
__device__ __forceinline__ float __half2float(__half value) {
  float result;
  asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(value.bits));
  return result;
}
__device__ __forceinline__ __half __float2half_rn(float value) {
  __half result;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
  return result;
}

#endif  // METRONOME_KERNELS_CUDA_PROGRAM_NVRTC_PRELUDE_CUH_
