#include "kernels/catalogue/catalogue.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace metronome::kernels {
namespace {

TensorView View(DType dtype, const Shape& shape) { return {.data = nullptr, .dtype = dtype, .shape = shape}; }
TensorView F32(const Shape& shape) { return View(DType::kFloat32, shape); }
TensorView BF16(const Shape& shape) { return View(DType::kBFloat16, shape); }
TensorView I32(const Shape& shape) { return View(DType::kInt32, shape); }
TensorView Bool(const Shape& shape) { return View(DType::kBool, shape); }

absl::Status Check(absl::string_view name, const std::vector<TensorView>& inputs, const TensorView& output,
                   const Attributes& attributes = {}) {
  return CheckKernelArgs(name,
                         {.inputs = inputs, .outputs = absl::MakeConstSpan(&output, 1), .attributes = &attributes});
}

struct Case {
  const char* name;
  std::vector<TensorView> inputs;
  TensorView output;
  Attributes attributes = {};
};

Attributes Axis(int64_t axis) { return {{"axis", axis}}; }
Attributes SliceAt(int64_t axis, int64_t start) { return {{"axis", axis}, {"start", start}}; }
Attributes Linear(int64_t bias, int64_t residual) { return {{"has_bias", bias}, {"has_residual", residual}}; }
Attributes NormLinear(int64_t bias, int64_t residual, double eps = 1e-6) {
  return {{"has_bias", bias}, {"has_residual", residual}, {"has_norm", int64_t{1}}, {"eps", eps}};
}
Attributes NormGated() { return {{"activation", std::string("silu")}, {"has_norm", int64_t{1}}, {"eps", 1e-6}}; }
Attributes ActivatedResidual() {
  return {{"has_bias", int64_t{0}}, {"has_residual", int64_t{1}}, {"activation", std::string("silu")}};
}
Attributes Attention(double scale, int64_t window) { return {{"scale", scale}, {"window", window}}; }
Attributes Permutation(std::vector<int64_t> axes) { return {{"permutation", std::move(axes)}}; }
Attributes Activation(const char* name) { return {{"activation", std::string(name)}}; }

TEST(CatalogueTest, NamesAreUniqueAndFound) {
  std::set<absl::string_view> names;
  for (const KernelSpec& spec : KernelCatalogue()) {
    EXPECT_TRUE(names.insert(spec.name).second) << spec.name;
    EXPECT_EQ(FindKernelSpec(spec.name), &spec);
    EXPECT_LE(spec.min_inputs, spec.max_inputs);
  }
  EXPECT_EQ(names.size(), 49u);
  EXPECT_EQ(FindKernelSpec("convolution"), nullptr);
  EXPECT_EQ(Check("convolution", {}, F32({})).code(), absl::StatusCode::kNotFound);
}

TEST(CatalogueTest, AcceptsWellFormedCalls) {
  const Case cases[] = {
      {"exp", {F32({2, 3})}, F32({2, 3})},
      {"add", {I32({3, 1}), I32({4})}, I32({3, 4})},
      {"lt", {BF16({4}), BF16({1})}, Bool({4})},
      {"select", {Bool({1}), I32({4}), I32({})}, I32({4})},
      {"cast", {I32({2})}, BF16({2})},
      {"reduce_sum", {F32({2, 3})}, F32({2, 1}), Axis(1)},
      {"matmul", {BF16({2, 3, 4}), BF16({4, 5})}, F32({2, 3, 5})},
      {"matmul", {BF16({3, 4}), BF16({5, 4})}, BF16({3, 5}), {{"transpose_b", int64_t{1}}}},
      {"gather", {BF16({9, 4}), I32({3})}, BF16({3, 4})},
      {"transpose", {F32({2, 3, 4})}, F32({4, 2, 3}), Permutation({2, 0, 1})},
      {"slice", {F32({5})}, F32({2}), SliceAt(0, 3)},
      {"concat", {F32({1, 2}), F32({3, 2})}, F32({4, 2}), Axis(0)},
      {"rms_norm", {BF16({2, 8}), BF16({8})}, BF16({2, 8}), {{"eps", 1e-6}}},
      {"rope", {BF16({3, 2, 8}), BF16({3, 8}), BF16({3, 8})}, BF16({3, 2, 8})},
      {"attention", {BF16({1, 4, 8}), BF16({9, 2, 8}), BF16({9, 2, 6})}, BF16({1, 4, 6}), Attention(0.1, 0)},
      {"linear", {BF16({2, 8}), BF16({5, 8}), BF16({5}), BF16({2, 5})}, F32({2, 5}), Linear(1, 1)},
      {"linear", {BF16({2, 8}), BF16({5, 8}), BF16({8})}, BF16({2, 5}), NormLinear(0, 0)},
      {"linear", {BF16({2, 8}), BF16({5, 8}), BF16({5}), BF16({2, 5}), BF16({8})}, F32({2, 5}), NormLinear(1, 1)},
      {"gated_linear", {BF16({2, 8}), BF16({5, 8}), BF16({5, 8}), BF16({8})}, BF16({2, 5}), NormGated()},
      {"gated_activation", {F32({2, 8}), F32({2, 8})}, F32({2, 8}), Activation("silu")},
      {"gated_linear", {BF16({2, 8}), BF16({5, 8}), BF16({5, 8})}, BF16({2, 5}), Activation("gelu_tanh")},
      {"embedding", {BF16({9, 4}), I32({3})}, BF16({3, 4}), {{"scale", 2.0}}},
      {"softcap", {F32({2, 8})}, F32({2, 8}), {{"cap", 30.0}}},
      {"argmax", {BF16({2, 8})}, I32({2})},
      {"expert_linear", {BF16({6, 4}), BF16({9, 5, 4}), I32({6})}, BF16({6, 5})},
      {"gated_experts", {BF16({2, 4}), BF16({9, 6, 4}), I32({6})}, BF16({6, 3}), Activation("silu")},
      {"expert_mix", {BF16({6, 4}), BF16({9, 5, 4}), I32({6}), BF16({2, 3})}, BF16({2, 5})},
      {"cache_write", {BF16({8, 2}), BF16({3, 2})}, BF16({5, 2})},
      {"iota", {}, I32({5}), {{"start", int64_t{0}}}},
  };
  for (const Case& c : cases)
    EXPECT_TRUE(Check(c.name, c.inputs, c.output, c.attributes).ok())
        << Check(c.name, c.inputs, c.output, c.attributes);
}

TEST(CatalogueTest, RejectsMalformedCallsNamingKernelAndSizes) {
  const struct {
    Case call;
    const char* says;  // An operand's type and sizes, or the offending number.
  } cases[] = {
      {{"exp", {F32({2, 3})}, F32({3, 2})}, "float32[3, 2]"},
      {{"exp", {I32({2})}, I32({2})}, "int32[2]"},
      {{"exp", {F32({2})}, BF16({2})}, "bfloat16[2]"},
      {{"exp", {F32({2}), F32({2})}, F32({2})}, "2"},
      {{"add", {F32({2}), F32({3})}, F32({3})}, "float32[2]"},
      {{"add", {F32({2}), BF16({2})}, F32({2})}, "bfloat16[2]"},
      {{"add", {Bool({2}), Bool({2})}, Bool({2})}, "bool[2]"},
      {{"add", {F32({2, 3}), F32({3})}, F32({3})}, "float32[2, 3]"},
      {{"lt", {F32({2}), F32({2})}, F32({2})}, "float32[2]"},
      {{"and", {Bool({2}), F32({2})}, Bool({2})}, "float32[2]"},
      {{"select", {F32({2}), F32({2}), F32({2})}, F32({2})}, "float32[2]"},
      {{"reduce_max", {F32({2, 3})}, F32({2, 1}), Axis(2)}, "axis 2"},
      {{"reduce_max", {F32({2, 3})}, F32({2, 1}), Axis(-1)}, "axis -1"},
      {{"reduce_max", {F32({2, 3})}, F32({2, 3}), Axis(1)}, "float32[2, 3]"},
      {{"reduce_sum", {I32({2, 3})}, I32({2, 1}), Axis(1)}, "int32[2, 3]"},
      {{"matmul", {F32({2, 3}), F32({4, 5})}, F32({2, 5})}, "float32[4, 5]"},
      {{"matmul", {F32({2, 2, 3}), F32({3, 3, 5})}, F32({3, 2, 5})}, "float32[2, 2, 3]"},
      {{"matmul", {F32({2, 3}), F32({3, 5})}, BF16({2, 5})}, "bfloat16[2, 5]"},
      {{"matmul", {F32({3}), F32({3, 5})}, F32({1, 5})}, "float32[3]"},
      {{"gather", {F32({9, 4}), F32({3})}, F32({3, 4})}, "float32[3]"},
      {{"gather", {F32({9, 4}), I32({3})}, F32({2, 4})}, "float32[2, 4]"},
      {{"gather", {F32({}), I32({3})}, F32({3})}, "float32[]"},
      {{"transpose", {F32({2, 3})}, F32({3, 2}), Permutation({1})}, "float32[2, 3]"},
      {{"transpose", {F32({2, 2})}, F32({2, 2}), Permutation({1, 1})}, "permutation"},
      {{"transpose", {F32({2, 2})}, F32({2, 2}), Permutation({1, 2})}, "permutation"},
      {{"broadcast", {F32({2})}, F32({3})}, "float32[3]"},
      {{"slice", {F32({5})}, F32({3}), SliceAt(0, 3)}, "start 3"},
      {{"slice", {F32({5})}, F32({1}), SliceAt(0, -1)}, "start -1"},
      {{"slice", {F32({5})}, F32({1}), SliceAt(0, INT64_MAX)}, "start 9223372036854775807"},
      {{"concat", {F32({1, 2}), F32({3, 2})}, F32({5, 2}), Axis(0)}, "float32[5, 2]"},
      {{"concat", {F32({1, 2}), F32({3, 3})}, F32({4, 2}), Axis(0)}, "float32[3, 3]"},
      {{"iota", {}, F32({5})}, "float32[5]"},
      {{"softmax", {F32({})}, F32({})}, "float32[]"},
      {{"rms_norm", {F32({2, 8}), F32({7})}, F32({2, 8}), {{"eps", 1e-6}}}, "float32[7]"},
      {{"rms_norm", {F32({2, 8})}, F32({2, 8}), {{"eps", -1.0}}}, "eps"},
      {{"rope", {F32({3, 2, 7}), F32({3, 7}), F32({3, 7})}, F32({3, 2, 7})}, "float32[3, 2, 7]"},
      {{"rope", {F32({3, 2, 8}), F32({2, 8}), F32({3, 8})}, F32({3, 2, 8})}, "float32[2, 8]"},
      {{"attention", {F32({1, 3, 8}), F32({9, 2, 8}), F32({9, 2, 8})}, F32({1, 3, 8}), Attention(0.1, 0)},
       "float32[1, 3, 8]"},
      {{"attention", {F32({10, 2, 8}), F32({9, 2, 8}), F32({9, 2, 8})}, F32({10, 2, 8}), Attention(0.1, 0)},
       "float32[10, 2, 8]"},
      {{"attention", {F32({1, 2, 8}), F32({9, 2, 8}), F32({8, 2, 8})}, F32({1, 2, 8}), Attention(0.1, 0)},
       "float32[8, 2, 8]"},
      {{"attention", {F32({1, 2, 8}), F32({9, 2, 8}), F32({9, 2, 8})}, F32({1, 2, 8}), Attention(0, 0)}, "scale"},
      {{"attention", {F32({1, 2, 8}), F32({9, 2, 8}), F32({9, 2, 8})}, F32({1, 2, 8}), Attention(0.1, -1)}, "window"},
      {{"attention", {F32({1, 2, 8}), F32({9, 0, 8}), F32({9, 0, 8})}, F32({1, 2, 8}), Attention(0.1, 0)},
       "float32[9, 0, 8]"},
      {{"linear", {F32({2, 8}), F32({5, 7})}, F32({2, 5}), Linear(0, 0)}, "float32[5, 7]"},
      {{"linear", {F32({2, 8}), F32({5, 8})}, F32({2, 5}), Linear(1, 0)}, "float32[5, 8]"},
      {{"linear", {F32({2, 8}), F32({5, 8}), F32({4})}, F32({2, 5}), Linear(1, 0)}, "float32[4]"},
      {{"linear", {F32({2, 8}), F32({5, 8}), F32({2, 4})}, F32({2, 5}), Linear(0, 1)}, "float32[2, 4]"},
      {{"linear", {BF16({2, 8}), F32({5, 8})}, F32({2, 5}), Linear(0, 0)}, "bfloat16[2, 8]"},
      {{"linear", {F32({2, 8}), F32({5, 8})}, F32({2, 5}), NormLinear(0, 0)},
       "linear(float32[2, 8], float32[5, 8]) -> float32[2, 5]: wrong number of operands"},
      {{"linear", {F32({2, 8}), F32({5, 8}), F32({5})}, F32({2, 5}), NormLinear(0, 0)},
       "linear(float32[2, 8], float32[5, 8], float32[5]) -> float32[2, 5]: the norm's weight is not [k]"},
      {{"linear", {F32({2, 8}), F32({5, 8}), BF16({8})}, F32({2, 5}), NormLinear(0, 0)}, "bfloat16[8]) -> "},
      {{"linear", {F32({2, 8}), F32({5, 8}), F32({8})}, F32({2, 5}), NormLinear(1, 0)}, "wrong number of operands"},
      {{"linear", {F32({2, 8}), F32({5, 8}), F32({8})}, F32({2, 5}), Linear(0, 0)}, "wrong number of operands"},
      {{"linear", {F32({2, 8}), F32({5, 8}), F32({8})}, F32({2, 5}), NormLinear(0, 0, -1)}, "eps is negative"},
      {{"gated_linear", {F32({2, 8}), F32({5, 8}), F32({5, 8}), F32({8})}, F32({2, 5}), Activation("silu")},
       "wrong number of operands"},
      {{"gated_linear", {F32({2, 8}), F32({5, 8}), F32({5, 8})}, F32({2, 5}), NormGated()}, "norm's weight is not [k]"},
      {{"gated_activation", {F32({2, 8}), F32({2, 8})}, F32({2, 8}), Activation("relu")}, "relu"},
      {{"gated_activation", {F32({2, 8}), F32({2, 4})}, F32({2, 8}), Activation("silu")}, "float32[2, 4]"},
      {{"linear", {F32({2, 8}), F32({5, 8}), F32({2, 5})}, F32({2, 5}), ActivatedResidual()}, "silu"},
      {{"gated_linear", {F32({2, 8}), F32({5, 8}), F32({4, 8})}, F32({2, 5}), Activation("silu")}, "float32[4, 8]"},
      {{"gated_linear", {F32({2, 8}), F32({5, 8}), F32({5, 8})}, F32({2, 5}), Activation("relu")}, "relu"},
      {{"embedding", {I32({9, 4}), I32({3})}, I32({3, 4})}, "int32[9, 4]"},
      {{"expert_linear", {F32({6, 4}), F32({9, 5, 3}), I32({6})}, F32({6, 5})}, "float32[9, 5, 3]"},
      {{"expert_linear", {F32({6, 4}), F32({9, 5, 4}), I32({5})}, F32({6, 5})}, "int32[5]"},
      {{"gated_experts", {F32({4, 4}), F32({9, 6, 4}), I32({6})}, F32({6, 3}), Activation("silu")}, "int32[6]"},
      {{"gated_experts", {F32({2, 4}), F32({9, 5, 4}), I32({6})}, F32({6, 2}), Activation("silu")}, "float32[9, 5, 4]"},
      {{"expert_mix", {F32({6, 4}), F32({9, 5, 4}), I32({6}), F32({2, 2})}, F32({2, 5})}, "float32[2, 2]"},
      {{"argmax", {F32({2, 0})}, I32({2})}, "float32[2, 0]"},
      {{"argmax", {F32({2, 8})}, F32({2})}, "float32[2]"},
      {{"softcap", {F32({2})}, F32({2}), {{"cap", 0.0}}}, "cap"},
      {{"gated_activation", {F32({}), F32({})}, F32({}), Activation("silu")}, "axis"},
      {{"cache_write", {F32({8, 2}), F32({9, 2})}, F32({9, 2})}, "float32[9, 2]"},
      {{"cache_write", {F32({8, 2}), F32({3, 2})}, F32({2, 2})}, "float32[3, 2]"},
      {{"cache_write", {F32({8, 2}), F32({3, 3})}, F32({5, 2})}, "float32[3, 3]"},
  };
  for (const auto& [call, says] : cases) {
    const absl::Status status = Check(call.name, call.inputs, call.output, call.attributes);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << call.name << " " << says;
    EXPECT_NE(status.message().find(call.name), std::string::npos) << status;
    EXPECT_NE(status.message().find(says), std::string::npos) << status << " does not say " << says;
  }
}

TEST(CatalogueTest, ChecksEveryOutputOfAGroup) {
  const std::vector<TensorView> inputs = {F32({2, 8}), F32({5, 8}), F32({3, 8})};
  const Attributes attributes = {{"has_bias", int64_t{0}}};
  const auto check = [&](const std::vector<TensorView>& outputs) {
    return CheckKernelArgs("linear_group", {.inputs = inputs, .outputs = outputs, .attributes = &attributes});
  };
  EXPECT_TRUE(check({F32({2, 5}), F32({2, 3})}).ok());
  for (const std::vector<TensorView>& outputs : {std::vector<TensorView>{F32({2, 5})},
                                                 {F32({2, 5}), F32({2, 4})},
                                                 {F32({2, 3}), F32({2, 5})},
                                                 {F32({2, 5}), BF16({2, 3})},
                                                 {F32({2, 5}), F32({2, 3}), F32({2, 3})}}) {
    EXPECT_EQ(check(outputs).code(), absl::StatusCode::kInvalidArgument) << outputs.size();
  }
}

TEST(CatalogueTest, ANormOfAGroupFollowsItsBiases) {
  const std::vector<TensorView> outputs = {F32({2, 5}), F32({2, 3})};
  const auto check = [&](std::vector<TensorView> inputs, int64_t has_bias) {
    inputs.insert(inputs.begin(), {F32({2, 8}), F32({5, 8}), F32({3, 8})});
    const Attributes attributes = {{"has_bias", has_bias}, {"has_norm", int64_t{1}}, {"eps", 0.0}};
    return CheckKernelArgs("linear_group", {.inputs = inputs, .outputs = outputs, .attributes = &attributes});
  };
  EXPECT_TRUE(check({F32({8})}, 0).ok());
  EXPECT_TRUE(check({F32({5}), F32({3}), F32({8})}, 1).ok());
  EXPECT_EQ(check({F32({5}), F32({3})}, 1).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(check({F32({8}), F32({8})}, 0).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(check({F32({8}), F32({5}), F32({3})}, 1).code(), absl::StatusCode::kInvalidArgument);
}

KernelCost Cost(absl::string_view name, const std::vector<TensorView>& inputs, const TensorView& output,
                const Attributes& attributes) {
  return FindKernelSpec(name)->cost(
      {.inputs = inputs, .outputs = absl::MakeConstSpan(&output, 1), .attributes = &attributes});
}

TEST(CatalogueTest, CostsCountWhatTheAlgorithmNeeds) {
  const KernelCost linear = Cost("linear", {BF16({3, 8}), BF16({5, 8})}, F32({3, 5}), Linear(0, 0));
  EXPECT_EQ(linear.flops, 2 * 3 * 5 * 8);
  EXPECT_EQ(linear.bytes, 2 * (3 * 8 + 5 * 8) + 4 * 3 * 5);

  const KernelCost normed = Cost("linear", {BF16({3, 8}), BF16({5, 8}), BF16({8})}, F32({3, 5}), NormLinear(0, 0));
  EXPECT_EQ(normed.flops, linear.flops + 4 * 3 * 8);  // As rms_norm counts, whose output is neither written nor read.
  EXPECT_EQ(normed.bytes, linear.bytes + 2 * 8);

  const KernelCost gather = Cost("gather", {BF16({1000, 16}), I32({2})}, BF16({2, 16}), {});
  EXPECT_EQ(gather.bytes, 2 * 2 * 2 * 16 + 8);  // Two rows, not the table.

  // One query row over nine positions, all of them or the last four.
  const std::vector<TensorView> qkv = {BF16({1, 4, 8}), BF16({9, 2, 8}), BF16({9, 2, 6})};
  EXPECT_EQ(Cost("attention", qkv, BF16({1, 4, 6}), Attention(1, 0)).bytes, 2 * (32 + 24 + 9 * 2 * 14));
  EXPECT_EQ(Cost("attention", qkv, BF16({1, 4, 6}), Attention(1, 4)).bytes, 2 * (32 + 24 + 4 * 2 * 14));
  EXPECT_EQ(Cost("attention", qkv, BF16({1, 4, 6}), Attention(1, 0)).flops, 2 * 4 * 9 * 14);

  const KernelCost cache = Cost("cache_write", {BF16({100, 4}), BF16({2, 4})}, BF16({50, 4}), {});
  EXPECT_EQ(cache.bytes, 2 * 2 * 2 * 4);  // The new rows read and written.
}

}  // namespace
}  // namespace metronome::kernels
