#include "compiler/search/search.h"

#include <map>
#include <set>

#include "absl/strings/match.h"
#include "compiler/driver/optimise.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/compiler/evaluation.h"
#include "tests/compiler/formulas.h"

namespace metronome::testing {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A gated MLP and two products of one input: several forms, several calls to tune. A whole graph has no inputs, so rows
// are a weight.
Graph MlpGraph() {
  FormulaBuilder b(DType::kFloat32, 6);
  const NodeId x = b.Matrix("x", 3);
  const NodeId gated = b.Mul(b.Silu(b.Linear(x, b.Matrix("gate"))), b.Linear(x, b.Matrix("up")));
  return b.Finish({b.Linear(gated, b.Matrix("down")), b.Linear(gated, b.Matrix("other"))}).value();
}

// Every call has a grain; products have a method besides.
std::vector<TuningParameter> FakeTuning(absl::string_view kernel, const KernelArgs&) {
  std::vector<TuningParameter> space = {{"tune_grain", {8, 16, 32}}};
  if (absl::StartsWith(kernel, "linear")) space.push_back({"tune_method", {0, 1}});
  return space;
}

class SearchTest : public ::testing::Test {
 protected:
  SearchTest()
      : optimised_(Optimise(MlpGraph()).value()),
        block_(optimised_.blocks[0]),
        space_(block_.egraph, block_.results, StaticCost, FakeTuning, {.seq = 1, .past = 0}) {}

  Search NewSearch(const SearchOptions& options) {
    return {space_, {.choices = block_.choices}, block_.graph, options};
  }

  // A fake timer: fewer calls are better, and of each grain the smallest.
  static double TimeOf(const Graph& graph) {
    double time = 0;
    const std::vector<int> uses = graph.CountUses();
    for (NodeId id = 0; id < graph.size(); ++id) {
      const Node& node = graph.node(id);
      if (uses[id] == 0 || IsLeaf(node.op) || node.op == Op::kReshape) continue;
      time += 100 + static_cast<double>(node.attributes.Int("tune_grain", 20)) +
              static_cast<double>(node.attributes.Int("tune_method", 1));
    }
    return time;
  }

  // Runs the search to its end under the fake timer; the forms in the order they were tried.
  static std::vector<std::string> Run(Search& search) {
    std::vector<std::string> tried;
    while (std::optional<Trial> trial = search.Next()) {
      tried.push_back(trial->graph.ToString());
      search.Report(*trial, {.candidate_ns = TimeOf(trial->graph), .incumbent_ns = TimeOf(search.incumbent())});
    }
    return tried;
  }

  OptimisedGraph optimised_;
  const OptimisedBlock& block_;
  SearchSpace space_;
};

TEST_F(SearchTest, TheSeedAndTheTimingsDecideEverything) {
  Search first = NewSearch({.budget = 60, .seed = 3}), second = NewSearch({.budget = 60, .seed = 3}),
         other = NewSearch({.budget = 60, .seed = 4});
  const std::vector<std::string> tried = Run(first);
  EXPECT_EQ(tried, Run(second));
  EXPECT_EQ(first.incumbent().ToString(), second.incumbent().ToString());
  EXPECT_NE(tried, Run(other));
}

TEST_F(SearchTest, NoFormIsTriedTwiceAndNoneBeyondTheBudget) {
  Search search = NewSearch({.budget = 80, .seed = 1});
  const std::vector<std::string> tried = Run(search);
  EXPECT_LE(tried.size(), 80u);
  std::set<std::string> distinct(tried.begin(), tried.end());
  distinct.insert(block_.graph.ToString());
  EXPECT_EQ(distinct.size(), tried.size() + 1);
  EXPECT_EQ(search.log().size(), tried.size());
}

TEST_F(SearchTest, FindsTheBestTuning) {
  Search search = NewSearch({.budget = 2000, .seed = 2});
  Run(search);
  EXPECT_LT(TimeOf(search.incumbent()), TimeOf(block_.graph));
  for (NodeId id = 0; id < search.incumbent().size(); ++id) {
    const Node& node = search.incumbent().node(id);
    if (node.op == Op::kLinear || node.op == Op::kLinearGroup || node.op == Op::kGatedLinear) {
      EXPECT_EQ(node.attributes.Int("tune_grain"), 8) << search.incumbent().ToString();
    }
  }
}

TEST_F(SearchTest, EveryFormThatIsTriedComputesTheSame) {
  Search search = NewSearch({.budget = 40, .seed = 5});
  const Evaluator evaluator({.seq = 3, .past = 0});
  while (std::optional<Trial> trial = search.Next()) {
    ExpectSameResults(trial->graph, optimised_.rolled.blocks[0], evaluator);
    search.Report(*trial, {.candidate_ns = TimeOf(trial->graph), .incumbent_ns = TimeOf(search.incumbent())});
  }
}

TEST_F(SearchTest, OutputsOfOneCallAreTunedAlike) {
  Search search = NewSearch({.budget = 200, .seed = 6});
  bool tuned_group = false;
  while (std::optional<Trial> trial = search.Next()) {
    std::map<std::vector<NodeId>, Attributes> calls;
    for (NodeId id = 0; id < trial->graph.size(); ++id) {
      const Node& node = trial->graph.node(id);
      if (node.op != Op::kLinearGroup) continue;
      const auto [at, inserted] = calls.emplace(node.inputs, CallAttributes(node));
      EXPECT_EQ(at->second, CallAttributes(node)) << trial->graph.ToString();
      tuned_group |= node.attributes.Find("tune_grain") != nullptr;
    }
    search.Report(*trial, {.candidate_ns = 1, .incumbent_ns = 1});
  }
  EXPECT_TRUE(tuned_group);
}

TEST_F(SearchTest, ARejectedCandidateIsLoggedAndNeverTaken) {
  for (const Rejection rejection :
       {Rejection::kBuild, Rejection::kResource, Rejection::kNumeric, Rejection::kTimeout}) {
    Search search = NewSearch({.budget = 10, .seed = 7});
    while (std::optional<Trial> trial = search.Next())
      search.Report(*trial, {.rejection = rejection, .detail = "why", .candidate_ns = 1, .incumbent_ns = 100});
    EXPECT_EQ(search.incumbent().ToString(), block_.graph.ToString()) << Name(rejection);
    EXPECT_EQ(search.log().size(), 10u);
    for (const Search::LogEntry& entry : search.log()) {
      EXPECT_FALSE(entry.accepted);
      EXPECT_EQ(entry.measurement.rejection, rejection);
      EXPECT_EQ(entry.measurement.detail, "why");
    }
  }
}

TEST_F(SearchTest, AGainWithinTheNoiseIsNotTaken) {
  Search search = NewSearch({.budget = 10, .seed = 8, .least_gain = 0.05});
  while (std::optional<Trial> trial = search.Next()) search.Report(*trial, {.candidate_ns = 96, .incumbent_ns = 100});
  EXPECT_EQ(search.incumbent().ToString(), block_.graph.ToString());
}

TEST_F(SearchTest, ScoresAreFractionsOfTheDefault) {
  Search search = NewSearch({.budget = 3, .seed = 9});
  while (std::optional<Trial> trial = search.Next())
    search.Report(*trial, {.candidate_ns = 50, .incumbent_ns = 100});  // Each halves the one before.
  ASSERT_EQ(search.log().size(), 3u);
  EXPECT_DOUBLE_EQ(search.log()[2].score, 0.125);
  EXPECT_TRUE(search.log()[2].accepted);
}

TEST_F(SearchTest, ASpaceOfOneFormEndsAtOnce) {
  FormulaBuilder b(DType::kFloat32, 6);
  const OptimisedGraph optimised = Optimise(b.Finish(std::vector<NodeId>{b.Exp(b.Matrix())}).value()).value();
  const OptimisedBlock& block = optimised.blocks[0];
  const SearchSpace space(block.egraph, block.results, StaticCost,
                          [](absl::string_view, const KernelArgs&) { return std::vector<TuningParameter>(); }, {});
  Search search(space, {.choices = block.choices}, block.graph, {.budget = 100});
  EXPECT_FALSE(search.Next().has_value());
}

}  // namespace
}  // namespace metronome::testing
