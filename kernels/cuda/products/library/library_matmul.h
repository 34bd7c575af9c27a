#ifndef METRONOME_KERNELS_CUDA_PRODUCTS_LIBRARY_LIBRARY_MATMUL_H_
#define METRONOME_KERNELS_CUDA_PRODUCTS_LIBRARY_LIBRARY_MATMUL_H_

#include "absl/strings/string_view.h"
#include "kernels/cuda/primitives/device_context.h"
#include "kernels/cuda/products/library/matmul_library.h"
#include "kernels/cuda/products/linear.h"
#include "kernels/cuda/products/matmul.h"
#include "kernels/interface/backend.h"

namespace metronome::kernels::cuda {

// Rows from which a product of 16-bit numbers goes to the library unless its tuning says otherwise. Up to here reading
// the weights takes longer than the arithmetic, and our tiles share a sum for that; beyond, the library's kernels are
// known to come close to what the device can do. Not measured.
inline constexpr int64_t kMinLibraryRows = 64;

// These products by context.library, where there is one, the tuning chooses it, and it serves them all. False where our
// kernels must compute them instead; the outputs are undefined then, a residual that is one of them is unharmed.
//
// A gated product is two and an activation, with `up` in the context's scratch, for as many rows at a time as have
// room.
bool LaunchLinearByLibrary(const DeviceContext& context, const LinearArgs& args);
bool LaunchMatmulByLibrary(const DeviceContext& context, const MatmulArgs& args, const LinearTuning& tuning);

// How many of its algorithms serve a launch of that kernel with more rows than a GEMV takes; only shapes, dtypes and
// attributes are read. 0 for kernels that it has nothing to do with.
int LibraryAlgorithms(MatmulLibrary& library, absl::string_view kernel, const KernelArgs& args);

// Of the catalogue's matmul.
MatmulArgs MatmulArgsOf(const KernelArgs& args);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_PRODUCTS_LIBRARY_LIBRARY_MATMUL_H_
