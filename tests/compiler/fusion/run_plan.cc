#include "tests/compiler/fusion/run_plan.h"

#include <cstring>

#include "gtest/gtest.h"
#include "kernels/catalogue/catalogue.h"
#include "runtime/base/hash.h"

namespace metronome::testing {
namespace {

HostTensor Contents(const PlanValue& value, const Shape& shape) {
  switch (value.storage) {
    case Storage::kConstant:
      return HostTensor::Of(value.dtype, shape, value.contents);
    case Storage::kTokens:
      return HostTensor::Random(value.dtype, shape, 1, 0, 5);
    case Storage::kTemporary: {
      HostTensor tensor(value.dtype, shape);
      std::memset(tensor.View().data, 0xff, static_cast<size_t>(tensor.View().bytes()));
      return tensor;
    }
    default:
      return HostTensor::Random(value.dtype, shape, Fnv1a(value.name), value.dtype == DType::kBool ? 0 : -1, 1);
  }
}

}  // namespace

std::vector<HostTensor> RunPlan(Backend& backend, const Plan& plan, const StepShape& step) {
  std::vector<HostTensor> tensors;  // By storage; those of aliases are not used.
  std::vector<TensorView> views;
  for (const PlanValue& value : plan.values) {
    const Shape shape = EvaluateShape(value.shape, step);
    const bool alias = value.storage == Storage::kAlias;
    tensors.push_back(alias ? HostTensor(value.dtype, {}) : Contents(value, shape));
    TensorView view = tensors.back().View();
    if (alias) {
      view = {.data = views[value.alias_of].data, .dtype = value.dtype, .shape = shape};
      const int64_t row_bytes = shape.rank() == 0 ? 0 : view.bytes() / std::max<int64_t>(shape[0], 1);
      view.data = static_cast<std::byte*>(view.data) + value.first_row.Evaluate(step) * row_bytes;
    }
    views.push_back(view);
  }
  for (const KernelCall& call : plan.calls) {
    std::vector<TensorView> inputs, outputs;
    for (const ValueId id : call.inputs) inputs.push_back(views[id]);
    for (const ValueId id : call.outputs) outputs.push_back(views[id]);
    Attributes attributes = call.attributes;
    for (const auto& [name, dim] : call.step_attributes) attributes.Set(name, dim.Evaluate(step));
    const KernelArgs args = {.inputs = inputs, .outputs = outputs, .attributes = &attributes};
    EXPECT_TRUE(CheckKernelArgs(call.kernel, args).ok()) << CheckKernelArgs(call.kernel, args);
    EXPECT_TRUE(backend.Launch(*backend.FindKernel(call.kernel).value(), args).ok()) << call.kernel;
  }
  std::vector<HostTensor> results;
  for (const ValueId id : plan.results) {
    results.emplace_back(views[id].dtype, views[id].shape);
    std::memcpy(results.back().View().data, views[id].data, static_cast<size_t>(views[id].bytes()));
  }
  return results;
}

}  // namespace metronome::testing
