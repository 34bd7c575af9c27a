#include <cmath>

#include "kernels/interface/dtype.h"

namespace {

// Eight floats in an array: the compiler makes what vectors its baseline has of the loops.
struct Lanes {
  static constexpr int kWidth = 8;
  struct Vector {
    float lane[kWidth];
  };

  template <typename Function>
  static Vector Make(Function function) {
    Vector v;
    for (int i = 0; i < kWidth; ++i) v.lane[i] = function(i);
    return v;
  }

  static Vector Zero() { return Broadcast(0); }
  static Vector Broadcast(float value) {
    return Make([&](int) { return value; });
  }
  static Vector Load(const float* from) {
    return Make([&](int i) { return from[i]; });
  }
  static void Store(float* to, const Vector& v) {
    for (int i = 0; i < kWidth; ++i) to[i] = v.lane[i];
  }
  static float WidenHalf(uint16_t bits) { return metronome::kernels::Float16::ToFloat(bits); }
  static uint16_t NarrowHalf(float value) { return metronome::kernels::Float16::FromFloat(value); }
  static Vector LoadBFloat(const uint16_t* from) {
    return Make([&](int i) { return std::bit_cast<float>(static_cast<uint32_t>(from[i]) << 16); });
  }
  static Vector LoadHalf(const uint16_t* from) {
    return Make([&](int i) { return WidenHalf(from[i]); });
  }
  static void StoreHalf(uint16_t* to, const Vector& v) {
    for (int i = 0; i < kWidth; ++i) to[i] = NarrowHalf(v.lane[i]);
  }
  static Vector Add(const Vector& a, const Vector& b) {
    return Make([&](int i) { return a.lane[i] + b.lane[i]; });
  }
  static Vector Sub(const Vector& a, const Vector& b) {
    return Make([&](int i) { return a.lane[i] - b.lane[i]; });
  }
  static Vector Mul(const Vector& a, const Vector& b) {
    return Make([&](int i) { return a.lane[i] * b.lane[i]; });
  }
  static Vector Div(const Vector& a, const Vector& b) {
    return Make([&](int i) { return a.lane[i] / b.lane[i]; });
  }
  static Vector Fma(const Vector& a, const Vector& b, const Vector& c) {
    return Make([&](int i) { return a.lane[i] * b.lane[i] + c.lane[i]; });
  }
  // The second operand where either is NaN, as the x86 instructions do.
  static Vector Min(const Vector& a, const Vector& b) {
    return Make([&](int i) { return a.lane[i] < b.lane[i] ? a.lane[i] : b.lane[i]; });
  }
  static Vector Max(const Vector& a, const Vector& b) {
    return Make([&](int i) { return a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i]; });
  }
  static Vector RoundEven(const Vector& v) {
    return Make([&](int i) { return std::nearbyint(v.lane[i]); });
  }
  static Vector ScalePowerOfTwo(const Vector& v, const Vector& n) {
    return Make(
        [&](int i) { return std::isnan(n.lane[i]) ? n.lane[i] : std::ldexp(v.lane[i], static_cast<int>(n.lane[i])); });
  }
  static float Sum(const Vector& v) {
    float sum = 0;
    for (float lane : v.lane) sum += lane;
    return sum;
  }
  static float Largest(const Vector& v) {
    float most = v.lane[0];
    for (float lane : v.lane) most = lane > most ? lane : most;
    return most;
  }
  static Vector SumEach(const Vector (&v)[kWidth]) {
    return Make([&](int i) { return Sum(v[i]); });
  }
};

}  // namespace

#include "kernels/cpu/vector/vector_kernels_inl.h"

namespace metronome::kernels::cpu {
const VectorKernels kPortableKernels = kKernels;
}  // namespace metronome::kernels::cpu
