#include "compiler/egraph/e_graph.h"

#include "compiler/egraph/extract.h"
#include "compiler/egraph/runner.h"
#include "compiler/ir/builder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::compiler {
namespace {

using ::testing::HasSubstr;

constexpr kernels::DType kF32 = kernels::DType::kFloat32;

ClassId Input(EGraph& egraph, const char* name, std::vector<runtime::Dim> shape = {4}) {
  return *egraph.Add({kernels::Op::kInput, {}, {{"name", std::string(name)}}, {kF32, std::move(shape)}});
}
ClassId Number(EGraph& egraph, double value) {
  return *egraph.Add({kernels::Op::kConstant, {}, {{"values", std::vector<double>{value}}}, {kF32, {}}});
}
ClassId Apply(EGraph& egraph, kernels::Op op, std::vector<ClassId> children) {
  return *egraph.Add({op, std::move(children), {}, {}});
}

RewriteList Rules(absl::string_view text) {
  static const ConditionTable kConditions = {
      {"positive", {"#", [](const std::vector<ConditionArgument>& a) { return a[0].scalar > 0; }}}};
  absl::StatusOr<RewriteList> rules = ParseRules(text, kConditions);
  EXPECT_TRUE(rules.ok()) << rules.status();
  return rules.ok() ? *std::move(rules) : RewriteList();
}

TEST(EGraphTest, EqualNodesAreOne) {
  EGraph egraph;
  const ClassId x = Input(egraph, "x");
  EXPECT_EQ(Apply(egraph, kernels::Op::kNeg, {x}), Apply(egraph, kernels::Op::kNeg, {x}));
  EXPECT_NE(Apply(egraph, kernels::Op::kNeg, {x}), Apply(egraph, kernels::Op::kExp, {x}));
}

// x = y makes f(x) = f(y) and then g(f(x)) = g(f(y)), in one rebuild.
TEST(EGraphTest, CongruentNodesMergeAfterRebuild) {
  EGraph egraph;
  const ClassId x = Input(egraph, "x"), y = Input(egraph, "y");
  const ClassId gx = Apply(egraph, kernels::Op::kExp, {Apply(egraph, kernels::Op::kNeg, {x})});
  const ClassId gy = Apply(egraph, kernels::Op::kExp, {Apply(egraph, kernels::Op::kNeg, {y})});

  EXPECT_TRUE(egraph.Merge(x, y));
  egraph.Rebuild();

  EXPECT_EQ(egraph.Find(gx), egraph.Find(gy));
  EXPECT_EQ(egraph.Classes().size(), 3u);
  EXPECT_EQ(egraph.node_count(), 4);
}

// The value of one merge reaches a class two levels up only through its parents' parents.
TEST(EGraphTest, CongruenceReachesThroughEveryOperand) {
  EGraph egraph;
  const ClassId a = Input(egraph, "a"), b = Input(egraph, "b"), c = Input(egraph, "c");
  const ClassId ab = Apply(egraph, kernels::Op::kSub, {a, b}), ac = Apply(egraph, kernels::Op::kSub, {a, c});
  const ClassId top_b = Apply(egraph, kernels::Op::kSub, {ab, b}), top_c = Apply(egraph, kernels::Op::kSub, {ac, c});

  egraph.Merge(b, c);
  egraph.Rebuild();

  EXPECT_EQ(egraph.Find(top_b), egraph.Find(top_c));
  EXPECT_NE(egraph.Find(top_b), egraph.Find(ab));
}

TEST(EGraphTest, ConstantsAreFoldedAndReachParentsLater) {
  EGraph egraph;
  const ClassId two = Number(egraph, 2), x = Input(egraph, "x", {});
  const ClassId sum = Apply(egraph, kernels::Op::kAdd, {two, x});
  EXPECT_FALSE(egraph.Class(sum).constant.has_value());

  egraph.Merge(x, Number(egraph, 3));
  egraph.Rebuild();

  EXPECT_EQ(egraph.Class(sum).constant, 5.0);
  EXPECT_EQ(egraph.Find(sum), egraph.Find(Number(egraph, 5)));
}

// 0.1 - 0.1 = 0, but 0.1 as written and 0.1 as computed in float32 are 1e-9 apart: as constants they are equal, and
// their difference must not contradict the 0. The same for products in another order, a rounding apart.
TEST(EGraphTest, DifferencesOfEqualConstantsDoNotContradict) {
  EGraph egraph;
  const ClassId written = Number(egraph, 0.1), computed = Number(egraph, static_cast<double>(0.1f));
  Apply(egraph, kernels::Op::kSub, {written, written});
  Apply(egraph, kernels::Op::kSub, {written, computed});
  const ClassId a = Number(egraph, 0.3), b = Number(egraph, 0.7);
  const ClassId left = Apply(egraph, kernels::Op::kMul, {Apply(egraph, kernels::Op::kMul, {written, a}), b});
  const ClassId right = Apply(egraph, kernels::Op::kMul, {written, Apply(egraph, kernels::Op::kMul, {a, b})});
  Apply(egraph, kernels::Op::kSub, {left, left});
  Apply(egraph, kernels::Op::kSub, {left, right});

  egraph.Merge(written, computed);
  egraph.Merge(left, right);
  egraph.Rebuild();

  EXPECT_TRUE(egraph.status().ok()) << egraph.status();
}

TEST(EGraphTest, MergingDifferentConstantsIsAnErrorThatSticks) {
  EGraph egraph;
  EXPECT_FALSE(egraph.Merge(Number(egraph, 2), Number(egraph, 3)));
  EXPECT_EQ(egraph.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(egraph.status().message(), HasSubstr("= 2"));
  EXPECT_FALSE(egraph.Merge(Input(egraph, "x"), Input(egraph, "y")));
}

TEST(EGraphTest, MergingDifferentTypesIsAnErrorThatSticks) {
  EGraph egraph;
  EXPECT_FALSE(egraph.Merge(Input(egraph, "x", {4}), Input(egraph, "y", {5})));
  EXPECT_THAT(egraph.status().message(), HasSubstr("float32[5]"));
}

TEST(EGraphTest, AnIllTypedNodeIsRefusedAndChangesNothing) {
  EGraph egraph;
  const ClassId x = Input(egraph, "x", {4}), y = Input(egraph, "y", {5});
  EXPECT_EQ(egraph.Add({kernels::Op::kAdd, {x, y}, {}, {}}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(egraph.node_count(), 2);
}

TEST(SaturateTest, ProvesAGoalInSeveralSteps) {
  EGraph egraph;
  const ClassId x = Input(egraph, "x");
  const ClassId start =
      Apply(egraph, kernels::Op::kAdd,
            {Apply(egraph, kernels::Op::kNeg, {Apply(egraph, kernels::Op::kNeg, {x})}), Number(egraph, 0)});

  const auto report = Saturate(egraph, Rules("a: (neg (neg ?x)) => ?x\nb: (add ?x 0) => ?x"), {});

  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->stop, StopReason::kSaturated);
  EXPECT_EQ(egraph.Find(start), egraph.Find(x));
  EXPECT_EQ(report->rules[0].applied, 1);
  EXPECT_EQ(report->rules[1].applied, 1);
}

TEST(SaturateTest, DoesNotProveWhatIsFalse) {
  EGraph egraph;
  const ClassId x = Input(egraph, "x"), y = Input(egraph, "y");
  const ClassId xy = Apply(egraph, kernels::Op::kSub, {x, y}), yx = Apply(egraph, kernels::Op::kSub, {y, x});

  const auto report = Saturate(
      egraph, Rules("sub: (sub ?a ?b) <=> (add ?a (neg ?b))\nneg: (neg (neg ?a)) => ?a\nzero: (add ?a 0) => ?a"), {});

  ASSERT_TRUE(report.ok());
  EXPECT_NE(egraph.Find(xy), egraph.Find(yx));
  EXPECT_NE(egraph.Find(xy), egraph.Find(x));
}

TEST(SaturateTest, ARuleThatContradictsAConstantIsReported) {
  EGraph egraph;
  Apply(egraph, kernels::Op::kNeg, {Number(egraph, 2)});
  const auto report = Saturate(egraph, Rules("wrong: (neg ?x) => ?x"), {});
  EXPECT_EQ(report.status().code(), absl::StatusCode::kInternal);
}

// x grows without end: x = x + 0 = (x + 0) + 0 stays one class, but exp(x) = exp(exp(x) + 0)... needs a limit.
TEST(SaturateTest, AGrowingRuleStopsAtTheNodeLimit) {
  EGraph egraph;
  Apply(egraph, kernels::Op::kExp, {Apply(egraph, kernels::Op::kExp, {Input(egraph, "x")})});
  const auto report =
      Saturate(egraph, Rules("grow: (exp ?x) => (exp (neg (neg ?x)))"), {.max_iterations = 1000, .max_nodes = 50});
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->stop, StopReason::kNodeLimit);
  EXPECT_GE(report->nodes, 50);
}

TEST(SaturateTest, AnExplosiveRuleSitsOutAndTheOthersFinish) {
  EGraph egraph;
  ClassId sum = Input(egraph, "x0");
  for (int i = 1; i < 8; ++i)
    sum = Apply(egraph, kernels::Op::kSub, {sum, Apply(egraph, kernels::Op::kExp, {Input(egraph, "x")})});
  const ClassId goal = Apply(egraph, kernels::Op::kNeg, {Apply(egraph, kernels::Op::kNeg, {sum})});

  const auto report = Saturate(egraph, Rules("many: ?a => (neg (neg ?a))\none: (neg (neg ?a)) => ?a"),
                               {.max_iterations = 6, .match_limit = 4});

  ASSERT_TRUE(report.ok());
  EXPECT_GE(report->rules[0].bans, 1);
  EXPECT_EQ(egraph.Find(goal), egraph.Find(sum));
}

TEST(ParseRulesTest, ConditionsAndScalarsReachTheResult) {
  EGraph egraph;
  const ClassId x = Input(egraph, "x");
  const ClassId doubled = Apply(egraph, kernels::Op::kMul, {x, Number(egraph, 2)});
  const ClassId negative = Apply(egraph, kernels::Op::kMul, {x, Number(egraph, -2)});

  ASSERT_TRUE(Saturate(egraph, Rules("halve: (mul ?x #s) => (div ?x (div 1 #s)) if positive(#s)"), {}).ok());

  const auto quotient = egraph.Lookup({kernels::Op::kDiv, {x, Number(egraph, 0.5)}, {}, {}});
  ASSERT_TRUE(quotient.has_value());
  EXPECT_EQ(*quotient, egraph.Find(doubled));
  EXPECT_EQ(egraph.Class(negative).nodes.size(), 1u);
}

TEST(ParseRulesTest, CommutativeOpsMatchInEitherOrder) {
  EGraph egraph;
  const ClassId x = Input(egraph, "x");
  const ClassId sum = Apply(egraph, kernels::Op::kAdd, {Number(egraph, 0), x});
  ASSERT_TRUE(Saturate(egraph, Rules("zero: (add ?x 0) => ?x"), {}).ok());
  EXPECT_EQ(egraph.Find(sum), egraph.Find(x));
}

TEST(ParseRulesTest, ARepeatedVariableMustBeOneClass) {
  EGraph egraph;
  const ClassId x = Input(egraph, "x"), y = Input(egraph, "y");
  const ClassId same = Apply(egraph, kernels::Op::kMaximum, {x, x}),
                other = Apply(egraph, kernels::Op::kMaximum, {x, y});
  ASSERT_TRUE(Saturate(egraph, Rules("same: (maximum ?x ?x) => ?x"), {}).ok());
  EXPECT_EQ(egraph.Find(same), egraph.Find(x));
  EXPECT_NE(egraph.Find(other), egraph.Find(x));
}

// Both results of a rule are known afterwards, and a pattern after `where` narrows what a variable may be.
TEST(ParseRulesTest, WhereNarrowsAndAlsoAddsASecondResult) {
  EGraph egraph;
  const ClassId x = Input(egraph, "x");
  const ClassId inner = Apply(egraph, kernels::Op::kExp, {x}), outer = Apply(egraph, kernels::Op::kNeg, {inner});
  const ClassId plain = Apply(egraph, kernels::Op::kNeg, {x});
  ASSERT_TRUE(Saturate(egraph, Rules("r: (neg ?e) where ?e is (exp ?x) => (sub 0 ?e) also ?e = (div 1 (exp (neg ?x)))"),
                       {.max_iterations = 1})
                  .ok());
  EXPECT_EQ(egraph.Class(outer).nodes.size(), 2u);
  EXPECT_EQ(egraph.Class(inner).nodes.size(), 2u);
  EXPECT_EQ(egraph.Class(plain).nodes.size(), 1u);
}

TEST(ParseRulesTest, AResultOfAnotherTypeIsDeclined) {
  EGraph egraph;
  const ClassId x = Input(egraph, "x", {2, 2});
  Apply(egraph, kernels::Op::kNeg, {x});
  const auto report = Saturate(egraph, Rules("sum: (neg ?x) => (reduce_sum axis=0 ?x)"), {});
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->rules[0].declined, 1);
  EXPECT_EQ(report->rules[0].applied, 0);
}

class BadRuleTest : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(BadRuleTest, IsRefusedWithTheReason) {
  const auto& [text, reason] = GetParam();
  const auto rules = ParseRules(text, {{"positive", {"#", [](const auto&) { return true; }}}});
  EXPECT_EQ(rules.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(rules.status().message(), HasSubstr(reason));
}

INSTANTIATE_TEST_SUITE_P(All, BadRuleTest,
                         testing::Values(std::pair{"r: (neg ?x)", "no '=>'"},
                                         std::pair{"r: (frob ?x) => ?x", "unknown op 'frob'"},
                                         std::pair{"r: (neg ?x => ?x", "ends early"},
                                         std::pair{"r: (neg ?x) => ?y", "no pattern binds 'y'"},
                                         std::pair{"r: (neg ?x) => (exp #s)", "no pattern binds 's'"},
                                         std::pair{"r: (neg ?x)) => ?x", "text after the pattern"},
                                         std::pair{"r: (cast? ?x ?y) => ?x", "exactly one operand"},
                                         std::pair{"r: (neg ?x) => ?x if even(?x)", "unknown condition"},
                                         std::pair{"r: (neg ?x) => ?x if positive(?x)", "does not take"},
                                         std::pair{"r: (neg ?x) where ?y is (exp ?z) => ?x", "names no variable"}));

TEST(ChooseCheapestTest, ASharedValueIsPaidOnce) {
  // Two results need e = exp(x). As a tree, computing neg(e) by a dearer node that avoids e looks better; but e is
  // there anyway.
  EGraph egraph;
  const ClassId x = Input(egraph, "x");
  const ClassId e = Apply(egraph, kernels::Op::kExp, {x}), n = Apply(egraph, kernels::Op::kNeg, {e}),
                other = Apply(egraph, kernels::Op::kTanh, {x});
  egraph.Merge(n, other);
  egraph.Rebuild();
  const NodeCost cost = [](const ENode& node, const auto&, const auto&) {
    return node.op == kernels::Op::kExp    ? 10.0
           : node.op == kernels::Op::kNeg  ? 1.0
           : node.op == kernels::Op::kTanh ? 5.0
                                           : 0.0;
  };

  const auto alone = ChooseCheapest(egraph, {n}, cost);
  const auto both = ChooseCheapest(egraph, {e, n}, cost);

  ASSERT_TRUE(alone.ok() && both.ok());
  EXPECT_EQ(egraph.Class(n).nodes[alone->at(egraph.Find(n))].op, kernels::Op::kTanh);
  EXPECT_EQ(egraph.Class(n).nodes[both->at(egraph.Find(n))].op, kernels::Op::kNeg);
}

TEST(ChooseCheapestTest, WhatNoKernelRunsIsNotChosen) {
  EGraph egraph;
  const ClassId x = Input(egraph, "x"), y = Apply(egraph, kernels::Op::kExp, {x});
  egraph.Rebuild();
  const auto choices = ChooseCheapest(egraph, {y}, [](const ENode& node, const auto&, const auto&) {
    return node.op == kernels::Op::kExp ? -1.0 : 0.0;
  });
  EXPECT_EQ(choices.status().code(), absl::StatusCode::kInternal);
}

TEST(ExtractTest, ChoicesThatDependOnThemselvesAreRefused) {
  EGraph egraph;
  const ClassId x = Input(egraph, "x"), y = Apply(egraph, kernels::Op::kNeg, {Apply(egraph, kernels::Op::kNeg, {x})});
  egraph.Merge(x, y);
  egraph.Rebuild();
  Choices choices;
  for (ClassId id : egraph.Classes()) choices[id] = egraph.Class(id).nodes.size() - 1;

  EXPECT_EQ(Extract(egraph, {x}, choices).status().code(), absl::StatusCode::kInternal);
}

TEST(ExtractTest, AnUnchangedGraphComesBack) {
  Builder b;
  const NodeId x = b.Input("x", kF32, {runtime::Dim::Seq(), 4});
  const auto graph = b.Finish(std::vector<NodeId>{b.Neg(b.Exp(x)), b.Cast(x, kernels::DType::kFloat16)});
  ASSERT_TRUE(graph.ok()) << graph.status();
  EGraph egraph;
  const auto classes = AddGraph(*graph, egraph);
  ASSERT_TRUE(classes.ok());
  Choices choices;
  for (ClassId id : egraph.Classes()) choices[id] = 0;

  const auto extracted = Extract(egraph, {(*classes)[graph->results()[0]], (*classes)[graph->results()[1]]}, choices);

  ASSERT_TRUE(extracted.ok()) << extracted.status();
  EXPECT_EQ(extracted->ToString(), graph->ToString());
}

}  // namespace
}  // namespace metronome::compiler
