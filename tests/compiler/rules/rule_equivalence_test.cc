#include <algorithm>
#include <cctype>
#include <ostream>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "compiler/egraph/e_graph.h"
#include "compiler/egraph/runner.h"
#include "compiler/rules/rules.h"
#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"
#include "tests/compiler/evaluation.h"
#include "tests/compiler/rules/rule_examples.h"

namespace metronome::testing {
namespace {

struct ExampleSize {
  runtime::StepShape step;
  int64_t width;  // Even, for the halves of RoPE, and no multiple of a vector.
};
constexpr ExampleSize kSizes[] = {{{.seq = 1, .past = 0}, 6}, {{.seq = 3, .past = 2}, 10}, {{.seq = 5, .past = 3}, 6}};

compiler::Graph Build(const RuleExample& example, kernels::DType dtype, int64_t width) {
  FormulaBuilder b(dtype, width);
  absl::StatusOr<compiler::Graph> graph = b.Finish(example.build(b));
  EXPECT_TRUE(graph.ok()) << graph.status();
  return graph.ok() ? *std::move(graph) : compiler::Graph();
}

bool Fired(const compiler::RunReport& report, const std::string& rule) {
  return std::any_of(report.rules.begin(), report.rules.end(), [&](const compiler::RuleStatistics& statistics) {
    return statistics.name == rule && statistics.applied > 0;
  });
}

// A rule without an example that makes it fire fails here.
TEST(RuleExamplesTest, EveryRuleHasOne) {
  std::set<std::string> fired;
  for (const RuleExample& example : RuleExamples()) {
    compiler::EGraph egraph;
    ASSERT_TRUE(compiler::AddGraph(Build(example, kernels::DType::kFloat32, 6), egraph).ok());
    const absl::StatusOr<compiler::RunReport> report = compiler::Saturate(egraph, compiler::AllRules(), {});
    ASSERT_TRUE(report.ok()) << report.status();
    if (Fired(*report, example.rule)) fired.insert(example.rule);
  }

  for (const auto& rule : compiler::AllRules()) EXPECT_TRUE(fired.contains(std::string(rule->name()))) << rule->name();
}

// The test below would be worth nothing if it could not fail.
TEST(RuleExamplesTest, AFalseRuleIsNoticed) {
  FormulaBuilder b(kernels::DType::kBFloat16, 6);
  const absl::StatusOr<compiler::Graph> graph =
      b.Finish(std::vector<compiler::NodeId>{b.Sub(b.Rows("x"), b.Rows("y"))});
  ASSERT_TRUE(graph.ok()) << graph.status();
  compiler::EGraph egraph;
  const absl::StatusOr<std::vector<compiler::ClassId>> classes = compiler::AddGraph(*graph, egraph);
  const absl::StatusOr<compiler::RewriteList> rules =
      compiler::ParseRules("exchange: (sub ?a ?b) => (sub ?b ?a)", compiler::RuleConditions());
  ASSERT_TRUE(classes.ok() && rules.ok());
  ASSERT_TRUE(compiler::Saturate(egraph, *rules, {}).ok());

  EXPECT_NONFATAL_FAILURE(ExpectClassesAgree(egraph, *graph, *classes, Evaluator({.seq = 3})), "node sub");
}

using ExampleAndDType = std::tuple<RuleExample, kernels::DType>;

class RuleEquivalenceTest : public ::testing::TestWithParam<ExampleAndDType> {};

TEST_P(RuleEquivalenceTest, EveryFormComputesTheSame) {
  const auto& [example, dtype] = GetParam();
  for (const auto& [step, width] : kSizes) {
    SCOPED_TRACE(absl::StrCat("seq ", step.seq, ", past ", step.past, ", width ", width));
    const compiler::Graph graph = Build(example, dtype, width);
    compiler::EGraph egraph;
    const absl::StatusOr<std::vector<compiler::ClassId>> classes = compiler::AddGraph(graph, egraph);
    ASSERT_TRUE(classes.ok()) << classes.status();

    const absl::StatusOr<compiler::RunReport> report = compiler::Saturate(egraph, compiler::AllRules(), {});

    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->stop, compiler::StopReason::kSaturated);
    EXPECT_TRUE(Fired(*report, example.rule)) << egraph.ToString();
    const Evaluator evaluator(step);
    ExpectClassesAgree(egraph, graph, *classes, evaluator);
    for (uint64_t seed = 0; seed < 4; ++seed) ExpectRandomFormAgrees(egraph, graph, *classes, evaluator, seed);
  }
}

std::vector<ExampleAndDType> AllExamples() {
  std::vector<ExampleAndDType> examples;
  for (const RuleExample& example : RuleExamples()) {
    for (kernels::DType dtype : kFloats) {
      if (dtype == kernels::DType::kFloat32 || !example.float32_only) examples.emplace_back(example, dtype);
    }
  }
  return examples;
}

std::string NameOf(const ::testing::TestParamInfo<ExampleAndDType>& info) {
  const auto& [example, dtype] = info.param;
  std::string name = absl::StrCat(example.rule, example.form.empty() ? "" : "_", example.form, "_", Name(dtype));
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(Rules, RuleEquivalenceTest, ::testing::ValuesIn(AllExamples()), NameOf);

}  // namespace

// What a failing test prints of its parameter.
void PrintTo(const RuleExample& example, std::ostream* out) { *out << example.rule << " " << example.form; }

}  // namespace metronome::testing
