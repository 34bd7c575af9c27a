#ifndef METRONOME_KERNELS_CUDA_PRIMITIVES_MMA_CUH_
#define METRONOME_KERNELS_CUDA_PRIMITIVES_MMA_CUH_

#include "kernels/cuda/primitives/device.cuh"

#if !defined(__CUDACC__)
#include <bit>

#include "kernels/cuda/emulation/tensor_core.h"
#endif

namespace metronome::kernels::cuda {

// Tensor-core products of a warp (sm_80). Fragments hold pairs of 16-bit elements, the lower index in the lower half.

// c [16, 8] += a [16, 16] * b [16, 8], a by rows and b by columns, T is bf16 or f16, sums in float32. Lane 4 g + t
// holds
//   a: rows g, g + 8, g, g + 8 at columns 2 t, 2 t, 2 t + 8, 2 t + 8 and the next;
//   b: rows 2 t and 2 t + 8, and the next, of column g;
//   c: row g, columns 2 t and 2 t + 1; row g + 8 likewise.
template <typename T>
__device__ __forceinline__ void MultiplyAccumulate16x8x16(float (&c)[4], const uint32_t (&a)[4],
                                                          const uint32_t (&b)[2]);

#if defined(__CUDACC__)
#define METRONOME_MMA(type, name)                                                                      \
  template <>                                                                                          \
  __device__ __forceinline__ void MultiplyAccumulate16x8x16<type>(float(&c)[4], const uint32_t(&a)[4], \
                                                                  const uint32_t(&b)[2]) {             \
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." name "." name                                \
                 ".f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};"                             \
                 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])                                      \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));                  \
  }
METRONOME_MMA(bf16, "bf16")
METRONOME_MMA(f16, "f16")
#undef METRONOME_MMA
#else
template <typename T>
void MultiplyAccumulate16x8x16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  emulation::MultiplyFragments(
      c, a, b, [](uint16_t bits) { return ToFloat(std::bit_cast<T>(bits)); }, std::source_location::current());
}
#endif

// Loads four 8 x 8 matrices of 16-bit elements from shared memory: lane 8 i + r gives the address of row r of matrix i,
// aligned to 16 bytes. Lane 4 g + t gets columns 2 t and 2 t + 1 of row g of each; with kTransposed, rows 2 t and 2 t +
// 1 of column g.
template <bool kTransposed = false>
__device__ __forceinline__ void LoadMatrices4(uint32_t (&registers)[4], const void* row) {
#if defined(__CUDACC__)
  const auto address = static_cast<uint32_t>(__cvta_generic_to_shared(row));
  if constexpr (kTransposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
                 : "r"(address)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(registers[0]), "=r"(registers[1]), "=r"(registers[2]), "=r"(registers[3])
                 : "r"(address)
                 : "memory");
  }
#else
  emulation::LoadMatrices(registers, 4, kTransposed, row, std::source_location::current());
#endif
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRIMITIVES_MMA_CUH_
