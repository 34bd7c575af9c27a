#ifndef METRONOME_RUNTIME_PLAN_PLAN_CODEC_H_
#define METRONOME_RUNTIME_PLAN_PLAN_CODEC_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/plan/plan.h"

namespace metronome::runtime {

// A plan as bytes (CBOR, RFC 8949), exact to the last bit of every number.
std::string EncodePlan(const Plan& plan);

// The plan that EncodePlan wrote. Any other bytes give InvalidArgument, or the errors of ValidatePlan.
absl::StatusOr<Plan> DecodePlan(absl::string_view bytes);

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_PLAN_PLAN_CODEC_H_
