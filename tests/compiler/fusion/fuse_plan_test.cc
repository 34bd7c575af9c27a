#include "compiler/fusion/fuse_plan.h"

#include "compiler/ir/builder.h"
#include "compiler/lowering/lower.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/cpu/cpu_backend.h"
#include "runtime/plan/plan_codec.h"
#include "tests/compiler/egraph/random_graph.h"
#include "tests/compiler/formulas.h"
#include "tests/compiler/fusion/run_plan.h"

namespace metronome::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr kernels::DType kF32 = kernels::DType::kFloat32, kBF16 = kernels::DType::kBFloat16;

kernels::Backend& BackendOf(kernels::CpuKernels kernels) {
  static kernels::Backend* const reference =
      kernels::CreateCpuBackend({.threads = 1, .kernels = kernels::CpuKernels::kReference})->release();
  static kernels::Backend* const optimised = kernels::CreateCpuBackend({.threads = 2})->release();
  return kernels == kernels::CpuKernels::kReference ? *reference : *optimised;
}

// Both plans give the same bits.
void ExpectSame(const runtime::Plan& got, const runtime::Plan& want) {
  for (const kernels::CpuKernels kernels : {kernels::CpuKernels::kReference, kernels::CpuKernels::kOptimised}) {
    for (const runtime::StepShape& step :
         {runtime::StepShape{.seq = 1, .past = 0}, {.seq = 1, .past = 9}, {.seq = 6, .past = 3}}) {
      const std::vector<HostTensor> a = RunPlan(BackendOf(kernels), got, step),
                                    b = RunPlan(BackendOf(kernels), want, step);
      ASSERT_EQ(a.size(), b.size());
      for (size_t i = 0; i < a.size(); ++i) {
        ASSERT_TRUE(a[i].shape() == b[i].shape());
        EXPECT_TRUE(a[i].SameBytes(b[i])) << "result " << i << " at seq " << step.seq << " of\n" << got.ToString();
      }
    }
  }
}

class FusePlanTest : public ::testing::Test {
 protected:
  compiler::NodeId Rows(absl::string_view name, kernels::DType dtype = kF32, int64_t width = 6) {
    return b_.Input(name, dtype, {runtime::Dim::Seq(), width});
  }

  // Lowers and fuses, and checks that the results stay the same.
  const runtime::Plan& Fuse(std::vector<compiler::NodeId> results) {
    const absl::StatusOr<compiler::Graph> graph = b_.Finish(std::move(results));
    EXPECT_TRUE(graph.ok()) << graph.status();
    const absl::StatusOr<runtime::Plan> lowered = compiler::Lower(*graph);
    EXPECT_TRUE(lowered.ok()) << lowered.status();
    absl::StatusOr<runtime::Plan> fused = compiler::FusePlan(*lowered);
    EXPECT_TRUE(fused.ok()) << fused.status() << lowered->ToString();
    ExpectSame(*fused, *lowered);
    plan_ = *std::move(fused);
    return plan_;
  }

  // "kernel", or the program of a fused call.
  std::vector<std::string> Calls() const {
    std::vector<std::string> calls;
    for (const runtime::KernelCall& call : plan_.calls)
      calls.push_back(call.kernel == "fused" ? std::string(call.attributes.String("program")) : call.kernel);
    return calls;
  }

  compiler::Builder b_;
  runtime::Plan plan_;
};

TEST_F(FusePlanTest, AChainIsOneProgramWithItsConstantsInIt) {
  Fuse({b_.Mul(b_.Exp(b_.Add(Rows("x"), Rows("y"))), 0.5)});
  EXPECT_THAT(Calls(), ElementsAre("t0 = add(x0, x1); t1 = exp(t0); t2 = mul(t1, 0.5); return t2"));
  EXPECT_EQ(plan_.values.size(), 3u);  // Nothing of what is in between.
}

TEST_F(FusePlanTest, OneOpAloneStaysAPrimitive) {
  Fuse({b_.Add(Rows("x"), 1.0)});
  EXPECT_THAT(Calls(), ElementsAre("add"));
}

TEST_F(FusePlanTest, AValueThatOthersReadTooBecomesAResult) {
  const compiler::NodeId sum = b_.Add(Rows("x"), Rows("y"));
  Fuse({b_.Exp(sum), b_.Transpose(sum, {1, 0})});
  EXPECT_THAT(Calls(), ElementsAre("t0 = add(x0, x1); t1 = exp(t0); return t0, t1", "transpose"));
}

// exp reads what a matmul made of the sum: the sum and the exp are no region, whatever else they share.
TEST_F(FusePlanTest, APathThatLeavesAndReturnsIsNotClosed) {
  const compiler::NodeId sum = b_.Add(Rows("x"), Rows("y"));
  const compiler::NodeId product = b_.Matmul(sum, b_.Weight("w", kF32, {6, 6}, runtime::WeightInit::kMatrix), true);
  Fuse({b_.Mul(b_.Exp(product), sum)});
  EXPECT_THAT(Calls(), ElementsAre("add", "matmul", "t0 = exp(x0); t1 = mul(t0, x1); return t1"));
}

TEST_F(FusePlanTest, ARowsSumStaysInItsProgram) {
  const compiler::NodeId x = b_.Cast(Rows("x", kBF16), kF32);
  Fuse({b_.Cast(b_.Div(x, b_.ReduceSum(x, -1)), kBF16)});
  EXPECT_THAT(Calls(), ElementsAre("t0 = cast(x0, float32); t1 = reduce_sum(t0); t2 = div(t0, t1); "
                                   "t3 = cast(t2, bfloat16); return t3"));
}

TEST_F(FusePlanTest, OtherAxesAreReducedByThemselves) {
  const compiler::NodeId x = b_.Input("x", kF32, {runtime::Dim::Seq(), 4, 6});
  const compiler::NodeId e = b_.Exp(x);
  Fuse({b_.Div(e, b_.ReduceSum(e, 1))});
  EXPECT_THAT(Calls(), ElementsAre("exp", "reduce_sum", "div"));
}

TEST_F(FusePlanTest, AThirdReductionBeginsAnotherProgram) {
  compiler::NodeId x = Rows("x");
  for (int i = 0; i < 3; ++i) x = b_.Sub(x, b_.ReduceMax(x, -1));
  Fuse({x});
  ASSERT_EQ(plan_.calls.size(), 2u);
  for (const runtime::KernelCall& call : plan_.calls) EXPECT_EQ(call.kernel, "fused");
}

TEST_F(FusePlanTest, RowsTooLongForOneBlockAreReducedByThemselves) {
  for (const int64_t width : {16384, 16385}) {
    compiler::Builder b;
    const compiler::NodeId x = b.Exp(b.Input("x", kF32, {1, width}));
    const runtime::Plan plan = compiler::FusePlan(*compiler::Lower(*b.Finish({b.ReduceSum(x, -1)}))).value();
    EXPECT_EQ(plan.calls.size(), width == 16384 ? 1u : 2u);
  }
}

TEST_F(FusePlanTest, ASmallerValueIsComputedAgainIfThatIsCheap) {
  const compiler::NodeId x = Rows("x"), row = b_.Input("row", kBF16, {6});
  Fuse({b_.Mul(x, b_.Cast(row, kF32))});
  EXPECT_THAT(Calls(), ElementsAre("t0 = cast(x0, float32); t1 = mul(x1, t0); return t1"));
}

TEST_F(FusePlanTest, AnExpensiveSmallerValueIsComputedOnce) {
  const compiler::NodeId x = Rows("x"), row = b_.Input("row", kF32, {6});
  Fuse({b_.Mul(x, b_.Exp(row))});
  EXPECT_THAT(Calls(), ElementsAre("exp", "mul"));
}

TEST_F(FusePlanTest, ASmallerValueThatOthersReadIsComputedOnce) {
  const compiler::NodeId x = Rows("x"), row = b_.Cast(b_.Input("row", kBF16, {6}), kF32);
  Fuse({b_.Mul(x, row), row});
  EXPECT_THAT(Calls(), ElementsAre("cast", "mul"));
}

TEST_F(FusePlanTest, ReadersOfOneValueShareItsReading) {
  const compiler::NodeId angles = b_.Transpose(Rows("x"), {1, 0});
  Fuse({b_.Cast(b_.Cos(angles), kBF16), b_.Cast(b_.Sin(angles), kBF16)});
  EXPECT_THAT(Calls(), ElementsAre("transpose",
                                   "t0 = cos(x0); t1 = cast(t0, bfloat16); t2 = sin(x0); "
                                   "t3 = cast(t2, bfloat16); return t1, t3"));
}

TEST_F(FusePlanTest, AChainReachesThroughReshapes) {
  // [3 seq] read as [seq, 3]; the operand is read so from the start.
  const compiler::NodeId scales = b_.Cast(b_.Input("scales", kBF16, {runtime::Dim::Seq() * 3}), kF32);
  Fuse({b_.Mul(b_.Reshape(scales, {runtime::Dim::Seq(), 3}), Rows("x", kF32, 3))});
  EXPECT_THAT(Calls(), ElementsAre("t0 = cast(x0, float32); t1 = mul(t0, x1); return t1"));
}

TEST_F(FusePlanTest, ReshapesOfWhatBroadcastsEndAProgram) {
  const compiler::NodeId sum = b_.Add(Rows("x"), b_.Input("row", kF32, {6}));  // [seq, 6] of two shapes.
  Fuse({b_.Exp(b_.Reshape(sum, {runtime::Dim::Seq() * 6}))});
  EXPECT_THAT(Calls(), ElementsAre("add", "exp"));
}

TEST_F(FusePlanTest, AValueUnderTwoShapesEndsAProgram) {
  const compiler::NodeId x = b_.Exp(Rows("x")), flat = b_.Reshape(x, {runtime::Dim::Seq() * 6});
  Fuse({b_.Neg(x), b_.Neg(flat)});
  for (const std::string& call : Calls()) EXPECT_THAT(call, Not(HasSubstr("t2")));
}

// The tables of rotary embeddings, whose angles stand twice in each row.
TEST_F(FusePlanTest, CopiesSideBySideAreAWalk) {
  const compiler::NodeId positions =
      b_.Reshape(b_.Cast(b_.Iota(runtime::Dim::Past(), runtime::Dim::Seq()), kF32), {runtime::Dim::Seq(), 1});
  const compiler::NodeId half = b_.Mul(positions, b_.Constant(kF32, {3}, {1, 0.5, 0.25})),
                         angles = b_.Concat({half, half}, -1);
  Fuse({b_.Cast(b_.Cos(angles), kBF16), b_.Cast(b_.Sin(angles), kBF16)});
  EXPECT_THAT(Calls(), ElementsAre("iota",
                                   "t0 = cast(x0, float32); t1 = mul(t0, x1); t2 = cos(t1); t3 = cast(t2, "
                                   "bfloat16); t4 = sin(t1); t5 = cast(t4, bfloat16); return t3, t5"));
}

TEST_F(FusePlanTest, CopiesThatOthersReadStay) {
  const compiler::NodeId half = b_.Neg(Rows("x", kF32, 3)), both = b_.Concat({half, half}, -1);
  Fuse({b_.Cast(b_.Exp(both), kBF16), both});
  EXPECT_THAT(Calls(), ElementsAre("neg", "concat", "t0 = exp(x0); t1 = cast(t0, bfloat16); return t1"));
}

TEST_F(FusePlanTest, DifferentPartsSideBySideAreNoCopies) {
  const compiler::NodeId x = Rows("x", kF32, 3), y = b_.Neg(x);
  Fuse({b_.Cast(b_.Exp(b_.Concat({x, y}, -1)), kBF16), b_.Exp(b_.Neg(b_.Concat({x, x}, 0)))});
  EXPECT_THAT(Calls(), ElementsAre("neg", "concat", "t0 = exp(x0); t1 = cast(t0, bfloat16); return t1", "concat",
                                   "t0 = neg(x0); t1 = exp(t0); return t1"));
}

// The last axis has a meaning of its own where it is reduced.
TEST_F(FusePlanTest, RowsOfCopiesAreReducedAsTheyStand) {
  const compiler::NodeId x = Rows("x", kF32, 3), both = b_.Concat({x, x}, -1);
  const compiler::NodeId wide = b_.Broadcast(b_.Neg(Rows("y", kF32, 1)), {runtime::Dim::Seq(), 6});
  Fuse({b_.Div(both, b_.ReduceSum(both, -1)), b_.Div(wide, b_.ReduceSum(wide, -1))});
  const char* const divide = "t0 = reduce_sum(x0); t1 = div(x0, t0); return t1";
  EXPECT_THAT(Calls(), ElementsAre("concat", "neg", "broadcast", divide, divide));
}

TEST_F(FusePlanTest, BroadcastsAreAWalk) {
  const compiler::NodeId rows = b_.Neg(b_.Input("x", kF32, {runtime::Dim::Seq(), 1, 6}));
  Fuse({b_.Exp(b_.Sub(b_.Broadcast(rows, {runtime::Dim::Seq(), 4, 6}), 0.5))});
  EXPECT_THAT(Calls(), ElementsAre("t0 = neg(x0); t1 = sub(t0, 0.5); t2 = exp(t1); return t2"));
}

// exp of fewer elements is worth a kernel of its own.
TEST_F(FusePlanTest, WhatIsExpensiveIsNotComputedForEveryCopy) {
  const compiler::NodeId half = b_.Exp(Rows("x", kF32, 3)), both = b_.Concat({half, half}, -1);
  Fuse({b_.Cast(b_.Mul(both, 0.5), kBF16)});
  EXPECT_THAT(Calls(), ElementsAre("exp", "t0 = mul(x0, 0.5); t1 = cast(t0, bfloat16); return t1"));
}

TEST_F(FusePlanTest, MoreInputsThanAKernelTakesAreTwoPrograms) {
  compiler::NodeId sum = Rows("x0");
  for (int i = 1; i < 12; ++i) sum = b_.Add(sum, Rows("x" + std::to_string(i)));
  Fuse({sum});
  EXPECT_EQ(plan_.calls.size(), 2u);
}

TEST_F(FusePlanTest, MoreStepsThanAKernelTakesAreTwoPrograms) {
  compiler::NodeId x = Rows("x");
  for (int i = 0; i < 40; ++i) x = b_.Neg(x);
  Fuse({x});
  EXPECT_EQ(plan_.calls.size(), 2u);
}

// A state is written where its rows are read from, by whoever comes after.
TEST_F(FusePlanTest, CachesAreReadAfterTheyWereWritten) {
  const runtime::Dim end = runtime::Dim::Past() + runtime::Dim::Seq();
  const compiler::NodeId all = b_.CacheWrite(b_.State("k", kF32, {6}), Rows("x"));
  Fuse({b_.Exp(b_.Neg(b_.Slice(all, 0, end - 1, end))), b_.ReduceSum(b_.Exp(b_.Neg(all)), 1)});
  EXPECT_EQ(Calls()[0], "cache_write");
  EXPECT_EQ(plan_.calls.size(), 4u);
}

TEST_F(FusePlanTest, FusingTwiceChangesNothing) {
  const runtime::Plan once = Fuse({b_.Cast(b_.Exp(b_.Neg(Rows("x"))), kBF16)});
  EXPECT_EQ(compiler::FusePlan(once)->ToString(), once.ToString());
}

TEST_F(FusePlanTest, PlansOfProgramsAreKeptAndRead) {
  const runtime::Plan& plan =
      Fuse({b_.Select(b_.Le(Rows("x"), Rows("y")), Rows("z"), -std::numeric_limits<double>::infinity())});
  EXPECT_THAT(plan.ToString(), HasSubstr("program=t0 = le(x0, x1); t1 = select(t0, x2, -inf); return t1"));
  const absl::StatusOr<runtime::Plan> read = runtime::DecodePlan(runtime::EncodePlan(plan));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->Hash(), plan.Hash());
  EXPECT_TRUE(runtime::ValidatePlan(*read).ok());
}

TEST_F(FusePlanTest, AProgramThatDoesNotFitItsOperandsIsNoPlan) {
  runtime::Plan plan = Fuse({b_.Exp(b_.Neg(Rows("x")))});
  plan.calls[0].attributes.Set("program", std::string("t0 = neg(x0); t1 = and(t0, t0); return t1"));
  const absl::Status status = runtime::ValidatePlan(plan);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("and of float32"));
}

TEST(FuseRandomPlansTest, ResultsStayTheSameToTheBit) {
  int fused = 0;
  for (uint64_t seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE(seed);
    const absl::StatusOr<compiler::Graph> graph = RandomGraph(seed);
    ASSERT_TRUE(graph.ok()) << graph.status();
    const runtime::Plan lowered = compiler::Lower(*graph).value();
    const absl::StatusOr<runtime::Plan> plan = compiler::FusePlan(lowered);
    ASSERT_TRUE(plan.ok()) << plan.status() << "\n" << lowered.ToString();
    for (const runtime::KernelCall& call : plan->calls) fused += call.kernel == "fused" ? 1 : 0;
    ExpectSame(*plan, lowered);
  }
  EXPECT_GT(fused, 150);
}

// What the formulas of transformers become without any rule.
TEST(FuseFormulasTest, NormsAndActivationsAreOneProgramEach) {
  for (const kernels::DType dtype : {kF32, kBF16}) {
    FormulaBuilder b(dtype, 16);
    const compiler::NodeId norm = b.Round(b.Normalised(b.Rows()));
    const compiler::NodeId activated = b.Mul(b.GeluTanh(b.Rows("gate")), b.Rows("up"));
    const compiler::NodeId soft = b.Softmax(b.Rows("scores"));
    const runtime::Plan lowered = compiler::Lower(*b.Finish({norm, activated, soft})).value();
    const runtime::Plan plan = compiler::FusePlan(lowered).value();
    EXPECT_EQ(plan.calls.size(), 3u) << plan.ToString();
    ExpectSame(plan, lowered);
  }
}

}  // namespace
}  // namespace metronome::testing
