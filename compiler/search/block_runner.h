#ifndef METRONOME_COMPILER_SEARCH_BLOCK_RUNNER_H_
#define METRONOME_COMPILER_SEARCH_BLOCK_RUNNER_H_

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "compiler/rolling/roll.h"
#include "compiler/search/recorded_run.h"
#include "compiler/search/search.h"
#include "kernels/base/cancel_token.h"
#include "kernels/interface/backend.h"
#include "runtime/engine/bound_plan.h"
#include "runtime/kv/kv_cache.h"
#include "runtime/weights/weight_store.h"

namespace metronome::compiler {

// Runs forms of one block for one step shape as the model will: with its weights, over a cache that holds `past`
// positions, on instance after instance so that weights come from memory and not from a cache of the processor. Inputs
// and cache contents are random, a function of the seed. Backend, weights, rolled graph and token must outlive it.
//
// Where the backend records launches, times are the device's, between marks in a recording of all instances, as a model
// is served on the graph path. Elsewhere, and for a form that the backend does not record, they are the host's, from
// the first launch until all is done.
//
// The token is asked between runs, and within a run of all instances every 50 ms of it, between two of them. When that
// took a while, because others worked meanwhile, the instance before runs once more, untimed: what is timed next finds
// the processor as if nothing had come in between.
class BlockRunner {
 public:
  static absl::StatusOr<std::unique_ptr<BlockRunner>> Create(kernels::Backend& backend,
                                                             const runtime::WeightStore& weights,
                                                             const RolledGraph& rolled, int block,
                                                             const runtime::StepShape& step, uint64_t seed,
                                                             const CancelToken& token = CancelToken::None());

  // Takes the results of this form, and what it writes to the cache, as those that all others are compared with. It
  // alone runs as lowered; all others are fused as a model's plan is.
  absl::Status SetReference(const Graph& form);

  // Median time of a run of one instance. Errors of the backend and of the token.
  absl::StatusOr<double> TimeNs(const Graph& form, int runs);

  // Checks the candidate against the reference, then times both, taking turns so that drift of the machine's speed
  // cancels; a candidate that is clearly slower is given up early.
  Measurement Compare(const Graph& candidate, const Graph& incumbent, int runs);

  // Largest relative error, in the norm of a whole tensor, that rounding in another order explains.
  static double Tolerance(kernels::DType dtype);

 private:
  // One form bound to all instances that take turns.
  struct Form {
    std::string text;
    std::vector<std::unique_ptr<runtime::Plan>> plans;
    std::vector<std::unique_ptr<runtime::BoundPlan>> bound;  // As instances_.
    bool recording_tried = false;
    std::unique_ptr<RecordedRun> recorded;  // nullptr where it is timed on the host. Fixed to the arena.
  };
  struct Instance {
    const BlockInstance* at = nullptr;
    std::unique_ptr<runtime::KvCache> cache;  // nullptr without states.
  };
  using Values = std::vector<std::vector<float>>;

  BlockRunner(kernels::Backend& backend, const runtime::WeightStore& weights, const Graph& block,
              const runtime::StepShape& step, const CancelToken& token)
      : backend_(backend), weights_(weights), block_(block), step_(step), token_(token) {}

  absl::Status AddInstances(const RolledGraph& rolled, int block, uint64_t seed);
  absl::Status MakeInputs(uint64_t seed);
  absl::StatusOr<Form*> Find(const Graph& form);
  absl::StatusOr<std::unique_ptr<Form>> Bind(const runtime::Plan& plan);
  absl::Status Run(Form& form, size_t instance);
  absl::Status RunAll(Form& form);
  absl::Status EnsureArena(int64_t bytes);
  absl::Status RecordIfPossible(Form& form);
  absl::Status LetOthersIn(Form& form, size_t instance);
  double NowNs() const;                         // A clock that stands still while the backend makes code.
  absl::StatusOr<double> RunAllNs(Form& form);  // Of one instance.
  absl::StatusOr<Values> Read(const Form& form);
  absl::Status CompareWithReference(const Form& form);

  kernels::Backend& backend_;
  const runtime::WeightStore& weights_;
  const Graph& block_;
  runtime::StepShape step_;
  const CancelToken& token_;
  std::vector<runtime::KvStateSpec> states_;
  std::vector<Instance> instances_;
  std::unique_ptr<kernels::Buffer> tokens_;
  std::vector<std::unique_ptr<kernels::Buffer>> input_buffers_;
  std::vector<kernels::TensorView> inputs_;  // By number of the block's input.
  std::unique_ptr<kernels::Buffer> arena_;
  std::list<std::unique_ptr<Form>> forms_;  // Used last first.
  Values reference_;
};

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_SEARCH_BLOCK_RUNNER_H_
