#include "compiler/fusion/region.h"

#include <algorithm>
#include <utility>

namespace metronome::compiler {
namespace {

using Dims = std::vector<runtime::Dim>;

bool IsScalar(const Dims& shape) {
  return std::all_of(shape.begin(), shape.end(), [](const runtime::Dim& dim) { return dim == runtime::Dim(1); });
}

// NumPy's rule. False where sizes differ.
bool BroadcastInto(const Dims& shape, Dims& domain) {
  if (shape.size() > domain.size()) domain.insert(domain.begin(), shape.size() - domain.size(), runtime::Dim(1));
  for (size_t i = 1; i <= shape.size(); ++i) {
    runtime::Dim& size = domain[domain.size() - i];
    const runtime::Dim own = shape[shape.size() - i];
    if (size != own && size != runtime::Dim(1) && own != runtime::Dim(1)) return false;
    if (size == runtime::Dim(1)) size = own;
  }
  return true;
}

Dims Padded(Dims shape, size_t rank) {
  shape.insert(shape.begin(), rank - shape.size(), runtime::Dim(1));
  return shape;
}

// A row that one block or thread reduces; what is longer is left to kernels that share it.
constexpr int64_t kMaxReducedColumns = 16384;

// Worth computing again rather than a kernel and a value in memory.
bool IsCheap(kernels::Op op) { return !kernels::RowOf(op).Has(kernels::kTranscendental); }

class Builder {
 public:
  Builder(const Dataflow& dataflow, std::vector<int> calls) : dataflow_(dataflow) { region_.calls = std::move(calls); }

  std::optional<Region> Run() {
    if (!FindCopies() || !FindFrames() || !FindDomain() || !FindOutputs() || !FindInputs() || !WriteSteps())
      return std::nullopt;
    return std::move(region_);
  }

 private:
  size_t count() const { return region_.calls.size(); }
  const runtime::KernelCall& Call(size_t i) const { return dataflow_.call(region_.calls[i]); }
  kernels::Op OpOf(size_t i) const { return *dataflow_.StepOf(region_.calls[i]); }
  bool IsCopy(size_t i) const { return dataflow_.CopiesOf(region_.calls[i]) > 0; }
  bool IsReduced(size_t i) const { return !IsCopy(i) && kernels::IsReduction(OpOf(i)); }
  Dims ShapeOf(runtime::ValueId value) const { return WithCopies(dataflow_.ShapeOf(value)); }
  Dims OwnShape(size_t i) const { return ShapeOf(Call(i).outputs[0]); }
  bool Follows(size_t i) const { return frames_[i] != OwnShape(i); }

  // The position of a call in the region, or count().
  size_t PositionOf(int call) const {
    const auto found = std::lower_bound(region_.calls.begin(), region_.calls.end(), call);
    return found != region_.calls.end() && *found == call ? static_cast<size_t>(found - region_.calls.begin())
                                                          : count();
  }

  // The shape under which a call of the region reads a value. A call that follows another shape than its own takes
  // operands of its own shape along; others have one element.
  Dims OperandShape(size_t i, runtime::ValueId value) const {
    Dims shape = ShapeOf(value);
    return Follows(i) && !IsScalar(shape) ? frames_[i] : shape;
  }

  // With the last axis as copies of `width_` columns. A shape that is neither one copy nor all stays, and then
  // broadcasts to no domain that has copies.
  Dims WithCopies(Dims shape) const {
    if (copies_ == 1 || shape.empty()) return shape;
    runtime::Dim& last = shape.back();
    runtime::Dim count = 1;
    if (last == runtime::Dim(copies_ * width_)) {
      count = copies_;
      last = width_;
    } else if (last != runtime::Dim(width_) && last != runtime::Dim(1)) {
      return shape;
    }
    shape.insert(shape.end() - 1, count);
    return shape;
  }

  // Which calls stand copies side by side: all the same number of columns, or none.
  bool FindCopies() {
    for (const int call : region_.calls) {
      const int64_t copies = dataflow_.CopiesOf(call);
      if (copies <= 1) continue;
      const int64_t width = dataflow_.ShapeOf(dataflow_.call(call).inputs[0]).back().constant;
      if (copies_ > 1 && (copies != copies_ || width != width_)) return false;
      copies_ = copies;
      width_ = width;
    }
    return FindKept();
  }

  // A copy that others read stays, and then reads its operand like them. One that nothing here reads has no place here.
  bool FindKept() {
    kept_.assign(count(), false);
    for (size_t i = count(); i-- > 0;) {
      if (!IsCopy(i)) continue;
      bool read = false;
      for (const Use& use : dataflow_.UsesOf(region_.calls[i])) {
        const bool outside = IsOutside(use);
        kept_[i] = kept_[i] || outside;
        read = read || !outside;
      }
      if (!read) return false;
      if (kept_[i]) region_.kept.push_back(region_.calls[i]);
    }
    return true;
  }

  bool IsOutside(const Use& use) const {
    const size_t reader = PositionOf(use.call);
    return reader == count() || kept_[reader];
  }

  // The shape under which each call is computed: that under which the region reads it, or its own.
  bool FindFrames() {
    frames_.resize(count());
    for (size_t i = count(); i-- > 0;) {
      std::optional<Dims> frame;
      for (const Use& use : dataflow_.UsesOf(region_.calls[i])) {
        const size_t reader = PositionOf(use.call);
        if (reader == count()) continue;
        Dims wanted = OperandShape(reader, use.value);
        if (frame.has_value() && *frame != wanted) return false;
        frame = std::move(wanted);
      }
      frames_[i] = frame.value_or(OwnShape(i));
      if (!Follows(i)) continue;
      if (IsReduced(i)) return false;
      for (const runtime::ValueId value : Call(i).inputs) {
        const Dims shape = ShapeOf(value);
        if (shape != OwnShape(i) && !IsScalar(shape)) return false;
      }
    }
    return true;
  }

  bool FindDomain() {
    for (size_t i = 0; i < count(); ++i) {
      for (const runtime::ValueId value : Call(i).inputs) {
        if (!BroadcastInto(OperandShape(i, value), domain_)) return false;
      }
      if (!BroadcastInto(frames_[i], domain_)) return false;
      reduces_ = reduces_ || IsReduced(i);
    }
    if (domain_.size() > kernels::kMaxRank) return false;
    // A program reduces what its inputs have, not copies of it.
    if (reduces_ &&
        std::any_of(region_.calls.begin(), region_.calls.end(), [&](int call) { return dataflow_.CopiesOf(call) > 0; }))
      return false;
    row_ = domain_;
    if (reduces_) {
      if (domain_.empty()) return false;
      row_.back() = runtime::Dim(1);
      if (count() > 1 && domain_.back().is_constant() && domain_.back().constant > kMaxReducedColumns) return false;
    }
    for (size_t i = 0; i < count(); ++i) {
      if (IsCopy(i)) continue;
      if (kernels::IsReduction(OpOf(i)) && OperandShape(i, Call(i).inputs[0]).back() != domain_.back()) return false;
      const Dims shape = Padded(frames_[i], domain_.size());
      if (shape != domain_ && !(reduces_ && shape == row_) && !IsCheap(OpOf(i))) return false;
    }
    return true;
  }

  // What others read, and nothing before the region's place: so no path leaves and returns.
  bool FindOutputs() {
    outputs_.assign(count(), false);
    for (size_t i = 0; i < count(); ++i) {
      if (IsCopy(i)) continue;
      for (const Use& use : dataflow_.UsesOf(region_.calls[i])) {
        if (!IsOutside(use)) continue;
        if (use.call != Use::kResult && use.call < region_.calls.back()) return false;
        outputs_[i] = true;
      }
      if (!outputs_[i]) continue;
      Dims shape = Padded(frames_[i], domain_.size());
      if (shape != domain_ && !(reduces_ && shape == row_)) return false;
      region_.outputs.push_back({.value = Call(i).outputs[0], .shape = std::move(shape)});
    }
    return !region_.outputs.empty() && region_.outputs.size() <= kernels::kMaxFusedOutputs;
  }

  // Constants of one element are part of the program, where another operand gives their dtype.
  const double* InlineConstant(size_t i, size_t operand) const {
    if (IsCopy(i)) return nullptr;
    const auto constant = [&](size_t at) {
      const runtime::PlanValue& value = dataflow_.plan().values[Call(i).inputs[at]];
      return value.storage == runtime::Storage::kConstant && value.contents.size() == 1 ? &value.contents[0] : nullptr;
    };
    const double* const value = constant(operand);
    const bool selects = OpOf(i) == kernels::Op::kSelect;
    if (value == nullptr || (selects && operand == 0)) return nullptr;
    for (size_t other = selects ? 1 : 0; other < Call(i).inputs.size(); ++other) {
      if (other != operand && constant(other) == nullptr) return value;
    }
    return nullptr;
  }

  bool FindInputs() {
    for (size_t i = 0; i < count(); ++i) {
      for (size_t operand = 0; operand < Call(i).inputs.size(); ++operand) {
        const runtime::ValueId value = Call(i).inputs[operand];
        if (PositionOf(dataflow_.ProducerOf(value)) < count()) continue;
        if (const double* const constant = InlineConstant(i, operand); constant != nullptr) {
          const kernels::DType dtype = dataflow_.plan().values[value].dtype;
          AddConstant({.dtype = dtype, .value = kernels::RoundConstant(dtype, *constant)});
        } else {
          Operand input = {.value = value, .shape = OperandShape(i, value)};
          if (std::find(region_.inputs.begin(), region_.inputs.end(), input) == region_.inputs.end())
            region_.inputs.push_back(std::move(input));
        }
      }
    }
    for (const Operand& input : region_.inputs)
      region_.program.inputs.push_back(dataflow_.plan().values[input.value].dtype);
    return !region_.inputs.empty() && region_.inputs.size() <= kernels::kMaxFusedInputs &&
           region_.program.constants.size() <= kernels::kMaxFusedConstants;
  }

  void AddConstant(const kernels::FusedConstant& constant) {
    if (ConstantAt(constant) == region_.program.constants.size()) region_.program.constants.push_back(constant);
  }

  size_t ConstantAt(const kernels::FusedConstant& wanted) const {
    const std::vector<kernels::FusedConstant>& all = region_.program.constants;
    return static_cast<size_t>(
        std::find_if(all.begin(), all.end(),
                     [&](const kernels::FusedConstant& c) { return kernels::SameConstant(c, wanted); }) -
        all.begin());
  }

  // The number of the value that an operand is in the program.
  int NumberOf(size_t i, size_t operand) const {
    const runtime::ValueId value = Call(i).inputs[operand];
    if (const size_t producer = PositionOf(dataflow_.ProducerOf(value)); producer < count())
      return IsCopy(producer) ? NumberOf(producer, 0) : region_.program.first_step() + step_of_[producer];
    const auto inputs = static_cast<int>(region_.inputs.size());
    if (const double* const constant = InlineConstant(i, operand); constant != nullptr) {
      const kernels::DType dtype = dataflow_.plan().values[value].dtype;
      return inputs + static_cast<int>(ConstantAt({.dtype = dtype, .value = kernels::RoundConstant(dtype, *constant)}));
    }
    const Operand input = {.value = value, .shape = OperandShape(i, value)};
    return static_cast<int>(std::find(region_.inputs.begin(), region_.inputs.end(), input) - region_.inputs.begin());
  }

  bool WriteSteps() {
    int reductions = 0, steps = 0;
    for (size_t i = 0; i < count(); ++i) step_of_.push_back(IsCopy(i) ? -1 : steps++);
    for (size_t i = 0; i < count(); ++i) {
      if (IsCopy(i)) continue;
      kernels::FusedStep step = {.op = OpOf(i), .dtype = dataflow_.plan().values[Call(i).outputs[0]].dtype};
      reductions += kernels::IsReduction(step.op) ? 1 : 0;
      for (size_t operand = 0; operand < Call(i).inputs.size(); ++operand)
        step.operands[operand] = NumberOf(i, operand);
      region_.program.steps.push_back(step);
      if (outputs_[i]) region_.program.results.push_back(region_.program.first_step() + step_of_[i]);
    }
    return steps <= kernels::kMaxFusedSteps && reductions <= kernels::kMaxFusedReductions;
  }

  const Dataflow& dataflow_;
  Region region_;
  std::vector<Dims> frames_;  // By position, as all below.
  std::vector<bool> outputs_, kept_;
  std::vector<int> step_of_;
  int64_t copies_ = 1, width_ = 0;  // Side by side, and the columns of each.
  Dims domain_, row_;
  bool reduces_ = false;
};

}  // namespace

std::optional<Region> DescribeRegion(const Dataflow& dataflow, std::vector<int> calls) {
  return Builder(dataflow, std::move(calls)).Run();
}

}  // namespace metronome::compiler
