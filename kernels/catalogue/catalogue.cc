#include "kernels/catalogue/catalogue.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernels/catalogue/catalogue_check.h"
#include "kernels/catalogue/checks.h"

namespace metronome::kernels {
namespace {

using Check = absl::Status (*)(const KernelArgs& args);
using Cost = KernelCost (*)(const KernelArgs& args);

struct Functions {
  Check check;
  Cost cost;
};

// In the order of the enum.
constexpr Functions kFunctions[] = {
#define METRONOME_ROW(id, name, group, least_inputs, most_inputs, least_outputs, most_outputs, check, cost, traits) \
  {check, cost},
    METRONOME_OPS(METRONOME_ROW)
#undef METRONOME_ROW
};

constexpr size_t kKernels = std::count_if(std::begin(kFunctions), std::end(kFunctions),
                                          [](const Functions& row) { return row.check != nullptr; });

constexpr std::array<KernelSpec, kKernels> MakeCatalogue() {
  std::array<KernelSpec, kKernels> catalogue;
  size_t next = 0;
  for (int i = 0; i < kOpCount; ++i) {
    const OpRow& row = kOpTable[i];
    if (kFunctions[i].check == nullptr) continue;
    catalogue[next++] = {.name = row.name,
                         .op = static_cast<Op>(i),
                         .min_inputs = row.least_inputs,
                         .max_inputs = row.most_inputs,
                         .check = kFunctions[i].check,
                         .cost = kFunctions[i].cost,
                         .min_outputs = row.least_outputs,
                         .max_outputs = row.most_outputs};
  }
  return catalogue;
}

constexpr std::array<KernelSpec, kKernels> kCatalogue = MakeCatalogue();

}  // namespace

absl::Status Reject(const KernelArgs& args, absl::string_view why) {
  const auto append = [](std::string* out, const TensorView& view) {
    absl::StrAppend(out, Name(view.dtype), "[", absl::StrJoin(view.shape.dims(), ", "), "]");
  };
  return absl::InvalidArgumentError(absl::StrCat("(", absl::StrJoin(args.inputs, ", ", append), ") -> ",
                                                 absl::StrJoin(args.outputs, ", ", append), ": ", why));
}

absl::Span<const KernelSpec> KernelCatalogue() { return kCatalogue; }

const KernelSpec* FindKernelSpec(absl::string_view name) {
  for (const KernelSpec& spec : kCatalogue) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

absl::Status CheckKernelArgs(absl::string_view name, const KernelArgs& args) {
  const KernelSpec* spec = FindKernelSpec(name);
  if (spec == nullptr) return absl::NotFoundError(absl::StrCat("no kernel named '", name, "'"));
  const int inputs = static_cast<int>(args.inputs.size()), outputs = static_cast<int>(args.outputs.size());
  if (inputs < spec->min_inputs || inputs > spec->max_inputs || outputs < spec->min_outputs ||
      outputs > spec->max_outputs || args.attributes == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(name, " takes ", spec->min_inputs, " to ", spec->max_inputs,
                                                   " inputs and gives ", spec->min_outputs, " to ", spec->max_outputs,
                                                   " outputs, not ", inputs, " and ", outputs));
  }
  if (absl::Status status = spec->check(args); !status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(name, status.message()));
  }
  return absl::OkStatus();
}

}  // namespace metronome::kernels
