#include "kernels/cuda/products/gemv.h"
#include "kernels/cuda/products/gemv_staged.cuh"

namespace metronome::kernels::cuda {
namespace {

template <typename T>
struct WriteSums {
  __device__ __forceinline__ void operator()(const LinearArgs& args, const PartColumns& tile, int, int64_t row,
                                             int64_t column, bool mine, float sum, float up) const {
    if (mine) WriteOutput<T>(args, args.part[tile.part], row, column, sum, up);
  }
};

}  // namespace

bool GemvStages(const LinearArgs& args) {
  if (args.m > kMaxGemvRows || args.k == 0) return false;
  // With what else a block has, two of them fit the smallest multiprocessor.
  constexpr int64_t kMostBytes = 40 * 1024;
  const int64_t rows = args.m <= 2 ? args.m : args.m <= 4 ? 4 : 8;
  if (StagedBytes(args, rows) > kMostBytes || StagedBytes(args, 1) % kVectorBytes != 0) return false;
  bool aligned =
      IsAligned(args.x, kVectorBytes) && IsAligned(args.up, kVectorBytes) && IsAligned(args.norm.weight, kVectorBytes);
  for (int part = 0; part < args.parts; ++part) aligned = aligned && IsAligned(args.part[part].w, kVectorBytes);
  return aligned;
}

void LaunchNormGemv(const DeviceContext& context, const LinearArgs& args) {
  LaunchStagedGemv(context, args, [](auto tag) { return WriteSums<typename decltype(tag)::Type>(); });
}

}  // namespace metronome::kernels::cuda
