#ifndef METRONOME_KERNELS_CUDA_PRODUCTS_EXPERTS_H_
#define METRONOME_KERNELS_CUDA_PRODUCTS_EXPERTS_H_

#include <cstdint>

#include "kernels/cuda/primitives/device_context.h"
#include "kernels/cuda/products/linear.h"

namespace metronome::kernels::cuda {

// Rows that go to weights of their own: slot i reads row i / repeat of x, and expert index[i].
struct ExpertRows {
  const int32_t* index = nullptr;  // [slots]; nullptr where all rows have the same weights.
  int64_t slots = 0;
  int64_t repeat = 1;
  int64_t experts = 0;
  int64_t stride = 0;  // Elements of an expert.
};

// Slots up to which experts are read by a GEMV.
inline constexpr int64_t kMaxGemvSlots = 64;

// linear's products with the weights of each slot's expert: args.part[0].w and args.up are those of expert 0, args.m is
// the number of slots. The row of a slot whose index is outside the experts is not written.
// More than kMaxGemvSlots are grouped in the workspace, about 16 bytes for each slot and expert; without that room x
// must have fewer than 2^31 elements.
void LaunchExperts(const DeviceContext& context, const LinearArgs& args, const ExpertRows& rows);

// y[i] = the sum over row i's slots of the slot's product with its expert, rounded, times its weight, rounded.
struct ExpertMixArgs {
  DType dtype = DType::kFloat32;
  const void* x = nullptr;         // [m * slots, k].
  const void* w = nullptr;         // [experts, n, k].
  const int32_t* index = nullptr;  // [m * slots].
  const void* weights = nullptr;   // [m, slots].
  void* y = nullptr;               // [m, n].
  int64_t m = 0;
  int64_t slots = 0;  // Of one row.
  int64_t n = 0;
  int64_t k = 0;
  int64_t experts = 0;
  LinearTuning tuning;
};
void LaunchExpertMix(const DeviceContext& context, const ExpertMixArgs& args);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRODUCTS_EXPERTS_H_
