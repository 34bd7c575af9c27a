#ifndef METRONOME_SERVER_MODEL_PLAN_CACHE_H_
#define METRONOME_SERVER_MODEL_PLAN_CACHE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "compiler/driver/search_plans.h"
#include "compiler/ir/graph.h"
#include "kernels/base/file_store.h"
#include "kernels/interface/backend.h"

namespace metronome::server {

struct CachedPlans {
  runtime::PlanSet plans;
  compiler::CompileReport report;
};

// Searched plans on disk, found again by everything that they depend on. What is damaged, or was written by another
// build, counts as not there. Used by one thread; several processes may share the directory.
class PlanCache {
 public:
  // Errors of FileStore::Open.
  static absl::StatusOr<PlanCache> Open(const std::string& directory, int64_t max_bytes);

  // The graph itself, the device and its kernels, the options of the search, and this build of the program.
  static std::string Key(const kernels::Backend& backend, const compiler::Graph& graph,
                         const compiler::PlanSearchOptions& options);

  std::optional<CachedPlans> Find(const std::string& key) const;
  // A plan that cannot be kept is logged, and searched for again next time.
  void Store(const std::string& key, const runtime::PlanSet& plans, const compiler::CompileReport& report) const;

 private:
  explicit PlanCache(FileStore store) : store_(std::move(store)) {}

  FileStore store_;
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_MODEL_PLAN_CACHE_H_
