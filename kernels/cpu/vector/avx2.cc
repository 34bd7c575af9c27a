// Compiled for AVX2, FMA and F16C.
#include <immintrin.h>

#include <cstdint>

namespace {

struct Lanes {
  static constexpr int kWidth = 8;
  using Vector = __m256;

  static Vector Zero() { return _mm256_setzero_ps(); }
  static Vector Broadcast(float value) { return _mm256_set1_ps(value); }
  static Vector Load(const float* from) { return _mm256_loadu_ps(from); }
  static void Store(float* to, Vector v) { _mm256_storeu_ps(to, v); }
  static float WidenHalf(uint16_t bits) { return _cvtsh_ss(bits); }
  static uint16_t NarrowHalf(float value) { return _cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT); }
  static Vector LoadBFloat(const uint16_t* from) {
    const __m128i bits = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
  }
  static Vector LoadHalf(const uint16_t* from) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  }
  static void StoreHalf(uint16_t* to, Vector v) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
  }
  static Vector Add(Vector a, Vector b) { return _mm256_add_ps(a, b); }
  static Vector Sub(Vector a, Vector b) { return _mm256_sub_ps(a, b); }
  static Vector Mul(Vector a, Vector b) { return _mm256_mul_ps(a, b); }
  static Vector Div(Vector a, Vector b) { return _mm256_div_ps(a, b); }
  static Vector Fma(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
  static Vector Min(Vector a, Vector b) { return _mm256_min_ps(a, b); }
  static Vector Max(Vector a, Vector b) { return _mm256_max_ps(a, b); }
  static Vector RoundEven(Vector v) { return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
  // n in [-150, 128]: built as two factors, since neither end is a float itself.
  static Vector ScalePowerOfTwo(Vector v, Vector n) {
    const __m256i exponent = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(exponent, 1);
    const auto power = [](__m256i e) {
      return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(e, _mm256_set1_epi32(127)), 23));
    };
    const Vector scaled = _mm256_mul_ps(_mm256_mul_ps(v, power(half)), power(_mm256_sub_epi32(exponent, half)));
    return _mm256_blendv_ps(scaled, n, _mm256_cmp_ps(n, n, _CMP_UNORD_Q));
  }
  static float Sum(Vector v) {  // In the order of SumEach.
    v = _mm256_hadd_ps(v, v);
    v = _mm256_hadd_ps(v, v);
    return _mm_cvtss_f32(_mm_add_ss(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1)));
  }
  static float Largest(Vector v) {
    __m128 most = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    most = _mm_max_ps(most, _mm_movehl_ps(most, most));
    return _mm_cvtss_f32(_mm_max_ss(most, _mm_movehdup_ps(most)));
  }
  // Lane i is the sum of v[i].
  static Vector SumEach(const Vector (&v)[8]) {
    const Vector low = _mm256_hadd_ps(_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));
    const Vector high = _mm256_hadd_ps(_mm256_hadd_ps(v[4], v[5]), _mm256_hadd_ps(v[6], v[7]));
    return Add(_mm256_permute2f128_ps(low, high, 0x20), _mm256_permute2f128_ps(low, high, 0x31));
  }
};

}  // namespace

#include "kernels/cpu/vector/vector_kernels_inl.h"

namespace metronome::kernels::cpu {
const VectorKernels kAvx2Kernels = kKernels;
}  // namespace metronome::kernels::cpu
