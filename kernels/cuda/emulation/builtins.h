#ifndef METRONOME_KERNELS_CUDA_EMULATION_BUILTINS_H_
#define METRONOME_KERNELS_CUDA_EMULATION_BUILTINS_H_

// What CUDA C++ gives a kernel without an include, for a C++ compiler. Only primitives/device.cuh includes it.

#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <source_location>

#include "kernels/cuda/emulation/multiprocessor.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__

#define threadIdx (::metronome::kernels::cuda::emulation::Multiprocessor::OfThisThread().thread_index())
#define blockIdx (::metronome::kernels::cuda::emulation::Multiprocessor::OfThisThread().block_index())
#define blockDim (::metronome::kernels::cuda::emulation::Multiprocessor::OfThisThread().block_size())
#define gridDim (::metronome::kernels::cuda::emulation::Multiprocessor::OfThisThread().grid_size())

namespace metronome::kernels::cuda {

using dim3 = emulation::Dim3;

namespace emulation {

using Location = std::source_location;

// The values that the lanes of a warp brought.
template <typename T>
class Exchanged {
 public:
  Exchanged(uint32_t mask, Collective kind, const T& value, const Location& where)
      : contributions_(Multiprocessor::OfThisThread().Meet(mask, kind, &value, sizeof(T), where)) {
    static_assert(sizeof(T) <= Multiprocessor::kMaxContributionBytes);
  }
  bool Has(unsigned lane) const { return (contributions_.present >> lane & 1) != 0; }
  T operator[](unsigned lane) const {
    T value;
    std::memcpy(&value, (*contributions_.slots)[lane].data(), sizeof(T));
    return value;
  }

 private:
  Multiprocessor::Contributions contributions_;
};

// The value of lane `source`, or this lane's own where `source` leaves its segment.
template <typename T>
T Shuffle(uint32_t mask, T value, unsigned source, bool inside, const Location& where) {
  const Exchanged<T> values(mask, Collective::kShuffle, value, where);
  if (!inside) return value;
  if (!values.Has(source))
    Multiprocessor::OfThisThread().Fail("a lane reads lane " + std::to_string(source) +
                                        ", which takes no part in the shuffle");
  return values[source];
}

inline unsigned Lane() { return Multiprocessor::OfThisThread().lane(); }

}  // namespace emulation

// NOLINTBEGIN(bugprone-reserved-identifier): CUDA's names.
inline void __syncthreads(const emulation::Location& where = emulation::Location::current()) {
  emulation::Multiprocessor::OfThisThread().BlockBarrier(false, where);
}
inline int __syncthreads_count(int predicate, const emulation::Location& where = emulation::Location::current()) {
  return emulation::Multiprocessor::OfThisThread().BlockBarrier(predicate != 0, where);
}
inline int __syncthreads_or(int predicate, const emulation::Location& where = emulation::Location::current()) {
  return __syncthreads_count(predicate, where) != 0;
}
inline int __syncthreads_and(int predicate, const emulation::Location& where = emulation::Location::current()) {
  return __syncthreads_count(predicate == 0, where) == 0;
}
inline void __syncwarp(uint32_t mask = ~0u, const emulation::Location& where = emulation::Location::current()) {
  emulation::Multiprocessor::OfThisThread().Meet(mask, emulation::Collective::kSync, nullptr, 0, where);
}

template <typename T>
T __shfl_sync(uint32_t mask, T value, int source, int width = 32,
              const emulation::Location& where = emulation::Location::current()) {
  const unsigned segment = emulation::Lane() & ~static_cast<unsigned>(width - 1);
  return emulation::Shuffle(mask, value, segment + (static_cast<unsigned>(source) & static_cast<unsigned>(width - 1)),
                            true, where);
}
template <typename T>
T __shfl_xor_sync(uint32_t mask, T value, int lane_mask, int width = 32,
                  const emulation::Location& where = emulation::Location::current()) {
  const unsigned lane = emulation::Lane(), source = lane ^ static_cast<unsigned>(lane_mask);
  return emulation::Shuffle(mask, value, source, source <= (lane | static_cast<unsigned>(width - 1)), where);
}
template <typename T>
T __shfl_down_sync(uint32_t mask, T value, unsigned delta, int width = 32,
                   const emulation::Location& where = emulation::Location::current()) {
  const unsigned lane = emulation::Lane();
  return emulation::Shuffle(mask, value, lane + delta,
                            (lane & static_cast<unsigned>(width - 1)) + delta < static_cast<unsigned>(width), where);
}
template <typename T>
T __shfl_up_sync(uint32_t mask, T value, unsigned delta, int width = 32,
                 const emulation::Location& where = emulation::Location::current()) {
  const unsigned lane = emulation::Lane();
  return emulation::Shuffle(mask, value, lane - delta, (lane & static_cast<unsigned>(width - 1)) >= delta, where);
}

inline uint32_t __ballot_sync(uint32_t mask, int predicate,
                              const emulation::Location& where = emulation::Location::current()) {
  const emulation::Exchanged<int> values(mask, emulation::Collective::kVote, predicate, where);
  uint32_t ballot = 0;
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (values.Has(lane) && values[lane] != 0) ballot |= 1u << lane;
  }
  return ballot;
}
inline int __any_sync(uint32_t mask, int predicate, const emulation::Location& where = emulation::Location::current()) {
  return __ballot_sync(mask, predicate, where) != 0;
}
inline int __all_sync(uint32_t mask, int predicate, const emulation::Location& where = emulation::Location::current()) {
  return __ballot_sync(mask, predicate == 0, where) == 0;
}

// Blocks run one after the other and threads one at a time: an atomic is the plain operation.
template <typename T>
T atomicAdd(T* at, T value) {
  const T old = *at;
  *at = old + value;
  return old;
}
template <typename T>
T atomicMax(T* at, T value) {
  const T old = *at;
  if (old < value) *at = value;
  return old;
}
template <typename T>
T atomicMin(T* at, T value) {
  const T old = *at;
  if (value < old) *at = value;
  return old;
}
template <typename T>
T atomicExch(T* at, T value) {
  const T old = *at;
  *at = value;
  return old;
}
template <typename T>
T atomicCAS(T* at, T expected, T value) {
  const T old = *at;
  if (old == expected) *at = value;
  return old;
}
template <typename T>
T atomicOr(T* at, T value) {
  const T old = *at;
  *at = old | value;
  return old;
}
template <typename T>
T atomicXor(T* at, T value) {
  const T old = *at;
  *at = old ^ value;
  return old;
}
inline void __threadfence() {}
inline void __threadfence_block() {}

inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline int __popc(uint32_t x) { return std::popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __clz(int x) { return std::countl_zero(static_cast<uint32_t>(x)); }
inline float __int_as_float(int bits) { return std::bit_cast<float>(bits); }
inline int __float_as_int(float value) { return std::bit_cast<int>(value); }
inline float __uint_as_float(uint32_t bits) { return std::bit_cast<float>(bits); }
inline uint32_t __float_as_uint(float value) { return std::bit_cast<uint32_t>(value); }
template <typename T>
T __ldg(const T* at) {
  return *at;
}
// NOLINTEND(bugprone-reserved-identifier)

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_EMULATION_BUILTINS_H_
