#ifndef METRONOME_RUNTIME_PLAN_PLAN_H_
#define METRONOME_RUNTIME_PLAN_PLAN_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "kernels/interface/attributes.h"
#include "kernels/interface/dtype.h"
#include "kernels/interface/tensor_view.h"
#include "runtime/plan/dim.h"

namespace metronome::runtime {

// Index into Plan::values.
using ValueId = int32_t;
inline constexpr ValueId kNoValue = -1;

enum class Storage : uint8_t {
  kTokens,     // The step's token ids, int32 [seq].
  kInput,      // Given by the caller, by name: what a part of a model reads from the parts before it.
  kWeight,     // Immutable, by name from the WeightStore.
  kConstant,   // Immutable, contents in the plan.
  kState,      // A session's KV buffer, by name; shape[0] is the capacity and taken from the cache.
  kTemporary,  // In the arena, live from its producer to its last use.
  kAlias,      // Bytes of `alias_of`'s storage under another shape, from `first_row` on.
};

// How synthetic weights fill a tensor that no checkpoint provides.
enum class WeightInit : uint8_t {
  kMatrix,     // [out, in]: zero mean, standard deviation 1 / sqrt(in).
  kEmbedding,  // [vocab, hidden]: zero mean, small enough that a tied head gives finite logits.
  kOnes,       // Norm weights that multiply: near 1.
  kZeros,      // Norm weights stored as an offset from 1: near 0.
  kBias,       // Near 0.
};

struct PlanValue {
  Storage storage = Storage::kTemporary;
  kernels::DType dtype = kernels::DType::kFloat32;
  std::vector<Dim> shape;
  std::string name;                       // kWeight, kState and kInput.
  WeightInit init = WeightInit::kMatrix;  // kWeight.
  std::vector<double> contents;           // kConstant, row-major.
  ValueId alias_of = kNoValue;            // kAlias.
  Dim first_row = 0;                      // kAlias: rows of this value's own size that precede it in the storage.
};

struct KernelCall {
  std::string kernel;  // Catalogue name.
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
  kernels::Attributes attributes;
  std::vector<std::pair<std::string, Dim>> step_attributes;  // Integer attributes evaluated for each step.
};

// A straight-line program for one model or a part of it: kernel calls over values, valid for any step shape. Immutable
// once built; shareable between sessions and threads.
struct Plan {
  std::vector<PlanValue> values;
  std::vector<KernelCall> calls;  // In execution order.
  std::vector<ValueId> results;   // Of a model: the logits [1, vocab] after the step's last token, and int32
                                  // [1], the most likely next token.

  // Deterministic text of the whole plan, one line per call.
  std::string ToString() const;
  // 64-bit FNV-1a of ToString() as 16 hex digits.
  std::string Hash() const;
};

kernels::Shape EvaluateShape(const std::vector<Dim>& shape, const StepShape& step);

// Checks ids in range, values defined before use and written once, aliases within their storage, kernels known to the
// catalogue with operands it accepts at representative step shapes. Internal, naming the call.
absl::Status ValidatePlan(const Plan& plan);

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_PLAN_PLAN_H_
