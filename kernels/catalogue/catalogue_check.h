#ifndef METRONOME_KERNELS_CATALOGUE_CATALOGUE_CHECK_H_
#define METRONOME_KERNELS_CATALOGUE_CATALOGUE_CHECK_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "kernels/interface/backend.h"

namespace metronome::kernels {

// InvalidArgument that lists the operands with their types and sizes: "(float32[2, 8]) -> float32[2]: why".
absl::Status Reject(const KernelArgs& args, absl::string_view why);

}  // namespace metronome::kernels

// In a check of `args`.
#define METRONOME_REQUIRE(condition, why) \
  if (!(condition)) return Reject(args, why)

#endif  // METRONOME_KERNELS_CATALOGUE_CATALOGUE_CHECK_H_
