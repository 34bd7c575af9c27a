#ifndef METRONOME_SERVER_MODEL_CACHED_PLANS_CODEC_H_
#define METRONOME_SERVER_MODEL_CACHED_PLANS_CODEC_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/model/plan_cache.h"

namespace metronome::server {

std::string EncodeCachedPlans(const runtime::PlanSet& plans, const compiler::CompileReport& report);
// InvalidArgument for anything that EncodeCachedPlans did not write; plans are valid.
absl::StatusOr<CachedPlans> DecodeCachedPlans(absl::string_view bytes);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_MODEL_CACHED_PLANS_CODEC_H_
