#include "kernels/cuda/products/gemm.h"
#include "kernels/cuda/products/gemv.h"
#include "kernels/cuda/products/linear.h"

namespace metronome::kernels::cuda {

// As linear.cc has it, without a library of products: what is timed are our kernels.
void LaunchLinear(const DeviceContext& context, const LinearArgs& args) {
  if (args.m == 0) return;
  if (args.m <= kMaxGemvRows) {
    LaunchGemv(context, args, {}, args.m);
  } else {
    LaunchGemm(context, args, {});
  }
}

}  // namespace metronome::kernels::cuda
