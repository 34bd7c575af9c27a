#ifndef METRONOME_KERNELS_CUDA_EMULATION_TENSOR_CORE_H_
#define METRONOME_KERNELS_CUDA_EMULATION_TENSOR_CORE_H_

#include <cstdint>
#include <source_location>

namespace metronome::kernels::cuda::emulation {

// mma.sync.aligned.m16n8k16.row.col.f32.{bf16,f16}.{bf16,f16}.f32 (PTX ISA, "Matrix Fragments for mma.m16n8k16"):
// c += a * b for a [16, 16] and b [16, 8] spread over the warp. `widen` turns the 16 bits of an element into float32.
void MultiplyFragments(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], float (*widen)(uint16_t),
                       const std::source_location& where);

// ldmatrix.sync.aligned.m8n8.x{1,2,4}{,.trans}.shared.b16: lanes 8 i to 8 i + 7 give the addresses of the rows (16
// bytes each) of matrix i.
void LoadMatrices(uint32_t* registers, int count, bool transposed, const void* row, const std::source_location& where);

}  // namespace metronome::kernels::cuda::emulation

#endif  // METRONOME_KERNELS_CUDA_EMULATION_TENSOR_CORE_H_
