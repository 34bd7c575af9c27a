#include "kernels/program/fused_program.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "kernels/catalogue/checks.h"
#include "kernels/program/fused_schedule.h"

namespace metronome::kernels {
namespace {

constexpr DType kF32 = DType::kFloat32, kBF16 = DType::kBFloat16, kI32 = DType::kInt32, kBool = DType::kBool;

TEST(FusedProgramTest, TextAndProgramAgree) {
  const std::string text =
      "t0 = cast(x0, float32); t1 = mul(t0, 0.5); t2 = reduce_sum(t1); t3 = div(t1, t2); t4 = lt(x1, 3); "
      "t5 = select(t4, t3, -inf); t6 = cast(t5, bfloat16); return t2, t6";
  const FusedProgram program = FusedProgram::Parse(text, {kBF16, kI32}).value();
  EXPECT_EQ(program.ToString(), text);
  ASSERT_EQ(program.constants.size(), 3u);
  EXPECT_EQ(program.constants[1].dtype, kI32);
  EXPECT_EQ(program.dtype(program.first_step() + 4), kBool);
  EXPECT_EQ(program.dtype(program.results[1]), kBF16);
  EXPECT_TRUE(program.reduces());
}

TEST(FusedProgramTest, ConstantsAreSharedByDtypeAndValue) {
  const FusedProgram program =
      FusedProgram::Parse(
          "t0 = add(x0, 0); t1 = sub(t0, -0); t2 = mul(t1, 0); t3 = cast(t2, int32); t4 = add(t3, 0); "
          "t5 = cast(t4, float32); t6 = maximum(t5, nan); t7 = minimum(t6, nan); return t7",
          {kF32})
          .value();
  EXPECT_EQ(program.constants.size(), 4u);  // 0, -0, int32 0, NaN.
}

TEST(FusedProgramTest, RejectsWithTheReason) {
  const struct {
    const char* text;
    std::vector<DType> inputs;
    const char* why;
  } cases[] = {
      {"", {kF32}, "is not 't0 = op(operands)'"},
      {"return x0", {kF32}, "result 'x0' is no step"},
      {"t0 = neg(x0)", {kF32}, "no return"},
      {"t0 = neg(x0); return t0", {}, "0 inputs are not in [1, 8]"},
      {"t0 = neg(x0); return t0", std::vector<DType>(9, kF32), "9 inputs"},
      {"t0 = neg(x0); return t0; t1 = neg(t0)", {kF32}, "after the return"},
      {"t0 = neg(x0); return t0, t0", {kF32}, "'t0' twice"},
      {"t0 = neg(x0); return t1", {kF32}, "no value 't1'"},
      {"t0 = neg(t0); return t0", {kF32}, "no value 't0'"},
      {"t0 = neg(x-1); return t0", {kF32}, "no value 'x-1'"},
      {"t0 = neg(x1); return t0", {kF32}, "no value 'x1'"},
      {"t1 = neg(x0); return t0", {kF32}, "is not 't0 = op(operands)'"},
      {"t0 = matmul(x0, x0); return t0", {kF32}, "unknown op 'matmul'"},
      {"t0 = neg(x0, x0); return t0", {kF32}, "neg takes 1 operands, not 2"},
      {"t0 = select(x0, x0); return t0", {kBool}, "select takes 3 operands, not 2"},
      {"t0 = neg(x0); return t0", {kI32}, "neg of int32"},
      {"t0 = reduce_sum(x0); return t0", {kI32}, "reduce_sum of int32"},
      {"t0 = add(x0, x1); return t0", {kF32, kBF16}, "add of float32 and bfloat16"},
      {"t0 = add(x0, x0); return t0", {kBool}, "add of bool"},
      {"t0 = and(x0, x0); return t0", {kF32}, "and of float32"},
      {"t0 = select(x0, x0, 1); return t0", {kF32}, "condition is not bool"},
      {"t0 = select(1, x0, x0); return t0", {kF32}, "constants only"},
      {"t0 = add(1, 2); return t0", {kF32}, "add of constants only"},
      {"t0 = add(x0, 0.1); return t0", {kBF16}, "0.1 is no bfloat16"},
      {"t0 = add(x0, 1.5); return t0", {kI32}, "1.5 is no int32"},
      {"t0 = cast(x0, F32); return t0", {kI32}, "unknown dtype 'F32'"},
      {"t0 = neg(x0); t1 = neg(x0); return t1", {kF32}, "nothing uses t0"},
      {"t0 = neg(x0); return t0", {kF32, kF32}, "nothing uses x1"},
      {"t0 = reduce_sum(x0); t1 = sub(x0, t0); t2 = reduce_sum(t1); t3 = sub(x0, t2); t4 = reduce_max(t3); return t4",
       {kF32},
       "3 reductions, more than 2"},
  };
  for (const auto& wrong : cases) {
    const absl::Status status = FusedProgram::Parse(wrong.text, wrong.inputs).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << wrong.text;
    EXPECT_NE(status.message().find(wrong.why), std::string::npos) << wrong.text << ": " << status;
  }
}

TEST(FusedProgramTest, LimitsAreExact) {
  const auto chain = [](int steps, int constants) {
    std::string text;
    for (int i = 0; i < steps; ++i)
      absl::StrAppend(&text, "t", i, " = add(", i == 0 ? "x0" : absl::StrCat("t", i - 1), ", ", i % constants, "); ");
    return absl::StrCat(text, "return t", steps - 1);
  };
  EXPECT_TRUE(FusedProgram::Parse(chain(kMaxFusedSteps, 8), {kF32}).ok());
  EXPECT_FALSE(FusedProgram::Parse(chain(kMaxFusedSteps + 1, 8), {kF32}).ok());
  EXPECT_FALSE(FusedProgram::Parse(chain(kMaxFusedSteps, 9), {kF32}).ok());
}

TensorView View(DType dtype, const Shape& shape) { return {.data = nullptr, .dtype = dtype, .shape = shape}; }

absl::Status Check(absl::string_view program, const std::vector<TensorView>& inputs,
                   const std::vector<TensorView>& outputs) {
  const Attributes attributes = {{"program", std::string(program)}};
  return CheckKernelArgs("fused", {.inputs = inputs, .outputs = outputs, .attributes = &attributes});
}

TEST(FusedCheckTest, OutputsHaveTheDomainOrItsRows) {
  const TensorView x = View(kF32, {3, 4});
  EXPECT_TRUE(Check("t0 = add(x0, x1); return t0", {x, View(kF32, {4})}, {x}).ok());
  EXPECT_TRUE(Check("t0 = neg(x0); return t0", {View(kF32, {4})}, {x}).ok());  // Each row.
  EXPECT_TRUE(Check("t0 = reduce_sum(x0); t1 = div(x0, t0); return t1, t0", {x}, {x, View(kF32, {3, 1})}).ok());
  const struct {
    const char* program;
    std::vector<TensorView> inputs, outputs;
    const char* why;
  } cases[] = {
      {"t0 = neg(x0); return t0", {x}, {View(kBF16, {3, 4})}, "output 0 is bfloat16[3, 4], the program gives float32"},
      {"t0 = neg(x0); return t0", {x}, {View(kF32, {12})}, "do not broadcast"},
      {"t0 = neg(x0); return t0",
       {x},
       {View(kF32, {4})},
       "output 0 is float32[4], smaller than the operands' float32[3, 4]"},
      {"t0 = reduce_sum(x0); t1 = div(x0, t0); return t1",
       {x},
       {View(kF32, {3, 1})},
       "the program gives float32[3, 4]"},
      {"t0 = neg(x0); return t0", {x}, {x, x}, "1 results for 2 outputs"},
      {"t0 = add(x0, x1); return t0", {x, View(kF32, {5})}, {x}, "do not broadcast"},
      {"t0 = neg(x1); t1 = add(x0, t0); return t0, t1", {x, View(kF32, {4})}, {View(kF32, {1, 4}), x}, "smaller"},
      {"t0 = neg(x1); t1 = add(x0, t0); return t0, t1", {x, View(kF32, {3, 1})}, {View(kF32, {3, 1}), x}, "smaller"},
      {"t0 = reduce_sum(x1); t1 = add(x0, t0); return t1", {x, View(kF32, {3, 1})}, {x}, "t0 does not reduce"},
      {"t0 = reduce_sum(x0); return t0", {View(kF32, {})}, {View(kF32, {})}, "t0 does not reduce"},
  };
  for (const auto& wrong : cases) {
    const absl::Status status = Check(wrong.program, wrong.inputs, wrong.outputs);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << wrong.program;
    EXPECT_NE(status.message().find(wrong.why), std::string::npos) << wrong.program << ": " << status;
  }
}

TEST(FusedCheckTest, CostCountsOperandsOnceAndEveryStep) {
  const std::vector<TensorView> inputs = {View(kBF16, {3, 4}), View(kF32, {1})};
  const std::vector<TensorView> outputs = {View(kF32, {3, 4})};
  const Attributes attributes = {
      {"program",
       std::string("t0 = cast(x0, float32); t1 = reduce_sum(t0); t2 = mul(t1, x1); t3 = sub(t0, t2); return t3")}};
  const KernelCost cost = FusedCost({.inputs = inputs, .outputs = outputs, .attributes = &attributes});
  EXPECT_EQ(cost.bytes, 24 + 4 + 48);
  EXPECT_EQ(cost.flops, 12 + 12 + 3 + 12);
}

// The walk of a program over inputs of one dtype.
FusedWalk Walk(absl::string_view text, const std::vector<Shape>& shapes) {
  std::vector<TensorView> views;
  for (const Shape& shape : shapes) views.push_back(View(kF32, shape));
  const FusedProgram program = FusedProgram::Parse(text, std::vector<DType>(shapes.size(), kF32)).value();
  return WalkFused(program, InferFusedShapes(program, views).value(), views);
}

TEST(FusedWalkTest, MergesAxesThatAllInputsWalkAlike) {
  const FusedWalk whole = Walk("t0 = add(x0, x1); return t0", {{2, 3, 4}, {2, 3, 4}});
  EXPECT_EQ(whole.rank, 1);
  EXPECT_EQ(whole.columns, 24);
  const FusedWalk broadcast = Walk("t0 = add(x0, x1); return t0", {{2, 3, 4, 5}, {3, 1, 1}});
  EXPECT_EQ(broadcast.rank, 3);
  EXPECT_EQ(broadcast.columns, 20);
  EXPECT_EQ(broadcast.rows, 6);
  EXPECT_EQ(broadcast.strides[0][0], 60);
  EXPECT_EQ(broadcast.strides[1][0], 0);
  EXPECT_EQ(broadcast.strides[1][1], 1);
  EXPECT_EQ(broadcast.strides[1][2], 0);
  const FusedWalk rows = Walk("t0 = reduce_sum(x0); return t0", {{2, 3, 4}});
  EXPECT_EQ(rows.rank, 2);
  EXPECT_EQ(rows.rows, 6);
  EXPECT_EQ(rows.columns, 4);
  const FusedWalk single = Walk("t0 = reduce_sum(x0); return t0", {{6, 1}});
  EXPECT_EQ(single.rows, 6);
  EXPECT_EQ(single.columns, 1);
}

TEST(FusedScheduleTest, StepsRunOnceARowWhereTheyCanAndInEachPassThatNeedsThem) {
  const std::vector<TensorView> views = {View(kF32, {2, 5}), View(kF32, {2, 1})};
  const FusedProgram program = FusedProgram::Parse(
                                   "t0 = exp(x0); t1 = neg(x1); t2 = reduce_sum(t0); t3 = mul(t2, t1); t4 = tanh(x0); "
                                   "t5 = mul(t0, t3); t6 = add(t4, t5); return t6",
                                   {kF32, kF32})
                                   .value();
  const FusedSchedule schedule =
      ScheduleFused(program, WalkFused(program, InferFusedShapes(program, views).value(), views));
  ASSERT_EQ(schedule.passes.size(), 2u);
  EXPECT_EQ(schedule.passes[0].row_steps, (std::vector<int>{1}));
  EXPECT_EQ(schedule.passes[0].element_steps, (std::vector<int>{0}));
  EXPECT_EQ(schedule.passes[0].reduction, 2);
  EXPECT_EQ(schedule.passes[1].row_steps, (std::vector<int>{3}));
  EXPECT_EQ(schedule.passes[1].element_steps, (std::vector<int>{0, 4, 5, 6}));
  EXPECT_EQ(schedule.passes[1].reduction, -1);
}

}  // namespace
}  // namespace metronome::kernels
