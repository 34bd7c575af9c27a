// The kernels of vector_kernels.h over a `Lanes` type that each including file defines for its instructions: kWidth
// floats in a Vector, with Load, Store, partial loads by widening scalars, and arithmetic. Everything is in an unnamed
// namespace so that no copy leaks into code for other machines.

#include <cstring>
#include <type_traits>

#include "kernels/cpu/vector/vector_kernels.h"

namespace metronome::kernels::cpu {
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
  int64_t i = 0;
  if constexpr (std::is_same_v<T, Half>) {
    for (; i + kWidth <= n; i += kWidth) Lanes::StoreHalf(&to[i].bits, Load(from + i));
  }
  for (; i < n; ++i) Round(from[i], to + i);  // bfloat16 is integer arithmetic, which the compiler vectorises.
}

}  // namespace
}  // namespace metronome::kernels::cpu

#include "kernels/cpu/vector/products_inl.h"

namespace metronome::kernels::cpu {
namespace {

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

// Lanes::Max gives its second operand where one is NaN.
float Maximum(const float* x, int64_t n) {
  Vector largest = Lanes::Broadcast(-__builtin_inff());
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) largest = Lanes::Max(Lanes::Load(x + i), largest);
  float result = Lanes::Largest(largest);
  for (; i < n; ++i) result = x[i] > result ? x[i] : result;
  return result;
}

float ExpSum(float* x, int64_t n, float shift) {
  const Vector shifts = Lanes::Broadcast(shift);
  Vector sum = Lanes::Zero();
  const int64_t whole = n / kWidth * kWidth;
  MapRow(x, whole, [&](Vector v) {
    v = Exp(Lanes::Sub(v, shifts));
    sum = Lanes::Add(sum, v);
    return v;
  });
  MapRow(x + whole, n - whole, [&](Vector v) { return Exp(Lanes::Sub(v, shifts)); });
  float total = Lanes::Sum(sum);
  for (int64_t i = whole; i < n; ++i) total += x[i];
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
           float* dots, int64_t dots_stride) {
          WithType(dtype, [&](auto* type) {
            DotRows(x, m, k, static_cast<const std::remove_pointer_t<decltype(type)>*>(w), stride, rows, dots,
                    dots_stride);
          });
        },
    .stream_rows =
        [](VectorDType dtype, const float* x, int64_t m, int64_t k, const void* w, int64_t rows,
           const RowStreams& streams, float* dots, int64_t dots_stride) {
          WithType(dtype, [&](auto* type) {
            StreamRows(x, m, k, static_cast<const std::remove_pointer_t<decltype(type)>*>(w), rows, streams, dots,
                       dots_stride);
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
}  // namespace metronome::kernels::cpu
