#ifndef METRONOME_KERNELS_CPU_VECTOR_VECTOR_KERNELS_H_
#define METRONOME_KERNELS_CPU_VECTOR_VECTOR_KERNELS_H_

#include <cstdint>

#include "kernels/cpu/vector/bfloat_attention.h"

// Included by code compiled for instructions that the machine may lack, so nothing here may define an inline function:
// the linker keeps one copy of each, and it must not be that one.

namespace metronome::kernels::cpu {

enum class VectorDType : uint8_t { kFloat32, kBFloat16, kFloat16 };

// How rows that are read once from memory are gone through. No value changes a bit of the dots.
struct RowStreams {
  int64_t ahead = 0;  // Bytes ahead of its loads that a row is prefetched; 0 leaves that to the hardware.
  int32_t count = 4;  // Rows at a time: 1, 2, 4 or 8; fewer where the sums would not fit the registers.
  bool far = true;    // They lie far apart, each a stream that runs on into its next row; else they are neighbours.
};

// Single-threaded building blocks over rows of numbers, one table for each instruction set. Narrow inputs are widened
// exactly, sums are in float32. Pointers need no alignment. exp and what builds on it are within 4 units in the last
// place of float32.
struct VectorKernels {
  // to[i] = from[i], rounded to nearest even where narrower.
  void (*widen)(VectorDType dtype, const void* from, int64_t n, float* to);
  void (*narrow)(VectorDType dtype, const float* from, int64_t n, void* to);

  // dots[i * dots_stride + r] = sum over j of x[i * k + j] * w[r * stride + j], for m rows of x and `rows` rows of w.
  void (*dot_rows)(VectorDType dtype, const float* x, int64_t m, int64_t k, const void* w, int64_t stride, int64_t rows,
                   float* dots, int64_t dots_stride);
  // The same for long rows that lie one after the other (stride k) and are read once from memory.
  void (*stream_rows)(VectorDType dtype, const float* x, int64_t m, int64_t k, const void* w, int64_t rows,
                      const RowStreams& streams, float* dots, int64_t dots_stride);
  // stream_rows where x and w are bfloat16 and multiplied as they are, with x packed before; nullptr without
  // instructions for that. Subnormal numbers count as 0.
  int64_t (*packed_bfloat_elements)(int64_t m, int64_t k) = nullptr;
  void (*pack_bfloat_rows)(const void* x, int64_t m, int64_t k, void* packed) = nullptr;
  void (*stream_bfloat_rows)(const void* packed, int64_t m, int64_t k, const void* w, int64_t rows,
                             const RowStreams& streams, float* dots, int64_t dots_stride) = nullptr;
  // dot_rows likewise.
  void (*dot_bfloat_rows)(const void* packed, int64_t m, int64_t k, const void* w, int64_t stride, int64_t rows,
                          float* dots, int64_t dots_stride) = nullptr;
  const BFloatAttention* bfloat_attention = nullptr;  // Likewise.
  // acc[i * n + j] += sum over r of p[i * p_stride + r] * v[r * stride + j], for m rows of p and `rows` rows of v.
  void (*mix_rows)(VectorDType dtype, const float* p, int64_t p_stride, int64_t m, const void* v, int64_t stride,
                   int64_t rows, int64_t n, float* acc);

  float (*sum_squares)(const float* x, int64_t n);
  float (*maximum)(const float* x, int64_t n);                          // NaN aside; -infinity for n = 0.
  float (*exp_sum)(float* x, int64_t n, float shift);                   // x = exp(x - shift); returns the sum.
  void (*silu)(float* x, int64_t n);                                    // In place.
  void (*gelu_tanh)(float* x, int64_t n);                               // In place.
  void (*scale)(float* x, int64_t n, float factor);                     // In place.
  void (*multiply)(float* x, const float* y, int64_t n, float offset);  // x *= y + offset.
  void (*add)(float* x, const float* y, int64_t n);                     // x += y.
  // Rotates x [d] by the tables: x = x * cos + rotate_half(x) * sin.
  void (*rotate)(float* x, const float* cos, const float* sin, int64_t d);
};

extern const VectorKernels kPortableKernels;
#if defined(__x86_64__)
extern const VectorKernels kAvx2Kernels;
extern const VectorKernels kAvx512Kernels;
// In avx512_bf16.cc, the only functions that need more.
int64_t PackedBFloatElements(int64_t m, int64_t k);
void PackBFloatRows(const void* x, int64_t m, int64_t k, void* packed);
void DotBFloatRows(const void* packed, int64_t m, int64_t k, const void* w, int64_t stride, int64_t rows, float* dots,
                   int64_t dots_stride);
void StreamBFloatRows(const void* packed, int64_t m, int64_t k, const void* w, int64_t rows, const RowStreams& streams,
                      float* dots, int64_t dots_stride);
#endif

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_VECTOR_VECTOR_KERNELS_H_
