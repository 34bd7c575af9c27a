#include <cstdint>
#include <limits>

#include "absl/strings/str_cat.h"
#include "compiler/driver/optimise.h"
#include "compiler/egraph/e_graph.h"
#include "compiler/egraph/runner.h"
#include "compiler/lowering/lower.h"
#include "compiler/rules/rules.h"
#include "gtest/gtest.h"
#include "tests/compiler/egraph/random_graph.h"
#include "tests/compiler/evaluation.h"

namespace metronome::testing {
namespace {

// Random graphs are deeper than the formulas of rules, and what one step rounds the next ones may magnify.
constexpr double kLooseness = 20;

constexpr uint64_t kSeedsPerTest = 25;

// However slow the machine, the same graphs are tested.
constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

class FuzzTest : public ::testing::TestWithParam<uint64_t> {
 protected:
  void ExpectAllFormsAgree(uint64_t seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    const absl::StatusOr<compiler::Graph> graph = RandomGraph(seed);
    ASSERT_TRUE(graph.ok()) << graph.status();
    SCOPED_TRACE(graph->ToString());
    const Evaluator evaluator(runtime::StepShape{});
    ExpectCheapestFormAgrees(*graph, evaluator);

    compiler::EGraph egraph;
    const absl::StatusOr<std::vector<compiler::ClassId>> classes = compiler::AddGraph(*graph, egraph);
    ASSERT_TRUE(classes.ok()) << classes.status();
    const absl::StatusOr<compiler::RunReport> report =
        compiler::Saturate(egraph, compiler::AllRules(), {.max_ns = kNoLimit});
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->stop, compiler::StopReason::kSaturated);
    ExpectClassesAgree(egraph, *graph, *classes, evaluator, kLooseness);
    for (uint64_t form = 0; form < 3; ++form)
      ExpectRandomFormAgrees(egraph, *graph, *classes, evaluator, 3 * seed + form, kLooseness);
  }

 private:
  // The form that compilation takes.
  static void ExpectCheapestFormAgrees(const compiler::Graph& graph, const Evaluator& evaluator) {
    const absl::StatusOr<compiler::OptimisedGraph> optimised = compiler::Optimise(graph);
    ASSERT_TRUE(optimised.ok()) << optimised.status();
    const compiler::Graph whole = optimised->Whole().value();
    EXPECT_TRUE(compiler::Lower(whole).ok()) << compiler::Lower(whole).status();
    ExpectSameResults(whole, graph, evaluator, kLooseness);
  }
};

TEST_P(FuzzTest, AllFormsOfARandomGraphAgree) {
  for (uint64_t i = 0; i < kSeedsPerTest; ++i) ExpectAllFormsAgree(GetParam() * kSeedsPerTest + i);
}

INSTANTIATE_TEST_SUITE_P(Seeds, FuzzTest, ::testing::Range(uint64_t{0}, uint64_t{8}));

}  // namespace
}  // namespace metronome::testing
