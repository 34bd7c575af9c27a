#ifndef METRONOME_KERNELS_CUDA_KERNEL_TABLE_H_
#define METRONOME_KERNELS_CUDA_KERNEL_TABLE_H_

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "kernels/cuda/primitives/device_context.h"
#include "kernels/interface/backend.h"

namespace metronome::kernels::cuda {

// Enqueues one catalogue kernel. Arguments have passed the catalogue's check. What the device refuses is found by the
// caller, who asks it for its last error.
using CudaFunction = absl::Status (*)(const DeviceContext& context, const KernelArgs& args);
using CudaFunctionTable = absl::flat_hash_map<absl::string_view, CudaFunction>;

// By catalogue name: every kernel that is written. The same for the device and for its emulation.
const CudaFunctionTable& KernelTable();

// OutOfRange naming the index if one was raised.
absl::Status ToStatus(const IndexFault& fault);

// The families, each in the file of its name.
void AddActivation(CudaFunctionTable& table);
void AddAttention(CudaFunctionTable& table);
void AddElementwise(CudaFunctionTable& table);
void AddExperts(CudaFunctionTable& table);
void AddFused(CudaFunctionTable& table);
void AddLayout(CudaFunctionTable& table);
void AddLinear(CudaFunctionTable& table);
void AddMatmul(CudaFunctionTable& table);
void AddNormalisation(CudaFunctionTable& table);
void AddQkvRopeCache(CudaFunctionTable& table);
void AddReduction(CudaFunctionTable& table);
void AddRotary(CudaFunctionTable& table);
void AddSelection(CudaFunctionTable& table);

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_KERNEL_TABLE_H_
