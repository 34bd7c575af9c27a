#include "kernels/cuda/primitives/pack.cuh"
#include "kernels/cuda/rows/activation.cuh"
#include "kernels/cuda/rows/activation.h"

namespace metronome::kernels::cuda {
namespace {

constexpr int kThreads = 256;

template <int N, typename T>
__global__ void METRONOME_BLOCK_THREADS(kThreads)
    GatedActivationKernel(const __grid_constant__ GatedActivationArgs args) {
  const auto* const gate = static_cast<const T*>(args.gate);
  const auto* const up = static_cast<const T*>(args.up);
  auto* const y = static_cast<T*>(args.y);
  const auto multiply = [&](T gate_value, T up_value) {
    return FromFloat<T>(Round<T>(Activate(args.activation, ToFloat(gate_value))) * ToFloat(up_value));
  };
  const int64_t units = (args.elements + N - 1) / N;
  for (int64_t unit = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; unit < units;
       unit += static_cast<int64_t>(gridDim.x) * kThreads) {
    const int64_t begin = unit * N;
    if (begin + N <= args.elements) {
      const Pack<T, N> gates = Load<T, N>(gate + begin), ups = Load<T, N>(up + begin);
      Pack<T, N> result;
      METRONOME_UNROLL
      for (int i = 0; i < N; ++i) result[i] = multiply(gates[i], ups[i]);
      Store(y + begin, result);
    } else {
      for (int64_t i = begin; i < args.elements; ++i) y[i] = multiply(gate[i], up[i]);
    }
  }
}

template <int N, typename T>
__global__ void METRONOME_BLOCK_THREADS(kThreads) SoftcapKernel(const __grid_constant__ SoftcapArgs args) {
  const auto* const x = static_cast<const T*>(args.x);
  auto* const y = static_cast<T*>(args.y);
  const auto apply = [&](T value) { return FromFloat<T>(args.cap * tanhf(ToFloat(value) / args.cap)); };
  const int64_t units = (args.elements + N - 1) / N;
  for (int64_t unit = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; unit < units;
       unit += static_cast<int64_t>(gridDim.x) * kThreads) {
    const int64_t begin = unit * N;
    if (begin + N <= args.elements) {
      Pack<T, N> pack = Load<T, N>(x + begin);
      METRONOME_UNROLL
      for (int i = 0; i < N; ++i) pack[i] = apply(pack[i]);
      Store(y + begin, pack);
    } else {
      for (int64_t i = begin; i < args.elements; ++i) y[i] = apply(x[i]);
    }
  }
}

template <int N>
LaunchShape Flat(const DeviceContext& context, int64_t elements) {
  return {.grid = dim3(BlocksFor(context, (elements + N - 1) / N, kThreads)), .block = dim3(kThreads)};
}

}  // namespace

void LaunchGatedActivation(const DeviceContext& context, const GatedActivationArgs& args) {
  WithFloatType(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    constexpr int kWidth = kVectorWidth<T>;
    if (IsAligned(args.gate, kVectorBytes) && IsAligned(args.up, kVectorBytes) && IsAligned(args.y, kVectorBytes)) {
      Launch(context, GatedActivationKernel<kWidth, T>, Flat<kWidth>(context, args.elements), args);
    } else {
      Launch(context, GatedActivationKernel<1, T>, Flat<1>(context, args.elements), args);
    }
  });
}

void LaunchSoftcap(const DeviceContext& context, const SoftcapArgs& args) {
  WithFloatType(args.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    constexpr int kWidth = kVectorWidth<T>;
    if (IsAligned(args.x, kVectorBytes) && IsAligned(args.y, kVectorBytes)) {
      Launch(context, SoftcapKernel<kWidth, T>, Flat<kWidth>(context, args.elements), args);
    } else {
      Launch(context, SoftcapKernel<1, T>, Flat<1>(context, args.elements), args);
    }
  });
}

}  // namespace metronome::kernels::cuda
