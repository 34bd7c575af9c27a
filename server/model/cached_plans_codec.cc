#include "server/model/cached_plans_codec.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "kernels/base/status_macros.h"
#include "runtime/files/cbor_shape.h"
#include "runtime/plan/plan_codec.h"

namespace metronome::compiler {

// Named as nlohmann's macro wants: reads and writes of each report type, field by field.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SaturationReport, instances, stop_reason, iterations, nodes, classes, elapsed_ms)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SearchLogEntry, number, outcome, detail, candidate_ms, incumbent_ms)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SearchReport, block, seq, past, budget, default_ms, best_ms, log)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(CompileReport, rules_fired, blocks, searches, saturation_ms, search_ms)

}  // namespace metronome::compiler

namespace metronome::server {

namespace {

using Json = nlohmann::json;

// Of the encoding: the whole, report, searches, search, log, entry.
constexpr size_t kMaxDepth = 6;

absl::StatusOr<runtime::PlanSet> DecodePlans(const Json& buckets) {
  runtime::PlanSet plans;
  for (const Json& bucket : buckets) {
    const Json::binary_t& bytes = bucket.at("plan").get_binary();
    ASSIGN_OR_RETURN(runtime::Plan plan,
                     runtime::DecodePlan({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
    plans.push_back({.seq = bucket.at("seq").get<int64_t>(), .plan = std::move(plan)});
  }
  if (plans.empty()) return absl::InvalidArgumentError("it has no plans");
  for (size_t i = 0; i < plans.size(); ++i) {
    if (plans[i].seq < 1 || (i > 0 && plans[i].seq <= plans[i - 1].seq))
      return absl::InvalidArgumentError("its buckets do not ascend");
  }
  return plans;
}

}  // namespace

std::string EncodeCachedPlans(const runtime::PlanSet& plans, const compiler::CompileReport& report) {
  Json buckets = Json::array();
  for (const runtime::BucketPlan& bucket : plans) {
    const std::string bytes = runtime::EncodePlan(bucket.plan);
    buckets.push_back({{"seq", bucket.seq}, {"plan", Json::binary({bytes.begin(), bytes.end()})}});
  }
  const std::vector<uint8_t> bytes = Json::to_cbor({{"buckets", std::move(buckets)}, {"report", report}});
  return {bytes.begin(), bytes.end()};
}

absl::StatusOr<CachedPlans> DecodeCachedPlans(absl::string_view bytes) {
  if (!IsShallowCbor(bytes, kMaxDepth)) return absl::InvalidArgumentError("no such encoding");
  const Json json = Json::from_cbor(bytes, /*strict=*/true, /*allow_exceptions=*/false);
  try {  // The library has no other way to say that a field is missing or of another type.
    CachedPlans cached;
    ASSIGN_OR_RETURN(cached.plans, DecodePlans(json.at("buckets")));
    cached.report = json.at("report").get<compiler::CompileReport>();
    return cached;
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(error.what());
  }
}

}  // namespace metronome::server
