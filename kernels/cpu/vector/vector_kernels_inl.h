// The kernels of vector_kernels.h over a `Lanes` type that each including file defines for its instructions: kWidth
// floats in a Vector, with Load, Store, partial loads by widening scalars, and arithmetic. Everything is in an unnamed
// namespace so that no copy leaks into code for other machines.

#include <cstring>
#include <type_traits>

#include "kernels/cpu/vector/vector_kernels.h"

namespace metronome::cpu {
namespace {

using Vector = Lanes::Vector;
constexpr int64_t kWidth = Lanes::kWidth;

struct Narrow16 {
  uint16_t bits;
};
struct BFloat : Narrow16 {};
struct Half : Narrow16 {};

inline float BitsToFloat(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

inline uint32_t FloatToBits(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

inline float Widen(float value) { return value; }
inline float Widen(BFloat value) { return BitsToFloat(static_cast<uint32_t>(value.bits) << 16); }
inline float Widen(Half value) { return Lanes::WidenHalf(value.bits); }

inline Vector Load(const float* from) { return Lanes::Load(from); }
inline Vector Load(const BFloat* from) { return Lanes::LoadBFloat(&from->bits); }
inline Vector Load(const Half* from) { return Lanes::LoadHalf(&from->bits); }

inline void Round(float value, float* to) { *to = value; }
inline void Round(float value, BFloat* to) {
  const uint32_t bits = FloatToBits(value);
  const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;
  to->bits = static_cast<uint16_t>(nan ? (bits >> 16) | 0x40u : (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
inline void Round(float value, Half* to) { to->bits = Lanes::NarrowHalf(value); }

template <typename Function>
inline void WithType(VectorDType dtype, Function&& function) {
  switch (dtype) {
    case VectorDType::kFloat32:
      return function(static_cast<float*>(nullptr));
    case VectorDType::kBFloat16:
      return function(static_cast<BFloat*>(nullptr));
    case VectorDType::kFloat16:
      return function(static_cast<Half*>(nullptr));
  }
}

template <typename T>
void WidenRow(const T* from, int64_t n, float* to) {
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) Lanes::Store(to + i, Load(from + i));
  for (; i < n; ++i) to[i] = Widen(from[i]);
}

template <typename T>
void NarrowRow(const float* from, int64_t n, T* to) {
  for (int64_t i = 0; i < n; ++i) Round(from[i], to + i);
}

// How far ahead of a row's loads its next bytes are asked for: long enough to hide memory latency at the rate one core
// reads, short enough to stay in the first-level cache.
constexpr int64_t kPrefetchBytes = 1024;

// M rows of x against R rows of w at once: R streams keep several memory requests in flight, M reuses each of them.
template <int M, int R, typename T>
inline void DotTile(const float* x, int64_t k, const T* w, int64_t stride, float* dots, int64_t m) {
  Vector acc[R][M];
  for (int r = 0; r < R; ++r) {
    for (int i = 0; i < M; ++i) acc[r][i] = Lanes::Zero();
  }
  int64_t j = 0;
  for (; j + kWidth <= k; j += kWidth) {
    Vector xs[M];
    for (int i = 0; i < M; ++i) xs[i] = Lanes::Load(x + i * k + j);
    for (int r = 0; r < R; ++r) {
      const T* row = w + r * stride + j;
      __builtin_prefetch(reinterpret_cast<const char*>(row) + kPrefetchBytes, 0, 3);
      const Vector ws = Load(row);
      for (int i = 0; i < M; ++i) acc[r][i] = Lanes::Fma(xs[i], ws, acc[r][i]);
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int i = 0; i < M; ++i) {
      float sum = Lanes::Sum(acc[r][i]);
      for (int64_t tail = j; tail < k; ++tail) sum += x[i * k + tail] * Widen(w[r * stride + tail]);
      dots[r * m + i] = sum;
    }
  }
}

template <int M, typename T>
void DotRowsOf(const float* x, int64_t k, const T* w, int64_t stride, int64_t rows, float* dots, int64_t m) {
  constexpr int R = M == 1 ? 8 : 4;
  int64_t r = 0;
  for (; r + R <= rows; r += R) DotTile<M, R>(x, k, w + r * stride, stride, dots + r * m, m);
  for (; r < rows; ++r) DotTile<M, 1>(x, k, w + r * stride, stride, dots + r * m, m);
}

template <typename T>
void DotRows(const float* x, int64_t m, int64_t k, const T* w, int64_t stride, int64_t rows, float* dots) {
  int64_t i = 0;
  for (; i + 4 <= m; i += 4) DotRowsOf<4>(x + i * k, k, w, stride, rows, dots + i, m);
  for (; i + 2 <= m; i += 2) DotRowsOf<2>(x + i * k, k, w, stride, rows, dots + i, m);
  for (; i < m; ++i) DotRowsOf<1>(x + i * k, k, w, stride, rows, dots + i, m);
}

template <int M, typename T>
void MixRowsOf(const float* p, int64_t p_stride, const T* v, int64_t stride, int64_t rows, int64_t n, float* acc) {
  int64_t j = 0;
  for (; j + kWidth <= n; j += kWidth) {
    Vector sums[M];
    for (int i = 0; i < M; ++i) sums[i] = Lanes::Load(acc + i * n + j);
    for (int64_t r = 0; r < rows; ++r) {
      const Vector vs = Load(v + r * stride + j);
      for (int i = 0; i < M; ++i) sums[i] = Lanes::Fma(Lanes::Broadcast(p[i * p_stride + r]), vs, sums[i]);
    }
    for (int i = 0; i < M; ++i) Lanes::Store(acc + i * n + j, sums[i]);
  }
  for (; j < n; ++j) {
    for (int i = 0; i < M; ++i) {
      for (int64_t r = 0; r < rows; ++r) acc[i * n + j] += p[i * p_stride + r] * Widen(v[r * stride + j]);
    }
  }
}

template <typename T>
void MixRows(const float* p, int64_t p_stride, int64_t m, const T* v, int64_t stride, int64_t rows, int64_t n,
             float* acc) {
  int64_t i = 0;
  for (; i + 4 <= m; i += 4) MixRowsOf<4>(p + i * p_stride, p_stride, v, stride, rows, n, acc + i * n);
  for (; i < m; ++i) MixRowsOf<1>(p + i * p_stride, p_stride, v, stride, rows, n, acc + i * n);
}

// exp(x) = 2^n * exp(r), |r| <= ln(2) / 2, with the polynomial of Cephes' expf (Moshier 1989). The bounds lie just past
// those where the result becomes 0 and infinity; NaN stays NaN.
inline Vector Exp(Vector x) {
  x = Lanes::Min(Lanes::Broadcast(89.0f), Lanes::Max(Lanes::Broadcast(-104.0f), x));
  const Vector n = Lanes::RoundEven(Lanes::Mul(x, Lanes::Broadcast(1.44269504088896341f)));
  Vector r = Lanes::Fma(n, Lanes::Broadcast(-0.693359375f), x);
  r = Lanes::Fma(n, Lanes::Broadcast(2.12194440e-4f), r);
  Vector p = Lanes::Broadcast(1.9875691500e-4f);
  constexpr float kCoefficients[] = {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f,
                                     5.0000001201e-1f};
  for (const float c : kCoefficients) p = Lanes::Fma(p, r, Lanes::Broadcast(c));
  p = Lanes::Add(Lanes::Fma(p, Lanes::Mul(r, r), r), Lanes::Broadcast(1.0f));
  return Lanes::ScalePowerOfTwo(p, n);
}

inline Vector Silu(Vector x) {
  const Vector one = Lanes::Broadcast(1.0f);
  return Lanes::Div(x, Lanes::Add(one, Exp(Lanes::Sub(Lanes::Zero(), x))));
}

// tanh(u) = 1 - 2 / (exp(2u) + 1), so gelu(x) = x * (1 - 1 / (exp(2u) + 1)).
inline Vector GeluTanh(Vector x) {
  const Vector one = Lanes::Broadcast(1.0f);
  const Vector cubic = Lanes::Mul(Lanes::Mul(x, x), x);
  const Vector u2 =
      Lanes::Mul(Lanes::Broadcast(1.5957691216057308f), Lanes::Fma(Lanes::Broadcast(0.044715f), cubic, x));
  return Lanes::Mul(x, Lanes::Sub(one, Lanes::Div(one, Lanes::Add(Exp(u2), one))));
}

// Applies a vector function in place; the tail goes through a padded copy so that every element takes the same path.
template <typename Function>
inline void MapRow(float* x, int64_t n, Function function) {
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) Lanes::Store(x + i, function(Lanes::Load(x + i)));
  if (i == n) return;
  float padded[kWidth] = {};
  std::memcpy(padded, x + i, static_cast<size_t>(n - i) * sizeof(float));
  Lanes::Store(padded, function(Lanes::Load(padded)));
  std::memcpy(x + i, padded, static_cast<size_t>(n - i) * sizeof(float));
}

float SumSquares(const float* x, int64_t n) {
  Vector sum = Lanes::Zero();
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) sum = Lanes::Fma(Lanes::Load(x + i), Lanes::Load(x + i), sum);
  float total = Lanes::Sum(sum);
  for (; i < n; ++i) total += x[i] * x[i];
  return total;
}

float Maximum(const float* x, int64_t n) {
  float largest = -__builtin_inff();
  for (int64_t i = 0; i < n; ++i) largest = x[i] > largest || x[i] != x[i] ? x[i] : largest;
  return largest;
}

float ExpSum(float* x, int64_t n, float shift) {
  const Vector shifts = Lanes::Broadcast(shift);
  MapRow(x, n, [&](Vector v) { return Exp(Lanes::Sub(v, shifts)); });
  Vector sum = Lanes::Zero();
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) sum = Lanes::Add(sum, Lanes::Load(x + i));
  float total = Lanes::Sum(sum);
  for (; i < n; ++i) total += x[i];
  return total;
}

void Rotate(float* x, const float* cos, const float* sin, int64_t d) {
  const int64_t half = d / 2;
  for (int64_t i = 0; i < half; ++i) {
    const float low = x[i], high = x[half + i];
    x[i] = low * cos[i] - high * sin[i];
    x[half + i] = high * cos[half + i] + low * sin[half + i];
  }
}

constexpr VectorKernels kKernels = {
    .widen =
        [](VectorDType dtype, const void* from, int64_t n, float* to) {
          WithType(dtype, [&](auto* type) {
            WidenRow(static_cast<const std::remove_pointer_t<decltype(type)>*>(from), n, to);
          });
        },
    .narrow =
        [](VectorDType dtype, const float* from, int64_t n, void* to) {
          WithType(dtype, [&](auto* type) { NarrowRow(from, n, static_cast<decltype(type)>(to)); });
        },
    .dot_rows =
        [](VectorDType dtype, const float* x, int64_t m, int64_t k, const void* w, int64_t stride, int64_t rows,
           float* dots) {
          WithType(dtype, [&](auto* type) {
            DotRows(x, m, k, static_cast<const std::remove_pointer_t<decltype(type)>*>(w), stride, rows, dots);
          });
        },
    .mix_rows =
        [](VectorDType dtype, const float* p, int64_t p_stride, int64_t m, const void* v, int64_t stride, int64_t rows,
           int64_t n, float* acc) {
          WithType(dtype, [&](auto* type) {
            MixRows(p, p_stride, m, static_cast<const std::remove_pointer_t<decltype(type)>*>(v), stride, rows, n, acc);
          });
        },
    .sum_squares = SumSquares,
    .maximum = Maximum,
    .exp_sum = ExpSum,
    .silu = [](float* x, int64_t n) { MapRow(x, n, Silu); },
    .gelu_tanh = [](float* x, int64_t n) { MapRow(x, n, GeluTanh); },
    .scale =
        [](float* x, int64_t n, float factor) {
          for (int64_t i = 0; i < n; ++i) x[i] *= factor;
        },
    .multiply =
        [](float* x, const float* y, int64_t n, float offset) {
          for (int64_t i = 0; i < n; ++i) x[i] *= y[i] + offset;
        },
    .add =
        [](float* x, const float* y, int64_t n) {
          for (int64_t i = 0; i < n; ++i) x[i] += y[i];
        },
    .rotate = Rotate,
};

}  // namespace
}  // namespace metronome::cpu
