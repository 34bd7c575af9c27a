#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "kernels/base/status_macros.h"
#include "kernels/cpu/check_indices.h"
#include "kernels/cpu/optimised/optimised.h"
#include "kernels/cpu/optimised/row_product.h"
#include "kernels/cpu/optimised/row_steps.h"

namespace metronome::kernels::cpu {
namespace {

// The slots of a launch grouped by expert, each group's rows side by side and prepared: an expert that is named reads
// its weights once for all of them, one that is not is never touched.
class ExpertGroups {
 public:
  struct Group {
    int32_t expert = 0;
    const int32_t* slots = nullptr;  // rows() of them.
    RowProduct product;
  };

  // Slot s multiplies row s / `copies` of x. The caller gets `extra` floats of shared memory besides.
  ExpertGroups(CpuContext& context, TunedForm form, const KernelArgs& args, int64_t copies, int64_t extra = 0)
      : slots_(args.inputs[2].elements()) {
    const TensorView &x = args.inputs[0], &index = args.inputs[2];
    const int64_t k = x.shape[1], row_bytes = k * static_cast<int64_t>(SizeOf(x.dtype));
    const auto* const experts = index.as<int32_t>();
    std::iota(slots_.begin(), slots_.end(), 0);
    std::stable_sort(slots_.begin(), slots_.end(), [&](int32_t a, int32_t b) { return experts[a] < experts[b]; });
    int64_t prepared = 0;
    for (size_t at = 0; at < slots_.size();) {
      size_t end = at;
      while (end < slots_.size() && experts[slots_[end]] == experts[slots_[at]]) ++end;
      groups_.push_back(
          {.expert = experts[slots_[at]],
           .slots = &slots_[at],
           .product = RowProduct(context, form, x.dtype, static_cast<int64_t>(end - at), k, *args.attributes)});
      prepared += Aligned(groups_.back().product.PreparedElements());
      at = end;
    }
    // First all rows in the order of the groups, then what was made of them.
    const int64_t gathered = Aligned((static_cast<int64_t>(slots_.size()) * row_bytes + 3) / 4);
    float* const memory = context.SharedScratch(gathered + prepared + extra);
    auto* row = reinterpret_cast<std::byte*>(memory);
    float* made = memory + gathered;
    for (Group& group : groups_) {
      const std::byte* const first = row;
      for (int64_t i = 0; i < group.product.rows(); ++i, row += row_bytes)
        std::memcpy(row, ElementAt(x, group.slots[i] / copies * k), static_cast<size_t>(row_bytes));
      group.product.Prepare(first, made);
      made += Aligned(group.product.PreparedElements());
    }
    extra_ = made;
  }

  float* extra() const { return extra_; }

  const std::vector<Group>& groups() const { return groups_; }

  // Runs body(group, first row of an expert, rows, member) over slices of the `columns` rows of each group's expert.
  template <typename Body>
  absl::Status ForEach(CpuContext& context, int64_t columns, Body&& body) const {
    std::vector<RowsToSlice> matrices;
    for (const Group& group : groups_) matrices.push_back(group.product.Slices(columns));
    return ForSlices(context, matrices, [&](const RowSlice& slice, int member) {
      return body(groups_[slice.matrix], slice.begin, slice.count, member);
    });
  }

 private:
  static int64_t Aligned(int64_t elements) { return (elements + 15) / 16 * 16; }

  std::vector<int32_t> slots_;
  std::vector<Group> groups_;
  float* extra_ = nullptr;
};

// Rows [row, ...) of one expert.
const void* RowsOf(const TensorView& experts, int32_t expert, int64_t row) {
  return ElementAt(experts, (expert * experts.shape[1] + row) * experts.shape[2]);
}

}  // namespace

absl::Status OptimisedExpertLinear(CpuContext& context, const KernelArgs& args) {
  const VectorKernels& kernels = SelectVectorKernels(context.instruction_set());
  const TensorView &experts = args.inputs[1], &y = args.outputs[0];
  RETURN_IF_ERROR(CheckIndices(args.inputs[2], experts.shape[0]));
  const int64_t columns = experts.shape[1];
  const ExpertGroups groups(context, TunedForm::kProduct, args, 1);
  return groups.ForEach(
      context, columns,
      [&](const ExpertGroups::Group& group, int64_t begin, int64_t count, int member) -> absl::Status {
        const RowProduct& x = group.product;
        auto* const sums = static_cast<float*>(
            context.Scratch(member, sizeof(float) * static_cast<size_t>(x.rows() * count + x.WorkElements())));
        RETURN_IF_ERROR(x.Multiply(member, RowsOf(experts, group.expert, begin), count, sums, sums + x.rows() * count));
        for (int64_t i = 0; i < x.rows(); ++i) {
          kernels.narrow(ToVectorDType(y.dtype), sums + i * count, count,
                         const_cast<void*>(ElementAt(y, group.slots[i] * columns + begin)));
        }
        return absl::OkStatus();
      });
}

absl::Status OptimisedGatedExperts(CpuContext& context, const KernelArgs& args) {
  const VectorKernels& kernels = SelectVectorKernels(context.instruction_set());
  const TensorView &x = args.inputs[0], &experts = args.inputs[1], &index = args.inputs[2], &y = args.outputs[0];
  RETURN_IF_ERROR(CheckIndices(index, experts.shape[0]));
  if (index.elements() == 0) return absl::OkStatus();
  const VectorDType dtype = ToVectorDType(y.dtype);
  const int64_t columns = experts.shape[1] / 2;
  const absl::string_view activation = args.attributes->String("activation");
  const ExpertGroups groups(context, TunedForm::kGated, args, index.elements() / x.shape[0]);
  return groups.ForEach(
      context, columns,
      [&](const ExpertGroups::Group& group, int64_t begin, int64_t count, int member) -> absl::Status {
        const RowProduct& rows = group.product;
        const int64_t elements = (2 * rows.rows() + 1) * count + rows.WorkElements();
        auto* const gates = static_cast<float*>(context.Scratch(member, sizeof(float) * static_cast<size_t>(elements)));
        float *const ups = gates + rows.rows() * count, *const work = ups + rows.rows() * count;
        RETURN_IF_ERROR(rows.Multiply(member, RowsOf(experts, group.expert, begin), count, gates, work + count));
        RETURN_IF_ERROR(
            rows.Multiply(member, RowsOf(experts, group.expert, columns + begin), count, ups, work + count));
        for (int64_t i = 0; i < rows.rows(); ++i) {
          GateRow(kernels, dtype, activation, gates + i * count, ups + i * count, count, work);
          kernels.narrow(dtype, gates + i * count, count,
                         const_cast<void*>(ElementAt(y, group.slots[i] * columns + begin)));
        }
        return absl::OkStatus();
      });
}

// Every slot's terms first, rounded and weighted; then each row's sum in the order of its slots.
absl::Status OptimisedExpertMix(CpuContext& context, const KernelArgs& args) {
  const VectorKernels& kernels = SelectVectorKernels(context.instruction_set());
  const TensorView &experts = args.inputs[1], &index = args.inputs[2], &weights = args.inputs[3], &y = args.outputs[0];
  RETURN_IF_ERROR(CheckIndices(index, experts.shape[0]));
  const VectorDType dtype = ToVectorDType(y.dtype);
  const int64_t columns = experts.shape[1], slots = weights.shape[1];
  const ExpertGroups groups(context, TunedForm::kProduct, args, 1, index.elements() * (columns + 1));
  float *const factors = groups.extra(), *const terms = factors + index.elements();
  kernels.widen(dtype, weights.data, index.elements(), factors);
  RETURN_IF_ERROR(groups.ForEach(
      context, columns,
      [&](const ExpertGroups::Group& group, int64_t begin, int64_t count, int member) -> absl::Status {
        const RowProduct& x = group.product;
        const int64_t elements = (x.rows() + 1) * count + x.WorkElements();
        auto* const sums = static_cast<float*>(context.Scratch(member, sizeof(float) * static_cast<size_t>(elements)));
        float* const work = sums + x.rows() * count;
        RETURN_IF_ERROR(x.Multiply(member, RowsOf(experts, group.expert, begin), count, sums, work + count));
        for (int64_t i = 0; i < x.rows(); ++i) {
          float* const row = sums + i * count;
          RoundRow(kernels, dtype, row, count, work);
          kernels.scale(row, count, factors[group.slots[i]]);
          RoundRow(kernels, dtype, row, count, work);
          std::copy(row, row + count, terms + group.slots[i] * columns + begin);
        }
        return absl::OkStatus();
      }));
  context.pool().ParallelFor(y.shape[0], 1, [&](int64_t row, int64_t, int) {
    float* const sum = terms + row * slots * columns;
    for (int64_t slot = 1; slot < slots; ++slot) kernels.add(sum, sum + slot * columns, columns);
    kernels.narrow(dtype, sum, columns, const_cast<void*>(ElementAt(y, row * columns)));
  });
  return absl::OkStatus();
}

}  // namespace metronome::kernels::cpu
