#ifndef METRONOME_COMPILER_DRIVER_SEARCH_PLANS_H_
#define METRONOME_COMPILER_DRIVER_SEARCH_PLANS_H_

#include <cstdint>
#include <functional>

#include "absl/status/statusor.h"
#include "compiler/driver/compile.h"
#include "kernels/base/cancel_token.h"
#include "kernels/interface/backend.h"
#include "runtime/weights/weight_store.h"

namespace metronome::compiler {

struct PlanSearchOptions {
  int64_t budget = 100;    // Candidates to time, over all blocks and buckets.
  uint64_t seed = 0;       // Of the order in which they come, and of the data they are timed on.
  int64_t trials = 5;      // Timed runs of each.
  int64_t keep_best = 3;   // Candidates of a block that new ones are bred from.
  int64_t max_seq = 1024;  // The longest step that will be run; buckets beyond it are left out.
  int64_t max_past = 256;  // Positions in the cache while a decode step is timed, at most.
  // Asked between candidates and between the timed runs of one; what that takes is left out of all times, and nothing
  // is timed meanwhile.
  const CancelToken* token = &CancelToken::None();
  std::function<void(double fraction)> progress;  // Of the whole search, [0, 1].
};

// Plans for decode and for each prefill bucket, found by timing forms of the model's blocks on the backend as they will
// run. Each block's form differs from the default only where it was faster again when both were measured once more at
// the end, so no plan is slower than the default's beyond noise; forms that compute something else are rejected. The
// budget goes where the time goes. Takes about a quarter of a second for each candidate at most, and a few runs of each
// block besides. Adds to result.report and replaces result.plans.
// Errors of the token; errors of the backend while it runs the default form.
absl::Status SearchPlans(kernels::Backend& backend, const runtime::WeightStore& weights,
                         const PlanSearchOptions& options, CompileResult& result);

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_DRIVER_SEARCH_PLANS_H_
