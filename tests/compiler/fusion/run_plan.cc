#include "tests/compiler/fusion/run_plan.h"

#include <cstring>

#include "gtest/gtest.h"
#include "kernels/base/hash.h"
#include "kernels/catalogue/catalogue.h"

namespace metronome::testing {
namespace {

HostTensor Contents(const runtime::PlanValue& value, const kernels::Shape& shape) {
  switch (value.storage) {
    case runtime::Storage::kConstant:
      return HostTensor::Of(value.dtype, shape, value.contents);
    case runtime::Storage::kTokens:
      return HostTensor::Random(value.dtype, shape, 1, 0, 5);
    case runtime::Storage::kTemporary: {
      HostTensor tensor(value.dtype, shape);
      std::memset(tensor.View().data, 0xff, static_cast<size_t>(tensor.View().bytes()));
      return tensor;
    }
    default:
      return HostTensor::Random(value.dtype, shape, Fnv1a(value.name), value.dtype == kernels::DType::kBool ? 0 : -1,
                                1);
  }
}

}  // namespace

std::vector<HostTensor> RunPlan(kernels::Backend& backend, const runtime::Plan& plan, const runtime::StepShape& step) {
  std::vector<HostTensor> tensors;  // By storage; those of aliases are not used.
  std::vector<kernels::TensorView> views;
  for (const runtime::PlanValue& value : plan.values) {
    const kernels::Shape shape = runtime::EvaluateShape(value.shape, step);
    const bool alias = value.storage == runtime::Storage::kAlias;
    tensors.push_back(alias ? HostTensor(value.dtype, {}) : Contents(value, shape));
    kernels::TensorView view = tensors.back().View();
    if (alias) {
      view = {.data = views[value.alias_of].data, .dtype = value.dtype, .shape = shape};
      const int64_t row_bytes = shape.rank() == 0 ? 0 : view.bytes() / std::max<int64_t>(shape[0], 1);
      view.data = static_cast<std::byte*>(view.data) + value.first_row.Evaluate(step) * row_bytes;
    }
    views.push_back(view);
  }
  for (const runtime::KernelCall& call : plan.calls) {
    std::vector<kernels::TensorView> inputs, outputs;
    for (const runtime::ValueId id : call.inputs) inputs.push_back(views[id]);
    for (const runtime::ValueId id : call.outputs) outputs.push_back(views[id]);
    kernels::Attributes attributes = call.attributes;
    for (const auto& [name, dim] : call.step_attributes) attributes.Set(name, dim.Evaluate(step));
    const kernels::KernelArgs args = {.inputs = inputs, .outputs = outputs, .attributes = &attributes};
    EXPECT_TRUE(kernels::CheckKernelArgs(call.kernel, args).ok()) << kernels::CheckKernelArgs(call.kernel, args);
    EXPECT_TRUE(backend.Launch(*backend.FindKernel(call.kernel).value(), args).ok()) << call.kernel;
  }
  std::vector<HostTensor> results;
  for (const runtime::ValueId id : plan.results) {
    results.emplace_back(views[id].dtype, views[id].shape);
    std::memcpy(results.back().View().data, views[id].data, static_cast<size_t>(views[id].bytes()));
  }
  return results;
}

}  // namespace metronome::testing
