#include "compiler/rules/pattern.h"

#include "compiler/ir/builder.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome {
namespace {

using ::testing::HasSubstr;

class PatternTest : public testing::Test {
 protected:
  PatternTest() {
    x_ = b_.Constant(DType::kFloat32, {1, 3}, {1, 2, 3});
    y_ = b_.Neg(x_);
  }

  // Whether `text` matches at `root`, which becomes the logits of the graph.
  bool Matches(absl::string_view text, NodeId root) {
    absl::StatusOr<Graph> graph = b_.Finish(root);
    EXPECT_TRUE(graph.ok()) << graph.status();
    absl::StatusOr<Pattern> pattern = Pattern::Parse(text);
    EXPECT_TRUE(pattern.ok()) << pattern.status();
    return graph.ok() && pattern.ok() && pattern->MatchAt(*graph, root, match_);
  }

  Builder b_;
  NodeId x_ = -1, y_ = -1;
  Match match_;
};

TEST_F(PatternTest, BindsVariablesAndScalars) {
  ASSERT_TRUE(Matches("(mul (neg ?x) #factor)", b_.Mul(y_, 2.5)));

  EXPECT_EQ(match_.nodes.at("x"), x_);
  EXPECT_EQ(match_.scalars.at("factor"), 2.5);
  EXPECT_THAT(match_.interior, testing::ElementsAre(y_));
}

TEST_F(PatternTest, CommutativeOpsMatchInEitherOrder) {
  ASSERT_TRUE(Matches("(add (neg ?x) ?y)", b_.Add(x_, y_)));
  EXPECT_EQ(match_.nodes.at("y"), x_);
}

TEST_F(PatternTest, OtherOpsMatchInOrderOnly) { EXPECT_FALSE(Matches("(sub (neg ?x) ?y)", b_.Sub(x_, y_))); }

TEST_F(PatternTest, RepeatedVariableMustBeTheSameNode) { EXPECT_FALSE(Matches("(add ?x ?x)", b_.Add(x_, y_))); }

TEST_F(PatternTest, RepeatedVariableMatchesTheSameNode) { EXPECT_TRUE(Matches("(add ?x ?x)", b_.Add(y_, y_))); }

// The first order binds ?x to neg(x), which fails at the second operand; only undoing that choice finds the match.
TEST_F(PatternTest, BacktracksOutOfAWrongOrder) {
  const NodeId inner = b_.Add(y_, x_);
  ASSERT_TRUE(Matches("(mul (add ?a ?b) ?a)", b_.Mul(inner, x_)));
  EXPECT_EQ(match_.nodes.at("a"), x_);
  EXPECT_EQ(match_.nodes.at("b"), y_);
}

TEST_F(PatternTest, OptionalOpMatchesWithTheOp) {
  const NodeId half = b_.Cast(x_, DType::kFloat16);
  ASSERT_TRUE(Matches("(neg (cast? ?x))", b_.Neg(half)));
  EXPECT_EQ(match_.nodes.at("x"), x_);
}

TEST_F(PatternTest, OptionalOpMatchesWithoutTheOp) {
  ASSERT_TRUE(Matches("(neg (cast? ?x))", y_));
  EXPECT_EQ(match_.nodes.at("x"), x_);
}

TEST_F(PatternTest, LiteralsCompareInFloat32) {
  EXPECT_TRUE(Matches("(mul ?x 0.1)", b_.Mul(y_, static_cast<double>(0.1f))));
}

TEST_F(PatternTest, LiteralsDiffer) { EXPECT_FALSE(Matches("(mul ?x 0.1)", b_.Mul(y_, 0.1001))); }

TEST_F(PatternTest, MinusInfinityIsALiteral) {
  const NodeId mask = b_.Gt(x_, y_);
  EXPECT_TRUE(Matches("(select ?m ?x -inf)", b_.Select(mask, x_, -std::numeric_limits<double>::infinity())));
}

TEST_F(PatternTest, AttributesMustAgree) { EXPECT_FALSE(Matches("(reduce_sum axis=0 ?x)", b_.ReduceSum(x_, 1))); }

TEST_F(PatternTest, AttributesThatAgreeMatch) {
  EXPECT_TRUE(Matches("(transpose permutation=[1,0] ?x)", b_.Transpose(b_.Neg(b_.Transpose(x_, {1, 0})), {1, 0})));
}

TEST_F(PatternTest, AConstantOfSeveralElementsIsNoScalar) { EXPECT_FALSE(Matches("(add ?y #s)", b_.Add(y_, x_))); }

struct BadText {
  const char* text;
  const char* message;
};

void PrintTo(const BadText& bad, std::ostream* out) { *out << bad.text; }

class PatternParseTest : public testing::TestWithParam<BadText> {};

TEST_P(PatternParseTest, RejectsMalformedTextWithTheOffset) {
  const absl::StatusOr<Pattern> pattern = Pattern::Parse(GetParam().text);

  EXPECT_EQ(pattern.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(pattern.status().message(), HasSubstr(GetParam().message));
  EXPECT_THAT(pattern.status().message(), HasSubstr("offset"));
}

INSTANTIATE_TEST_SUITE_P(All, PatternParseTest,
                         testing::Values(BadText{"", "ends early"}, BadText{"(add ?x", "ends early"},
                                         BadText{")", "nothing to close"}, BadText{"(frobnicate ?x)", "unknown op"},
                                         BadText{"(= x ?y)", "needs a ?variable"},
                                         BadText{"(cast? ?x ?y)", "exactly one"}, BadText{"?x ?y", "text after"},
                                         BadText{"(add x ?y)", "no variable, scalar or number"}));

}  // namespace
}  // namespace metronome
