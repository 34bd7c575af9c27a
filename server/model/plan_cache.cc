#include "server/model/plan_cache.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/daemon/program_identity.h"
#include "server/model/cached_plans_codec.h"
#include "spdlog/spdlog.h"

namespace metronome::server {
absl::StatusOr<PlanCache> PlanCache::Open(const std::string& directory, int64_t max_bytes) {
  absl::StatusOr<FileStore> store = FileStore::Open(directory, max_bytes);
  if (!store.ok()) return store.status();
  return PlanCache(*std::move(store));
}

std::string PlanCache::Key(const kernels::Backend& backend, const compiler::Graph& graph,
                           const compiler::PlanSearchOptions& options) {
  const kernels::DeviceInfo device = backend.Describe();
  return absl::StrCat("program ", ProgramIdentity(), "\nbackend ", backend.name(), "\ndevice ", device.name, "\nisa ",
                      device.instruction_set, "\nruntime ", device.runtime, "\nlibraries ", device.libraries,
                      "\nthreads ", device.threads, "\ntuning ", device.tuning, "\nbudget ", options.budget, "\nseed ",
                      options.seed, "\ntrials ", options.trials, "\nkeep_best ", options.keep_best, "\nmax_seq ",
                      options.max_seq, "\nmax_past ", options.max_past, "\n", graph.ToString());
}

std::optional<CachedPlans> PlanCache::Find(const std::string& key) const {
  const absl::StatusOr<std::string> bytes = store_.Get(key);
  if (!bytes.ok()) return std::nullopt;
  absl::StatusOr<CachedPlans> plans = DecodeCachedPlans(*bytes);
  if (plans.ok()) return *std::move(plans);
  spdlog::warn("a cached plan is ignored: {}", std::string(plans.status().message()));
  return std::nullopt;
}

void PlanCache::Store(const std::string& key, const runtime::PlanSet& plans,
                      const compiler::CompileReport& report) const {
  const absl::Status status = store_.Put(key, EncodeCachedPlans(plans, report));
  if (!status.ok()) spdlog::warn("the plan cannot be cached: {}", std::string(status.message()));
}

}  // namespace metronome::server
