#include "server/pages/documents/concerns.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/pages/documents/verdict.h"

namespace metronome::pages {
namespace {

using Json = nlohmann::json;

constexpr double kForeignShare = 0.1;  // As the daemon's own notes.
constexpr double kProbeShare = 0.1;    // By which two reads of the memory may differ, likewise.

bool IsLoaded(const v1::BenchmarkResult& result) {
  return result.has_foreign_cpu_fraction() && result.foreign_cpu_fraction() > kForeignShare;
}

bool IsThrottled(const v1::BenchmarkResult& result) {
  return result.has_throttle_reasons() && !result.throttle_reasons().empty();
}

bool HasMovingMemory(const v1::BenchmarkResult& result) {
  const double before = result.bandwidth_before_bytes_per_second(), after = result.bandwidth_after_bytes_per_second();
  return before > 0 && after > 0 && std::abs(before - after) > kProbeShare * std::min(before, after);
}

bool IsPartial(const v1::BenchmarkResult& result) {
  return result.spec().layers() > 0 && result.spec().layers() != result.model_layers();
}

bool HasFewIterations(const v1::BenchmarkResult& result) {
  return result.outcome() == "ok" && result.ttft_ms().n() > 0 && result.ttft_ms().n() < kFewestIterations;
}

struct Kind {
  const char* text;
  bool severe;
  bool (*applies)(const v1::BenchmarkResult&);
};

const Kind kKinds[] = {
    {"Failed", true, [](const v1::BenchmarkResult& result) { return result.outcome() == "failed"; }},
    {"Iterations of the same work generated different tokens", true,
     [](const v1::BenchmarkResult& result) { return result.output_digest() == "mixed"; }},
    {"The GPU was throttled", true, IsThrottled},
    {"Other processes took more than a tenth of the machine's processor time", true, IsLoaded},
    {"The memory read at another speed afterwards than before: shares of the bandwidth are guesses", false,
     HasMovingMemory},
    {"Could not be attempted here", false,
     [](const v1::BenchmarkResult& result) { return result.outcome() == "skipped"; }},
    {"Only the first layers of the model were measured", false, IsPartial},
    {"Fewer than nine iterations: too few for a verdict", false, HasFewIterations},
};

}  // namespace

std::string Disturbance(const v1::BenchmarkResult& result) {
  if (IsThrottled(result)) return absl::StrCat("the GPU was throttled: ", result.throttle_reasons());
  if (IsLoaded(result)) {
    return absl::StrFormat("other processes took %.0f%% of the machine's processor time",
                           100 * result.foreign_cpu_fraction());
  }
  return "";
}

nlohmann::json Concerns(const v1::Run& run) {
  Json concerns = Json::array();
  if (run.state() == "failed" || run.state() == "interrupted") {
    concerns.push_back({{"text", absl::StrCat("The run was not finished: it is ", run.state())},
                        {"severe", true},
                        {"results", Json::array()}});
  }
  for (const Kind& kind : kKinds) {
    Json results = Json::array();
    for (int i = 0; i < run.results_size(); ++i) {
      if (kind.applies(run.results(i))) results.push_back(i);
    }
    if (!results.empty()) concerns.push_back({{"text", kind.text}, {"severe", kind.severe}, {"results", results}});
  }
  return concerns;
}

}  // namespace metronome::pages
