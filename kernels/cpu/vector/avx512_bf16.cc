// Compiled for AVX-512 F, BW, DQ, VL and BF16.
#include <immintrin.h>

#include <cstdint>

#include "kernels/cpu/vector/vector_kernels.h"

namespace metronome::cpu {
namespace {

constexpr int64_t kWidth = 32;              // Elements of a vector, and of a cache line.
constexpr int64_t kPrefetchElements = 512;  // As for the other streams.

__m512bh Cast(__m512i bits) { return reinterpret_cast<__m512bh>(bits); }

// M rows of x against R streams of w, `stride` apart.
template <int M, int R>
inline void DotTile(const uint16_t* x, int64_t k, const uint16_t* w, int64_t stride, float* dots, int64_t dots_stride,
                    int64_t step) {
  __m512 acc[M * R];
#pragma GCC unroll 16
  for (int i = 0; i < M * R; ++i) acc[i] = _mm512_setzero_ps();
  const auto add = [&](const auto& load, int64_t j) {
    __m512bh xs[M];
#pragma GCC unroll 4
    for (int i = 0; i < M; ++i) xs[i] = Cast(load(x + i * k + j));
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const __m512bh ws = Cast(load(w + r * stride + j));
#pragma GCC unroll 4
      for (int i = 0; i < M; ++i) acc[i * R + r] = _mm512_dpbf16_ps(acc[i * R + r], xs[i], ws);
    }
  };
  int64_t j = 0;
  for (; j + kWidth <= k; j += kWidth) {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) __builtin_prefetch(w + r * stride + j + kPrefetchElements, 0, 3);
    add([](const uint16_t* from) { return _mm512_loadu_si512(from); }, j);
  }
  if (j < k) {
    const auto rest = static_cast<__mmask32>((uint32_t{1} << (k - j)) - 1);
    add([rest](const uint16_t* from) { return _mm512_maskz_loadu_epi16(rest, from); }, j);
  }
#pragma GCC unroll 4
  for (int i = 0; i < M; ++i) {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) dots[i * dots_stride + r * step] = _mm512_reduce_add_ps(acc[i * R + r]);
  }
}

template <int M>
void StreamRows(const uint16_t* x, int64_t k, const uint16_t* w, int64_t rows, float* dots, int64_t dots_stride) {
  constexpr int R = M <= 2 ? 8 : 4;
  const int64_t tiles = rows / R;
  for (int64_t t = 0; t < tiles; ++t) DotTile<M, R>(x, k, w + t * k, tiles * k, dots + t, dots_stride, tiles);
  for (int64_t r = tiles * R; r < rows; ++r) DotTile<M, 1>(x, k, w + r * k, k, dots + r, dots_stride, 1);
}

}  // namespace

void StreamBFloatRows(const void* x_data, int64_t m, int64_t k, const void* w_data, int64_t rows, float* dots,
                      int64_t dots_stride) {
  const auto* x = static_cast<const uint16_t*>(x_data);
  const auto* w = static_cast<const uint16_t*>(w_data);
  for (; m >= 4; m -= 4, x += 4 * k, dots += 4 * dots_stride) StreamRows<4>(x, k, w, rows, dots, dots_stride);
  if (m == 3) StreamRows<3>(x, k, w, rows, dots, dots_stride);
  if (m == 2) StreamRows<2>(x, k, w, rows, dots, dots_stride);
  if (m == 1) StreamRows<1>(x, k, w, rows, dots, dots_stride);
}

}  // namespace metronome::cpu
