// Compiled for AVX-512 F, BW, DQ and VL.
#include <immintrin.h>

#include <cstdint>

namespace {

struct Lanes {
  static constexpr int kWidth = 16;
  using Vector = __m512;

  static Vector Zero() { return _mm512_setzero_ps(); }
  static Vector Broadcast(float value) { return _mm512_set1_ps(value); }
  static Vector Load(const float* from) { return _mm512_loadu_ps(from); }
  static void Store(float* to, Vector v) { _mm512_storeu_ps(to, v); }
  static float WidenHalf(uint16_t bits) { return _cvtsh_ss(bits); }
  static uint16_t NarrowHalf(float value) { return _cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT); }
  static Vector LoadBFloat(const uint16_t* from) {
    const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
  }
  static Vector LoadHalf(const uint16_t* from) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
  }
  static void StoreHalf(uint16_t* to, Vector v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
  }
  static Vector Add(Vector a, Vector b) { return _mm512_add_ps(a, b); }
  static Vector Sub(Vector a, Vector b) { return _mm512_sub_ps(a, b); }
  static Vector Mul(Vector a, Vector b) { return _mm512_mul_ps(a, b); }
  static Vector Div(Vector a, Vector b) { return _mm512_div_ps(a, b); }
  static Vector Fma(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
  static Vector Min(Vector a, Vector b) { return _mm512_min_ps(a, b); }
  static Vector Max(Vector a, Vector b) { return _mm512_max_ps(a, b); }
  static Vector RoundEven(Vector v) { return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  static Vector ScalePowerOfTwo(Vector v, Vector n) { return _mm512_scalef_ps(v, n); }
  static float Sum(Vector v) {  // In the order of SumEach.
    v = Add(v, _mm512_permute_ps(v, 0x4e));
    v = Add(v, _mm512_permute_ps(v, 0xb1));
    v = Add(v, _mm512_shuffle_f32x4(v, v, 0xb1));
    return _mm512_cvtss_f32(Add(v, _mm512_shuffle_f32x4(v, v, 0x4e)));
  }
  static float Largest(Vector v) { return _mm512_reduce_max_ps(v); }
  // Lane i is the sum of v[i]: each step adds halves of two vectors into one.
  static Vector SumEach(const Vector (&v)[16]) {
    Vector quads[4];
    for (int i = 0; i < 4; ++i) {
      const Vector ab = Add(_mm512_unpacklo_ps(v[4 * i], v[4 * i + 1]), _mm512_unpackhi_ps(v[4 * i], v[4 * i + 1]));
      const Vector cd =
          Add(_mm512_unpacklo_ps(v[4 * i + 2], v[4 * i + 3]), _mm512_unpackhi_ps(v[4 * i + 2], v[4 * i + 3]));
      const __m512d low = _mm512_castps_pd(ab), high = _mm512_castps_pd(cd);
      quads[i] = Add(_mm512_castpd_ps(_mm512_unpacklo_pd(low, high)), _mm512_castpd_ps(_mm512_unpackhi_pd(low, high)));
    }
    const auto fold = [](Vector a, Vector b) {
      return Add(_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xdd));
    };
    return fold(fold(quads[0], quads[1]), fold(quads[2], quads[3]));
  }
};

}  // namespace

#include "kernels/cpu/vector/vector_kernels_inl.h"

namespace metronome::kernels::cpu {
const VectorKernels kAvx512Kernels = kKernels;
}  // namespace metronome::kernels::cpu
