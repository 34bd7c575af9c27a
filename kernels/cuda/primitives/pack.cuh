#ifndef METRONOME_KERNELS_CUDA_PRIMITIVES_PACK_CUH_
#define METRONOME_KERNELS_CUDA_PRIMITIVES_PACK_CUH_

#include <cstring>

#include "kernels/cuda/primitives/device.cuh"

// Before a loop whose copies would cost more registers or code than its branches cost time.
#if defined(__CUDACC__)
#define METRONOME_NO_UNROLL _Pragma("unroll 1")
#else
#define METRONOME_NO_UNROLL
#endif

namespace metronome::kernels::cuda {

// The widest access of a thread.
inline constexpr int kVectorBytes = 16;

// Elements that one thread moves together. N is a power of two.
template <typename T, int N>
struct Pack {
  T values[N];
  __device__ __forceinline__ T& operator[](int i) { return values[i]; }
  __device__ __forceinline__ const T& operator[](int i) const { return values[i]; }
};

// Elements in one access.
template <typename T>
inline constexpr int kVectorWidth = kVectorBytes / static_cast<int>(sizeof(T));

template <typename T>
using Vector = Pack<T, kVectorWidth<T>>;

// Bytes that an access to a Pack is aligned to: its own size, or the widest access.
template <typename T, int N>
inline constexpr int kPackAlignment = static_cast<int>(sizeof(T)) * N < kVectorBytes ? static_cast<int>(sizeof(T)) * N
                                                                                     : kVectorBytes;

struct alignas(16) Words {
  uint32_t words[4];
};

template <int kBytes>
struct AccessType;
template <>
struct AccessType<1> {
  using Type = uint8_t;
};
template <>
struct AccessType<2> {
  using Type = uint16_t;
};
template <>
struct AccessType<4> {
  using Type = uint32_t;
};
template <>
struct AccessType<8> {
  using Type = uint64_t;
};
template <>
struct AccessType<16> {
#if defined(__CUDACC__)
  using Type = uint4;
#else
  using Type = Words;
#endif
};

// Hardware faults on a misaligned access; the emulation's machine might not.
template <int kAlignment>
__device__ __forceinline__ void CheckAligned([[maybe_unused]] const void* at) {
#if !defined(__CUDACC__)
  if (reinterpret_cast<uintptr_t>(at) % kAlignment != 0)
    emulation::Multiprocessor::OfThisThread().Fail("misaligned access to " + std::to_string(kAlignment) + " bytes");
#endif
}

template <typename T, int N>
__device__ __forceinline__ Pack<T, N> Load(const T* from) {
  constexpr int kAccess = kPackAlignment<T, N>;
  using Access = typename AccessType<kAccess>::Type;
  CheckAligned<kAccess>(from);
  Pack<T, N> pack;
  METRONOME_UNROLL
  for (int i = 0; i < static_cast<int>(sizeof(pack)) / kAccess; ++i) {
    const Access access = reinterpret_cast<const Access*>(from)[i];
    memcpy(reinterpret_cast<unsigned char*>(&pack) + i * kAccess, &access, kAccess);
  }
  return pack;
}

template <typename T, int N>
__device__ __forceinline__ void Store(T* to, const Pack<T, N>& pack) {
  constexpr int kAccess = kPackAlignment<T, N>;
  using Access = typename AccessType<kAccess>::Type;
  CheckAligned<kAccess>(to);
  METRONOME_UNROLL
  for (int i = 0; i < static_cast<int>(sizeof(pack)) / kAccess; ++i) {
    Access access;
    memcpy(&access, reinterpret_cast<const unsigned char*>(&pack) + i * kAccess, kAccess);
    reinterpret_cast<Access*>(to)[i] = access;
  }
}

// Load, for what is read once and by nobody else, and that no thread of the launch writes: it takes no room in the
// first-level cache from operands that are read again.
template <typename T, int N>
__device__ __forceinline__ Pack<T, N> LoadOnce(const T* from) {
#if defined(__CUDACC__)
  if constexpr (sizeof(Pack<T, N>) == kVectorBytes) {
    uint4 access;
    asm("ld.global.nc.L1::no_allocate.v4.u32 {%0,%1,%2,%3}, [%4];"
        : "=r"(access.x), "=r"(access.y), "=r"(access.z), "=r"(access.w)
        : "l"(from));
    Pack<T, N> pack;
    memcpy(&pack, &access, kVectorBytes);
    return pack;
  }
#endif
  return Load<T, N>(from);
}

template <typename T>
__device__ __forceinline__ Vector<T> LoadVector(const T* from) {
  return Load<T, kVectorWidth<T>>(from);
}
template <typename T>
__device__ __forceinline__ void StoreVector(T* to, const Vector<T>& vector) {
  Store<T, kVectorWidth<T>>(to, vector);
}

// Host: whether an address is a multiple of `bytes`.
inline bool IsAligned(const void* at, int64_t bytes) {
  return reinterpret_cast<uintptr_t>(at) % static_cast<uintptr_t>(bytes) == 0;
}

// Host: the element count of an access that suits rows of `size` elements: a whole vector where each row begins
// aligned.
template <typename T, typename... Pointers>
bool RowsAreVectors(int64_t size, const Pointers*... starts) {
  return size % kVectorWidth<T> == 0 && (IsAligned(starts, kVectorBytes) && ...);
}

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRIMITIVES_PACK_CUH_
