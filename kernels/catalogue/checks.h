#ifndef METRONOME_KERNELS_CATALOGUE_CHECKS_H_
#define METRONOME_KERNELS_CATALOGUE_CHECKS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "kernels/catalogue/catalogue.h"

// The functions that ops.h names in its columns `check` and `cost`. A check has the arity behind it.
namespace metronome::kernels {

absl::Status CheckAddRmsNorm(const KernelArgs& args);
absl::Status CheckAnd(const KernelArgs& args);
absl::Status CheckArgmax(const KernelArgs& args);
absl::Status CheckAttention(const KernelArgs& args);
absl::Status CheckBinary(const KernelArgs& args);
absl::Status CheckBroadcast(const KernelArgs& args);
absl::Status CheckCacheWrite(const KernelArgs& args);
absl::Status CheckCompare(const KernelArgs& args);
absl::Status CheckConcat(const KernelArgs& args);
absl::Status CheckEmbedding(const KernelArgs& args);
absl::Status CheckExpertLinear(const KernelArgs& args);
absl::Status CheckExpertMix(const KernelArgs& args);
absl::Status CheckFused(const KernelArgs& args);
absl::Status CheckGatedActivation(const KernelArgs& args);
absl::Status CheckGatedExperts(const KernelArgs& args);
absl::Status CheckGatedLinear(const KernelArgs& args);
absl::Status CheckGather(const KernelArgs& args);
absl::Status CheckIota(const KernelArgs& args);
absl::Status CheckLinear(const KernelArgs& args);
absl::Status CheckLinearGroup(const KernelArgs& args);
absl::Status CheckMatmul(const KernelArgs& args);
absl::Status CheckQkvRopeCache(const KernelArgs& args);
absl::Status CheckReduce(const KernelArgs& args);
absl::Status CheckRmsNorm(const KernelArgs& args);
absl::Status CheckRope(const KernelArgs& args);
absl::Status CheckSameShape(const KernelArgs& args);
absl::Status CheckSelect(const KernelArgs& args);
absl::Status CheckSlice(const KernelArgs& args);
absl::Status CheckSoftcap(const KernelArgs& args);
absl::Status CheckSoftmax(const KernelArgs& args);
absl::Status CheckTopK(const KernelArgs& args);
absl::Status CheckTranspose(const KernelArgs& args);
absl::Status CheckUnary(const KernelArgs& args);

KernelCost AttentionCost(const KernelArgs& args);
KernelCost CacheWriteCost(const KernelArgs& args);
KernelCost ElementwiseCost(const KernelArgs& args);
KernelCost ExpertCost(const KernelArgs& args);
KernelCost FusedCost(const KernelArgs& args);
KernelCost GatherCost(const KernelArgs& args);
KernelCost GroupCost(const KernelArgs& args);
KernelCost MoveCost(const KernelArgs& args);
KernelCost ProductCost(const KernelArgs& args);
KernelCost QkvRopeCacheCost(const KernelArgs& args);
KernelCost ReduceCost(const KernelArgs& args);
KernelCost RowCost(const KernelArgs& args);

// "silu" and "gelu_tanh", the values of the attribute activation.
bool IsGateActivation(absl::string_view name);

}  // namespace metronome::kernels

#endif  // METRONOME_KERNELS_CATALOGUE_CHECKS_H_
