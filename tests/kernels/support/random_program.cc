#include "tests/kernels/support/random_program.h"

#include <algorithm>
#include <random>
#include <utility>

#include "kernels/catalogue/catalogue.h"

namespace metronome::testing {
namespace {

// Tails of a vector, more columns than a register or a block has, rows of one element, nothing.
const kernels::Shape kDomains[] = {{},     {1},    {7},          {2, 256}, {300, 3},           {3, 5},  {2, 1025},
                                   {4, 1}, {5, 0}, {2, 3, 4, 5}, {33, 8},  {2, 2, 2, 2, 2, 3}, {3, 64}, {1, 2500}};

HostTensor Contents(kernels::DType dtype, const kernels::Shape& shape, uint64_t seed) {
  const double limit = dtype == kernels::DType::kInt32 ? 5 : 3;
  return HostTensor::Random(dtype, shape, seed, dtype == kernels::DType::kBool ? 0 : -limit, limit);
}

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {
    for (int op = 0; op < kernels::kOpCount; ++op) {
      if (kernels::IsProgramStep(static_cast<kernels::Op>(op))) steps_.push_back(static_cast<kernels::Op>(op));
    }
  }

  // May be no program that the catalogue accepts.
  FusedCase Run() {
    domain_ = kDomains[Below(std::size(kDomains))];
    const size_t inputs = 1 + Below(4);
    for (size_t i = 0; i < inputs; ++i) AddInput(i);
    const size_t constants = Below(3);
    for (size_t i = 0; i < constants; ++i) AddConstant();
    const size_t steps = 2 + Below(12);
    for (size_t i = 0; i < steps; ++i) AddStep();
    for (int value = program().first_step(); value < program().values(); ++value) {
      if (!used_[value]) program().results.push_back(value);
    }
    // Now and then a value that other steps read too.
    if (Below(2) == 0) program().results.push_back(program().first_step() + static_cast<int>(Below(steps)));
    std::sort(program().results.begin(), program().results.end());
    program().results.erase(std::unique(program().results.begin(), program().results.end()), program().results.end());
    return std::move(case_);
  }

 private:
  kernels::FusedProgram& program() { return case_.program; }
  size_t Below(size_t limit) { return random_() % limit; }

  void AddInput(size_t number) {
    kernels::Shape shape = domain_;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (number > 0 && Below(4) == 0) shape[axis] = 1;
    }
    if (number > 0 && shape.rank() > 0 && Below(4) == 0)
      shape = kernels::Shape(shape.dims().subspan(1 + Below(shape.rank())));
    const auto dtype = static_cast<kernels::DType>(Below(8) < 6 ? Below(3) : Below(5));
    program().inputs.push_back(dtype);
    case_.inputs.push_back(Contents(dtype, shape, random_()));
    used_.push_back(false);
  }

  void AddConstant() {
    constexpr double kValues[] = {0.5, -1, 0, 3, 100};
    const auto dtype = static_cast<kernels::DType>(Below(4));
    program().constants.push_back({.dtype = dtype, .value = kernels::RoundConstant(dtype, kValues[Below(5)])});
    used_.push_back(false);
  }

  // A value of the dtype, rather one that nothing has used; -1 for none.
  int Pick(bool (*fits)(kernels::DType, kernels::DType), kernels::DType dtype, bool constants) {
    std::vector<int> all, unused;
    for (int value = 0; value < program().values(); ++value) {
      const auto inputs = static_cast<int>(program().inputs.size());
      if (!constants && value >= inputs && value < program().first_step()) continue;
      if (!fits(program().dtype(value), dtype)) continue;
      (used_[value] ? all : unused).push_back(value);
    }
    if (!unused.empty() && (all.empty() || Below(3) > 0)) return unused[Below(unused.size())];
    return all.empty() ? -1 : all[Below(all.size())];
  }

  void AddStep() {
    const auto same = [](kernels::DType a, kernels::DType b) { return a == b; };
    const auto number = [](kernels::DType a, kernels::DType) { return a != kernels::DType::kBool; };
    for (;;) {
      kernels::FusedStep step = {.op = steps_[Below(steps_.size())]};
      const kernels::OpGroup group = kernels::GroupOf(step.op);
      const bool arithmetic = group == kernels::OpGroup::kBinary || group == kernels::OpGroup::kCompare;
      const auto any = [](kernels::DType, kernels::DType) { return true; };
      const auto floats = [](kernels::DType a, kernels::DType) { return kernels::IsFloat(a); };
      step.operands[0] = step.op == kernels::Op::kSelect || step.op == kernels::Op::kAnd
                             ? Pick(same, kernels::DType::kBool, false)
                         : arithmetic                    ? Pick(number, {}, false)
                         : step.op == kernels::Op::kCast ? Pick(any, {}, false)
                                                         : Pick(floats, {}, false);
      if (step.operands[0] < 0) continue;
      kernels::DType dtype = program().dtype(step.operands[0]);
      if (step.op == kernels::Op::kSelect) {
        step.operands[1] = Pick(any, {}, false);
        dtype = program().dtype(step.operands[1]);
        step.operands[2] = Pick(same, dtype, true);
      } else if (kernels::OperandCount(step.op) == 2) {
        step.operands[1] = Pick(same, dtype, step.op != kernels::Op::kAnd);
        if (Below(2) == 0) std::swap(step.operands[0], step.operands[1]);
      }
      step.dtype = step.op == kernels::Op::kCast ? static_cast<kernels::DType>(Below(5))
                   : group == kernels::OpGroup::kCompare || group == kernels::OpGroup::kLogical ? kernels::DType::kBool
                                                                                                : dtype;
      for (int i = 0; i < kernels::OperandCount(step.op); ++i) used_[step.operands[i]] = true;
      program().steps.push_back(step);
      used_.push_back(false);
      return;
    }
  }

  std::mt19937_64 random_;
  std::vector<kernels::Op> steps_;  // Those that a program may have.
  kernels::Shape domain_;
  FusedCase case_;
  std::vector<bool> used_;  // By value.
};

}  // namespace

std::vector<kernels::TensorView> FusedCase::InputViews() const {
  std::vector<kernels::TensorView> views;
  for (const HostTensor& input : inputs) views.push_back(input.View());
  return views;
}

std::vector<HostTensor> FusedCase::NewOutputs() const {
  const kernels::FusedShapes shapes = kernels::InferFusedShapes(program, InputViews()).value();
  std::vector<HostTensor> outputs;
  for (const int value : program.results) {
    const kernels::Shape& shape = output_shapes.empty() ? shapes.values[value] : output_shapes[outputs.size()];
    outputs.emplace_back(program.dtype(value), shape);
  }
  return outputs;
}

FusedCase RandomFusedCase(uint64_t seed) {
  for (uint64_t attempt = 0;; ++attempt) {
    FusedCase made = Generator(seed * 1000 + attempt).Run();
    const std::vector<kernels::TensorView> inputs = made.InputViews();
    if (!kernels::InferFusedShapes(made.program, inputs).ok()) continue;
    std::vector<kernels::TensorView> outputs;
    const std::vector<HostTensor> tensors = made.NewOutputs();
    for (const HostTensor& tensor : tensors) outputs.push_back(tensor.View());
    const kernels::Attributes attributes = made.attributes();
    if (kernels::CheckKernelArgs("fused", {.inputs = inputs, .outputs = outputs, .attributes = &attributes}).ok())
      return made;
  }
}

FusedCase FusedCaseOf(absl::string_view program, const std::vector<std::pair<kernels::DType, kernels::Shape>>& inputs) {
  FusedCase made;
  std::vector<kernels::DType> dtypes;
  for (const auto& [dtype, shape] : inputs) {
    dtypes.push_back(dtype);
    made.inputs.push_back(Contents(dtype, shape, 7 * made.inputs.size() + 1));
  }
  made.program = kernels::FusedProgram::Parse(program, dtypes).value();
  return made;
}

}  // namespace metronome::testing
