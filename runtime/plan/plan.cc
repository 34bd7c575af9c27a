#include "runtime/plan/plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernels/base/hash.h"
#include "kernels/base/status_macros.h"
#include "kernels/catalogue/catalogue.h"
#include "runtime/plan/storage_root.h"

namespace metronome::runtime {
namespace {

absl::string_view StorageName(Storage storage) {
  switch (storage) {
    case Storage::kTokens:
      return "tokens";
    case Storage::kInput:
      return "input";
    case Storage::kWeight:
      return "weight";
    case Storage::kConstant:
      return "constant";
    case Storage::kState:
      return "state";
    case Storage::kTemporary:
      return "temporary";
    case Storage::kAlias:
      return "alias";
  }
  return "unknown";
}

std::string FormatValue(const PlanValue& value, ValueId id) {
  std::string text = absl::StrCat(
      "%", id, " = ", StorageName(value.storage), value.name.empty() ? "" : " ", value.name, " : ", Name(value.dtype),
      "[", absl::StrJoin(value.shape, ", ", [](std::string* out, const Dim& dim) { out->append(dim.ToString()); }),
      "]");
  if (value.alias_of != kNoValue) absl::StrAppend(&text, " of %", value.alias_of);
  if (value.first_row != Dim(0)) absl::StrAppend(&text, " from row ", value.first_row.ToString());
  if (value.storage == Storage::kConstant)
    absl::StrAppend(&text, " ", kernels::Attributes({{"values", value.contents}}).ToString());
  return text;
}

std::string FormatIds(const std::vector<ValueId>& ids) {
  return absl::StrJoin(ids, ", ", [](std::string* out, ValueId id) { absl::StrAppend(out, "%", id); });
}

std::string FormatCall(const KernelCall& call) {
  std::string text = absl::StrCat(FormatIds(call.outputs), " = ", call.kernel, "(", FormatIds(call.inputs), ")");
  if (!call.attributes.empty()) absl::StrAppend(&text, " ", call.attributes.ToString());
  for (const auto& [name, dim] : call.step_attributes) absl::StrAppend(&text, " ", name, "=", dim.ToString());
  return text;
}

// Representative steps, and a capacity that every cache view of them fits in.
constexpr StepShape kValidationSteps[] = {{.seq = 1, .past = 0}, {.seq = 1, .past = 6}, {.seq = 5, .past = 3}};
constexpr int64_t kValidationCapacity = 64;

kernels::TensorView ValidationView(const PlanValue& value, const StepShape& step) {
  kernels::TensorView view{.data = nullptr, .dtype = value.dtype, .shape = EvaluateShape(value.shape, step)};
  if (value.storage == Storage::kState) view.shape[0] = kValidationCapacity;
  return view;
}

absl::Status ValidateCallAt(const Plan& plan, const KernelCall& call, const StepShape& step) {
  std::vector<kernels::TensorView> inputs, outputs;
  for (ValueId id : call.inputs) inputs.push_back(ValidationView(plan.values[id], step));
  for (ValueId id : call.outputs) outputs.push_back(ValidationView(plan.values[id], step));
  kernels::Attributes attributes = call.attributes;
  for (const auto& [name, dim] : call.step_attributes) attributes.Set(name, dim.Evaluate(step));
  return kernels::CheckKernelArgs(call.kernel, {.inputs = inputs, .outputs = outputs, .attributes = &attributes});
}

// An alias must lie within the bytes it stands for.
absl::Status ValidateAlias(const Plan& plan, ValueId id) {
  const PlanValue& value = plan.values[id];
  if (value.alias_of < 0 || value.alias_of >= id) {
    return absl::InternalError(
        absl::StrCat("plan value %", id, " aliases %", value.alias_of, ", which does not precede it"));
  }
  for (const StepShape& step : kValidationSteps) {
    const kernels::TensorView view = ValidationView(value, step),
                              whole = ValidationView(plan.values[value.alias_of], step);
    const int64_t first = value.first_row.Evaluate(step);
    const int64_t rows = view.shape.rank() == 0 ? 1 : view.shape[0];
    const int64_t end = rows == 0 ? 0 : view.bytes() + first * (view.bytes() / rows);
    if (first < 0 || end > whole.bytes()) {
      return absl::InternalError(absl::StrCat("plan value ", FormatValue(value, id), " exceeds the ", whole.bytes(),
                                              " bytes of %", value.alias_of, " at seq ", step.seq, ", past ",
                                              step.past));
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateValue(const Plan& plan, ValueId id) {
  const PlanValue& value = plan.values[id];
  if (value.shape.size() > kernels::kMaxRank) {
    return absl::InternalError(
        absl::StrCat("plan value %", id, " has rank ", value.shape.size(), ", over ", kernels::kMaxRank));
  }
  if (value.storage == Storage::kAlias) RETURN_IF_ERROR(ValidateAlias(plan, id));
  const bool named =
      value.storage == Storage::kWeight || value.storage == Storage::kState || value.storage == Storage::kInput;
  if (named == value.name.empty()) {
    return absl::InternalError(
        absl::StrCat("plan value %", id, " of storage ", StorageName(value.storage), " has name '", value.name, "'"));
  }
  return absl::OkStatus();
}

}  // namespace

std::string Plan::ToString() const {
  std::string text;
  for (size_t id = 0; id < values.size(); ++id)
    absl::StrAppend(&text, FormatValue(values[id], static_cast<ValueId>(id)), "\n");
  for (const KernelCall& call : calls) absl::StrAppend(&text, FormatCall(call), "\n");
  absl::StrAppend(&text, "results ", FormatIds(results), "\n");
  return text;
}

std::string Plan::Hash() const { return absl::StrCat(absl::Hex(Fnv1a(ToString()), absl::kZeroPad16)); }

kernels::Shape EvaluateShape(const std::vector<Dim>& shape, const StepShape& step) {
  int64_t dims[kernels::kMaxRank];
  const size_t rank = std::min<size_t>(shape.size(), kernels::kMaxRank);
  for (size_t axis = 0; axis < rank; ++axis) dims[axis] = shape[axis].Evaluate(step);
  return kernels::Shape(absl::Span<const int64_t>(dims, rank));
}

absl::Status ValidatePlan(const Plan& plan) {
  const ValueId count = static_cast<ValueId>(plan.values.size());
  const auto in_range = [count](ValueId id) { return id >= 0 && id < count; };
  if (plan.results.empty() || !std::all_of(plan.results.begin(), plan.results.end(), in_range))
    return absl::InternalError("plan names no results, or an unknown value among them");

  std::vector<bool> defined(plan.values.size());
  for (ValueId id = 0; id < count; ++id) {
    RETURN_IF_ERROR(ValidateValue(plan, id));
    defined[id] = plan.values[id].storage != Storage::kTemporary && plan.values[id].storage != Storage::kAlias;
  }
  for (const KernelCall& call : plan.calls) {
    for (ValueId id : call.inputs) {
      if (!in_range(id)) return absl::InternalError(absl::StrCat("unknown operand in ", FormatCall(call)));
      if (!defined[StorageRoot(plan, id)])
        return absl::InternalError(absl::StrCat("%", id, " is used before it is written in ", FormatCall(call)));
    }
    for (ValueId id : call.outputs) {
      if (!in_range(id)) return absl::InternalError(absl::StrCat("unknown operand in ", FormatCall(call)));
      const ValueId storage = StorageRoot(plan, id);
      const bool in_place = plan.values[storage].storage == Storage::kState;
      if (defined[storage] && !in_place)
        return absl::InternalError(absl::StrCat("%", id, " is written twice in ", FormatCall(call)));
      defined[storage] = true;
    }
    for (const StepShape& step : kValidationSteps) {
      if (absl::Status status = ValidateCallAt(plan, call, step); !status.ok()) {
        return absl::InternalError(absl::StrCat("plan call ", FormatCall(call), ": ", status.message()));
      }
    }
  }
  for (ValueId id : plan.results) {
    if (!defined[StorageRoot(plan, id)]) return absl::InternalError(absl::StrCat("plan never writes its result %", id));
  }
  return absl::OkStatus();
}

}  // namespace metronome::runtime
