#include <cmath>

#include "tests/kernels/support/kernel_test.h"
#include "tests/kernels/support/random_program.h"

namespace metronome::testing {
namespace {

class FusedTest : public KernelTest {
 protected:
  // All values of a program, each by the kernel of its primitive.
  std::vector<HostTensor> RunPrimitives(const FusedCase& fused) {
    const kernels::FusedProgram& program = fused.program;
    const kernels::FusedShapes shapes = kernels::InferFusedShapes(program, fused.InputViews()).value();
    std::vector<HostTensor> values;
    for (const HostTensor& input : fused.inputs) {
      HostTensor& value = values.emplace_back(input.dtype(), shapes.values[values.size()]);
      for (int64_t i = 0; i < value.elements(); ++i) value.Set(i, input.At(i));
    }
    for (const kernels::FusedConstant& constant : program.constants)
      values.push_back(HostTensor::Of(constant.dtype, shapes.values[values.size()], {constant.value}));
    for (const kernels::FusedStep& step : program.steps) {
      std::vector<HostTensor> operands;
      for (int i = 0; i < kernels::OperandCount(step.op); ++i) operands.push_back(values[step.operands[i]]);
      values.emplace_back(step.dtype, shapes.values[values.size()]);
      const kernels::Attributes attributes = {{"axis", int64_t{shapes.domain.rank() - 1}}};
      const absl::Status status = Run(kernels::Name(step.op), operands, values.back(), attributes);
      EXPECT_TRUE(status.ok()) << status;
    }
    return values;
  }

  // One kernel gives what all of them do, to the bit; a NaN is a NaN.
  void ExpectLikePrimitives(const FusedCase& fused) {
    const std::vector<HostTensor> outputs = fused.NewOutputs();
    const std::string text = fused.program.ToString();
    const absl::Status status = Run("fused", fused.inputs, outputs, fused.attributes());
    ASSERT_TRUE(status.ok()) << status << "\n" << text;
    const std::vector<HostTensor> values = RunPrimitives(fused);
    for (size_t i = 0; i < outputs.size(); ++i) {
      EXPECT_TRUE(outputs[i].GuardIntact()) << text;
      const HostTensor& want = values[fused.program.results[i]];
      for (int64_t at = 0; at < want.elements(); ++at) {
        const double a = outputs[i].At(at), b = want.At(at);
        ASSERT_TRUE((std::isnan(a) && std::isnan(b)) || (a == b && std::signbit(a) == std::signbit(b)))
            << "output " << i << " at " << at << " of " << ToString(want.shape()) << " is " << a << ", not " << b
            << "\n"
            << text;
      }
    }
  }
};
METRONOME_TEST_ALL_VARIANTS(FusedTest);

TEST_P(FusedTest, RandomProgramsComputeWhatTheirPrimitivesDo) {
  for (uint64_t seed = 0; seed < 60 && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    ExpectLikePrimitives(RandomFusedCase(seed));
  }
}

// What models leave after the rules, at sizes around those of registers, blocks and vectors.
TEST_P(FusedTest, ProgramsOfModels) {
  for (const kernels::DType dtype : kFloats) {
    const std::string to = std::string(kernels::Name(dtype));
    for (const int64_t n : {1, 3, 8, 128, 255, 257, 3001}) {
      SCOPED_TRACE(n);
      // Weights of experts, and their sum.
      ExpectLikePrimitives(FusedCaseOf(
          "t0 = reduce_sum(x0); t1 = div(x0, t0); t2 = cast(x1, float32); t3 = mul(t1, t2); t4 = cast(t3, " + to +
              "); return t0, t4",
          {{kernels::DType::kFloat32, {4, n}}, {dtype, {4, n}}}));
      // Tables of rotary embeddings.
      ExpectLikePrimitives(FusedCaseOf("t0 = cast(x0, float32); t1 = mul(t0, x1); t2 = cos(t1); t3 = cast(t2, " + to +
                                           "); t4 = sin(t1); t5 = cast(t4, " + to + "); return t3, t5",
                                       {{kernels::DType::kInt32, {5, 1}}, {kernels::DType::kFloat32, {n}}}));
      // Layer norm: two reductions.
      ExpectLikePrimitives(FusedCaseOf(
          "t0 = cast(x0, float32); t1 = reduce_sum(t0); t2 = mul(t1, 0.125); t3 = sub(t0, t2); t4 = mul(t3, t3); "
          "t5 = reduce_sum(t4); t6 = add(t5, 1); t7 = rsqrt(t6); t8 = mul(t3, t7); t9 = cast(t8, " +
              to + "); t10 = mul(t9, x1); return t10",
          {{dtype, {3, n}}, {dtype, {n}}}));
      // Softmax of what a mask leaves.
      ExpectLikePrimitives(FusedCaseOf(
          "t0 = select(x1, x0, -inf); t1 = reduce_max(t0); t2 = sub(t0, t1); t3 = exp(t2); t4 = reduce_sum(t3); "
          "t5 = div(t3, t4); return t5",
          {{dtype, {2, 3, n}}, {kernels::DType::kBool, {3, n}}}));
      // A residual and a scale of the layer.
      ExpectLikePrimitives(FusedCaseOf("t0 = add(x0, x1); t1 = mul(t0, x2); return t1",
                                       {{dtype, {7, n}}, {dtype, {7, n}}, {dtype, {1}}}));
    }
  }
}

// As the axes of an output that no input has, and a row's sum in each of its columns.
TEST_P(FusedTest, SmallerResultsAreBroadcast) {
  const HostTensor x = HostTensor::Random(kernels::DType::kBFloat16, {3, 1, 40}, 1),
                   y(kernels::DType::kBFloat16, {3, 2, 40});
  ASSERT_TRUE(Run("fused", {x}, y, {{"program", std::string("t0 = neg(x0); t1 = neg(t0); return t1")}}).ok());
  for (int64_t i = 0; i < y.elements(); ++i) EXPECT_EQ(y.At(i), x.At(i / 80 * 40 + i % 40)) << i;

  const HostTensor sums(kernels::DType::kBFloat16, {3, 1, 1}), wide(kernels::DType::kBFloat16, {3, 1, 40});
  ASSERT_TRUE(Run("fused", {x}, sums, {{"program", std::string("t0 = reduce_sum(x0); return t0")}}).ok());
  ASSERT_TRUE(Run("fused", {x}, wide, {{"program", std::string("t0 = reduce_sum(x0); return t0")}}).ok());
  for (int64_t i = 0; i < wide.elements(); ++i) EXPECT_EQ(wide.At(i), sums.At(i / 40)) << i;
}

TEST_P(FusedTest, RowsOfNothingReduceToTheFoldsStart) {
  const FusedCase fused = FusedCaseOf("t0 = reduce_max(x0); t1 = reduce_sum(x0); t2 = sub(t1, t0); return t2, t0",
                                      {{kernels::DType::kFloat32, {3, 0}}});
  const std::vector<HostTensor> outputs = fused.NewOutputs();
  ASSERT_TRUE(Run("fused", fused.inputs, outputs, fused.attributes()).ok());
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(outputs[0].At(i), INFINITY);
    EXPECT_EQ(outputs[1].At(i), -INFINITY);
  }
}

}  // namespace
}  // namespace metronome::testing
