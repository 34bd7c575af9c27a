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
  StepShape step;
  int64_t width;  // Even, for the halves of RoPE, and no multiple of a vector.
};
constexpr ExampleSize kSizes[] = {{{.seq = 1, .past = 0}, 6}, {{.seq = 3, .past = 2}, 10}, {{.seq = 5, .past = 3}, 6}};

Graph Build(const RuleExample& example, DType dtype, int64_t width) {
  FormulaBuilder b(dtype, width);
  absl::StatusOr<Graph> graph = b.Finish(example.build(b));
  EXPECT_TRUE(graph.ok()) << graph.status();
  return graph.ok() ? *std::move(graph) : Graph();
}

bool Fired(const RunReport& report, const std::string& rule) {
  return std::any_of(report.rules.begin(), report.rules.end(), [&](const RuleStatistics& statistics) {
    return statistics.name == rule && statistics.applied > 0;
  });
}

// A rule without an example that makes it fire fails here.
TEST(RuleExamplesTest, EveryRuleHasOne) {
  std::set<std::string> fired;
  for (const RuleExample& example : RuleExamples()) {
    EGraph egraph;
    ASSERT_TRUE(AddGraph(Build(example, DType::kFloat32, 6), egraph).ok());
    const absl::StatusOr<RunReport> report = Saturate(egraph, AllRules(), {});
    ASSERT_TRUE(report.ok()) << report.status();
    if (Fired(*report, example.rule)) fired.insert(example.rule);
  }

  for (const auto& rule : AllRules()) EXPECT_TRUE(fired.contains(std::string(rule->name()))) << rule->name();
}

// The test below would be worth nothing if it could not fail.
TEST(RuleExamplesTest, AFalseRuleIsNoticed) {
  FormulaBuilder b(DType::kBFloat16, 6);
  const absl::StatusOr<Graph> graph = b.Finish(std::vector<NodeId>{b.Sub(b.Rows("x"), b.Rows("y"))});
  ASSERT_TRUE(graph.ok()) << graph.status();
  EGraph egraph;
  const absl::StatusOr<std::vector<ClassId>> classes = AddGraph(*graph, egraph);
  const absl::StatusOr<RewriteList> rules = ParseRules("exchange: (sub ?a ?b) => (sub ?b ?a)", RuleConditions());
  ASSERT_TRUE(classes.ok() && rules.ok());
  ASSERT_TRUE(Saturate(egraph, *rules, {}).ok());

  EXPECT_NONFATAL_FAILURE(ExpectClassesAgree(egraph, *graph, *classes, Evaluator({.seq = 3})), "node sub");
}

using ExampleAndDType = std::tuple<RuleExample, DType>;

class RuleEquivalenceTest : public ::testing::TestWithParam<ExampleAndDType> {};

TEST_P(RuleEquivalenceTest, EveryFormComputesTheSame) {
  const auto& [example, dtype] = GetParam();
  for (const auto& [step, width] : kSizes) {
    SCOPED_TRACE(absl::StrCat("seq ", step.seq, ", past ", step.past, ", width ", width));
    const Graph graph = Build(example, dtype, width);
    EGraph egraph;
    const absl::StatusOr<std::vector<ClassId>> classes = AddGraph(graph, egraph);
    ASSERT_TRUE(classes.ok()) << classes.status();

    const absl::StatusOr<RunReport> report = Saturate(egraph, AllRules(), {});

    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->stop, StopReason::kSaturated);
    EXPECT_TRUE(Fired(*report, example.rule)) << egraph.ToString();
    const Evaluator evaluator(step);
    ExpectClassesAgree(egraph, graph, *classes, evaluator);
    for (uint64_t seed = 0; seed < 4; ++seed) ExpectRandomFormAgrees(egraph, graph, *classes, evaluator, seed);
  }
}

std::vector<ExampleAndDType> AllExamples() {
  std::vector<ExampleAndDType> examples;
  for (const RuleExample& example : RuleExamples()) {
    for (DType dtype : kFloats) {
      if (dtype == DType::kFloat32 || !example.float32_only) examples.emplace_back(example, dtype);
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
