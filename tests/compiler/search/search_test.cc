#include "compiler/search/search.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "compiler/driver/optimise.h"
#include "compiler/egraph/runner.h"
#include "compiler/rules/rules.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/compiler/evaluation.h"
#include "tests/compiler/formulas.h"

namespace metronome::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsSupersetOf;

// A gated MLP and two products of one input: several forms, several calls to tune. A whole graph has no inputs, so rows
// are a weight.
compiler::Graph MlpGraph() {
  FormulaBuilder b(kernels::DType::kFloat32, 6);
  const compiler::NodeId x = b.Matrix("x", 3);
  const compiler::NodeId gated = b.Mul(b.Silu(b.Linear(x, b.Matrix("gate"))), b.Linear(x, b.Matrix("up")));
  return b.Finish({b.Linear(gated, b.Matrix("down")), b.Linear(gated, b.Matrix("other"))}).value();
}

// Every call has a grain; products have a method besides.
std::vector<kernels::TuningParameter> FakeTuning(absl::string_view kernel, const kernels::KernelArgs&) {
  std::vector<kernels::TuningParameter> space = {{"tune_grain", {8, 16, 32}}};
  if (absl::StartsWith(kernel, "linear")) space.push_back({"tune_method", {0, 1}});
  return space;
}

class SearchTest : public ::testing::Test {
 protected:
  SearchTest()
      : optimised_(compiler::Optimise(MlpGraph()).value()),
        block_(optimised_.blocks[0]),
        space_(block_.egraph, block_.results, compiler::StaticCost, FakeTuning, {.seq = 1, .past = 0}) {}

  compiler::Search NewSearch(const compiler::SearchOptions& options) {
    return {space_, {.choices = block_.choices}, block_.graph, options};
  }

  // A fake timer: fewer calls are better, and of each grain the smallest.
  static double TimeOf(const compiler::Graph& graph) {
    double time = 0;
    const std::vector<int> uses = graph.CountUses();
    for (compiler::NodeId id = 0; id < graph.size(); ++id) {
      const compiler::Node& node = graph.node(id);
      if (uses[id] == 0 || kernels::IsLeaf(node.op) || node.op == kernels::Op::kReshape) continue;
      time += 100 + static_cast<double>(node.attributes.Int("tune_grain", 20)) +
              static_cast<double>(node.attributes.Int("tune_method", 1));
    }
    return time;
  }

  // Runs the search to its end under the fake timer; the forms in the order they were tried.
  static std::vector<std::string> Run(compiler::Search& search) {
    std::vector<std::string> tried;
    while (std::optional<compiler::Trial> trial = search.Next()) {
      tried.push_back(trial->graph.ToString());
      search.Report(*trial, {.candidate_ns = TimeOf(trial->graph), .incumbent_ns = TimeOf(search.incumbent())});
    }
    return tried;
  }

  compiler::OptimisedGraph optimised_;
  const compiler::OptimisedBlock& block_;
  compiler::SearchSpace space_;
};

TEST_F(SearchTest, TheSeedAndTheTimingsDecideEverything) {
  compiler::Search first = NewSearch({.budget = 60, .seed = 3}), second = NewSearch({.budget = 60, .seed = 3}),
                   other = NewSearch({.budget = 60, .seed = 4});
  const std::vector<std::string> tried = Run(first);
  EXPECT_EQ(tried, Run(second));
  EXPECT_EQ(first.incumbent().ToString(), second.incumbent().ToString());
  EXPECT_NE(tried, Run(other));
}

TEST_F(SearchTest, NoFormIsTriedTwiceAndNoneBeyondTheBudget) {
  compiler::Search search = NewSearch({.budget = 80, .seed = 1});
  const std::vector<std::string> tried = Run(search);
  EXPECT_LE(tried.size(), 80u);
  std::set<std::string> distinct(tried.begin(), tried.end());
  distinct.insert(block_.graph.ToString());
  EXPECT_EQ(distinct.size(), tried.size() + 1);
  EXPECT_EQ(search.log().size(), tried.size());
}

TEST_F(SearchTest, FindsTheBestTuning) {
  compiler::Search search = NewSearch({.budget = 2000, .seed = 2});
  Run(search);
  EXPECT_LT(TimeOf(search.incumbent()), TimeOf(block_.graph));
  for (compiler::NodeId id = 0; id < search.incumbent().size(); ++id) {
    const compiler::Node& node = search.incumbent().node(id);
    if (node.op == kernels::Op::kLinear || node.op == kernels::Op::kLinearGroup ||
        node.op == kernels::Op::kGatedLinear) {
      EXPECT_EQ(node.attributes.Int("tune_grain"), 8) << search.incumbent().ToString();
    }
  }
}

TEST_F(SearchTest, EveryFormThatIsTriedComputesTheSame) {
  compiler::Search search = NewSearch({.budget = 40, .seed = 5});
  const Evaluator evaluator({.seq = 3, .past = 0});
  while (std::optional<compiler::Trial> trial = search.Next()) {
    ExpectSameResults(trial->graph, optimised_.rolled.blocks[0], evaluator);
    search.Report(*trial, {.candidate_ns = TimeOf(trial->graph), .incumbent_ns = TimeOf(search.incumbent())});
  }
}

TEST_F(SearchTest, OutputsOfOneCallAreTunedAlike) {
  compiler::Search search = NewSearch({.budget = 200, .seed = 6});
  bool tuned_group = false;
  while (std::optional<compiler::Trial> trial = search.Next()) {
    std::map<std::vector<compiler::NodeId>, kernels::Attributes> calls;
    for (compiler::NodeId id = 0; id < trial->graph.size(); ++id) {
      const compiler::Node& node = trial->graph.node(id);
      if (node.op != kernels::Op::kLinearGroup) continue;
      const auto [at, inserted] = calls.emplace(node.inputs, compiler::CallAttributes(node));
      EXPECT_EQ(at->second, compiler::CallAttributes(node)) << trial->graph.ToString();
      tuned_group |= node.attributes.Find("tune_grain") != nullptr;
    }
    search.Report(*trial, {.candidate_ns = 1, .incumbent_ns = 1});
  }
  EXPECT_TRUE(tuned_group);
}

TEST_F(SearchTest, ARejectedCandidateIsLoggedAndNeverTaken) {
  for (const compiler::Rejection rejection : {compiler::Rejection::kBuild, compiler::Rejection::kResource,
                                              compiler::Rejection::kNumeric, compiler::Rejection::kTimeout}) {
    compiler::Search search = NewSearch({.budget = 10, .seed = 7});
    while (std::optional<compiler::Trial> trial = search.Next())
      search.Report(*trial, {.rejection = rejection, .detail = "why", .candidate_ns = 1, .incumbent_ns = 100});
    EXPECT_EQ(search.incumbent().ToString(), block_.graph.ToString()) << Name(rejection);
    EXPECT_EQ(search.log().size(), 10u);
    for (const compiler::Search::LogEntry& entry : search.log()) {
      EXPECT_FALSE(entry.accepted);
      EXPECT_EQ(entry.measurement.rejection, rejection);
      EXPECT_EQ(entry.measurement.detail, "why");
    }
  }
}

TEST_F(SearchTest, AGainWithinTheNoiseIsNotTaken) {
  compiler::Search search = NewSearch({.budget = 10, .seed = 8, .least_gain = 0.05});
  while (std::optional<compiler::Trial> trial = search.Next())
    search.Report(*trial, {.candidate_ns = 96, .incumbent_ns = 100});
  EXPECT_EQ(search.incumbent().ToString(), block_.graph.ToString());
}

TEST_F(SearchTest, ScoresAreFractionsOfTheDefault) {
  compiler::Search search = NewSearch({.budget = 3, .seed = 9});
  while (std::optional<compiler::Trial> trial = search.Next())
    search.Report(*trial, {.candidate_ns = 50, .incumbent_ns = 100});  // Each halves the one before.
  ASSERT_EQ(search.log().size(), 3u);
  EXPECT_DOUBLE_EQ(search.log()[2].score, 0.125);
  EXPECT_TRUE(search.log()[2].accepted);
}

// Six calls of six kernels in a row, each tuned alone: what a candidate sets says what it was bred from.
class ChainTest : public ::testing::Test {
 protected:
  static constexpr size_t kCalls = 6;

  static compiler::Graph ChainGraph() {
    FormulaBuilder b(kernels::DType::kFloat32, 6);
    return b.Finish(std::vector<compiler::NodeId>{b.Exp(b.Neg(b.Tanh(b.Sigmoid(b.Cos(b.Sin(b.Matrix()))))))}).value();
  }
  static std::vector<kernels::TuningParameter> TwoGrains(absl::string_view, const kernels::KernelArgs&) {
    return {{"tune_grain", {8, 16}}};
  }

  ChainTest()
      : optimised_(compiler::Optimise(ChainGraph()).value()),
        block_(optimised_.blocks[0]),
        space_(block_.egraph, block_.results, compiler::StaticCost, TwoGrains, {}) {}

  // The most parameters that a candidate of a search sets where each is slower than the one before, or rejected.
  size_t MostSet(int64_t keep_best, std::optional<compiler::Rejection> rejection = std::nullopt) const {
    compiler::Search search(space_, {.choices = block_.choices}, block_.graph,
                            {.budget = 200, .seed = 1, .keep_best = keep_best});
    size_t most = 0;
    while (std::optional<compiler::Trial> trial = search.Next()) {
      most = std::max(most, trial->candidate.tuning.size());
      const auto slower = static_cast<double>(100 + trial->number);
      search.Report(*trial, {.rejection = rejection, .candidate_ns = slower, .incumbent_ns = 100});
    }
    EXPECT_EQ(search.incumbent().ToString(), block_.graph.ToString());
    return most;
  }

  compiler::OptimisedGraph optimised_;
  const compiler::OptimisedBlock& block_;
  compiler::SearchSpace space_;
};

// One or two parameters are set at a time, by candidates of the default and of the first trials alone.
TEST_F(ChainTest, CandidatesAreBredFromTheBestOnes) {
  EXPECT_EQ(MostSet(1), 2u);
  const size_t of_two = MostSet(2);
  EXPECT_GT(of_two, 2u);
  EXPECT_LE(of_two, 4u);
  EXPECT_EQ(MostSet(1000), kCalls);
}

TEST_F(ChainTest, RejectedCandidatesAreNotBredFrom) { EXPECT_EQ(MostSet(1000, compiler::Rejection::kNumeric), 2u); }

// Each call takes its own choice or one of two values.
TEST_F(ChainTest, ASpaceEndsOnceAllOfItWasTried) {
  FormulaBuilder b(kernels::DType::kFloat32, 6);
  const compiler::OptimisedGraph optimised =
      compiler::Optimise(b.Finish(std::vector<compiler::NodeId>{b.Exp(b.Neg(b.Matrix()))}).value()).value();
  const compiler::OptimisedBlock& block = optimised.blocks[0];
  const compiler::SearchSpace space(block.egraph, block.results, compiler::StaticCost, TwoGrains, {});
  compiler::Search search(space, {.choices = block.choices}, block.graph, {.budget = 1000, .seed = 1});
  std::set<compiler::Tuning> tried;
  while (std::optional<compiler::Trial> trial = search.Next()) {
    tried.insert(trial->candidate.tuning);
    search.Report(*trial, {.candidate_ns = 200, .incumbent_ns = 100});
  }
  EXPECT_EQ(tried.size(), 3u * 3u - 1);
  EXPECT_EQ(search.log().size(), tried.size());
  EXPECT_FALSE(search.Next().has_value());
}

TEST_F(ChainTest, MutationsReachEveryValueOfEveryCall) {
  std::mt19937_64 random(1);
  const compiler::Candidate start = {.choices = block_.choices};
  std::set<std::pair<std::string, int64_t>> reached;
  for (int i = 0; i < 200; ++i) {
    const compiler::Candidate mutated = space_.Mutate(start, random);
    EXPECT_LE(mutated.tuning.size(), 1u);
    for (const auto& [knob, value] : mutated.tuning) {
      EXPECT_EQ(knob.second, "tune_grain");
      reached.emplace(knob.first, value);
    }
  }
  std::set<std::pair<std::string, int64_t>> all;
  for (const char* call : {"exp#0", "neg#0", "tanh#0", "sigmoid#0", "cos#0", "sin#0"}) {
    for (const int64_t value : {8, 16}) all.emplace(call, value);
  }
  EXPECT_EQ(reached, all);
}

TEST_F(SearchTest, TheStartIsTheFormThatWasExtracted) {
  const absl::StatusOr<compiler::Graph> built = space_.Build({.choices = block_.choices});
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_EQ(built->ToString(), block_.graph.ToString());
  EXPECT_EQ(built->ToString(), compiler::Extract(block_.egraph, block_.results, block_.choices)->ToString());
}

// The graph of the candidate differs from the start in the tuning of one call alone.
TEST_F(SearchTest, TuningGoesToTheCallThatItNames) {
  const std::vector<std::string> calls = {"gated_linear#0", "linear_group#0"};
  for (const std::string& call : calls) {
    const compiler::Graph built =
        space_.Build({.choices = block_.choices, .tuning = {{{call, "tune_grain"}, 32}}}).value();
    int tuned = 0;
    for (compiler::NodeId id = 0; id < built.size(); ++id) {
      const compiler::Node& node = built.node(id);
      const bool named = absl::StrCat(Name(node.op), "#0") == call;
      EXPECT_EQ(node.attributes.Int("tune_grain", -1), named ? 32 : -1) << built.ToString();
      EXPECT_EQ(node.attributes.Find("tune_method"), nullptr);
      tuned += named ? 1 : 0;
    }
    EXPECT_EQ(tuned, call == "linear_group#0" ? 2 : 1) << built.ToString();
  }
  const compiler::Graph unknown =
      space_.Build({.choices = block_.choices, .tuning = {{{"linear#7", "tune_grain"}, 32}}}).value();
  EXPECT_EQ(unknown.ToString(), block_.graph.ToString());
}

// Two products in a row are two calls of one kernel.
TEST_F(SearchTest, CallsOfOneKernelAreToldApart) {
  FormulaBuilder b(kernels::DType::kFloat32, 6);
  const compiler::NodeId first = b.Linear(b.Matrix("x", 3), b.Matrix("first"));
  const compiler::OptimisedGraph optimised =
      compiler::Optimise(b.Finish(std::vector<compiler::NodeId>{b.Linear(first, b.Matrix("second"))}).value()).value();
  const compiler::OptimisedBlock& block = optimised.blocks[0];
  const compiler::SearchSpace space(block.egraph, block.results, compiler::StaticCost, FakeTuning, {});
  const compiler::Graph built =
      space
          .Build(
              {.choices = block.choices, .tuning = {{{"linear#0", "tune_grain"}, 8}, {{"linear#1", "tune_grain"}, 32}}})
          .value();
  std::vector<int64_t> grains;
  for (compiler::NodeId id = 0; id < built.size(); ++id) {
    if (built.node(id).op == kernels::Op::kLinear) grains.push_back(built.node(id).attributes.Int("tune_grain"));
  }
  EXPECT_THAT(grains, ElementsAre(8, 32)) << built.ToString();

  std::mt19937_64 random(2);
  std::set<std::string> tuned;  // One of the calls, the other, or both alike.
  for (int i = 0; i < 200; ++i) {
    const compiler::Tuning tuning = space.Mutate({.choices = block.choices}, random).tuning;
    std::set<int64_t> values;
    std::string names;
    for (const auto& [knob, value] : tuning) {
      absl::StrAppend(&names, knob.first, " ");
      values.insert(value);
    }
    EXPECT_LE(values.size(), 1u);
    tuned.insert(names);
  }
  EXPECT_THAT(tuned, IsSupersetOf({"linear#0 ", "linear#1 ", "linear#0 linear#1 "}));
}

TEST_F(SearchTest, MutationsReachOtherForms) {
  std::mt19937_64 random(3);
  const compiler::Candidate start = {.choices = block_.choices};
  int other_forms = 0;
  for (int i = 0; i < 100; ++i) {
    const compiler::Candidate mutated = space_.Mutate(start, random);
    if (!mutated.tuning.empty()) {
      EXPECT_EQ(mutated.choices, start.choices);
      continue;
    }
    const absl::StatusOr<compiler::Graph> built = space_.Build(mutated);
    if (built.ok() && built->ToString() != block_.graph.ToString()) ++other_forms;
  }
  EXPECT_GT(other_forms, 0);
}

// One mutation takes all three outputs of a call apart: half of it apart would compute everything twice.
TEST_F(SearchTest, ACallWithSeveralOutputsIsLeftAtOnce) {
  FormulaBuilder b(kernels::DType::kFloat32, 6);
  const compiler::Graph graph = b.Finish(Qkv(b, {.bias = true, .norm = true})).value();
  compiler::EGraph egraph;
  const std::vector<compiler::ClassId> classes = compiler::AddGraph(graph, egraph).value();
  ASSERT_TRUE(compiler::Saturate(egraph, compiler::AllRules(), {}).ok());
  std::vector<compiler::ClassId> results;
  for (compiler::NodeId id : graph.results()) results.push_back(classes[id]);
  const compiler::Choices choices = compiler::ChooseCheapest(egraph, results, compiler::StaticCost).value();
  const auto count = [](const compiler::Graph& graph, kernels::Op op) {
    const std::vector<int> uses = graph.CountUses();
    int nodes = 0;
    for (compiler::NodeId id = 0; id < graph.size(); ++id) nodes += uses[id] > 0 && graph.node(id).op == op ? 1 : 0;
    return nodes;
  };
  const compiler::Graph start = compiler::Extract(egraph, results, choices).value();
  ASSERT_EQ(count(start, kernels::Op::kQkvRopeCache), 3) << start.ToString();
  const compiler::SearchSpace space(egraph, results, compiler::StaticCost, FakeTuning, {});
  std::mt19937_64 random(4);
  bool apart = false;
  for (int i = 0; i < 500 && !apart; ++i) {
    const absl::StatusOr<compiler::Graph> built = space.Build(space.Mutate({.choices = choices}, random));
    apart = built.ok() && count(*built, kernels::Op::kQkvRopeCache) == 0 && count(*built, kernels::Op::kRope) == 2 &&
            count(*built, kernels::Op::kCacheWrite) == 2;
  }
  EXPECT_TRUE(apart);
}

TEST_F(SearchTest, ASpaceOfOneFormEndsAtOnce) {
  FormulaBuilder b(kernels::DType::kFloat32, 6);
  const compiler::OptimisedGraph optimised =
      compiler::Optimise(b.Finish(std::vector<compiler::NodeId>{b.Exp(b.Matrix())}).value()).value();
  const compiler::OptimisedBlock& block = optimised.blocks[0];
  const compiler::SearchSpace space(
      block.egraph, block.results, compiler::StaticCost,
      [](absl::string_view, const kernels::KernelArgs&) { return std::vector<kernels::TuningParameter>(); }, {});
  compiler::Search search(space, {.choices = block.choices}, block.graph, {.budget = 100});
  EXPECT_FALSE(search.Next().has_value());
}

}  // namespace
}  // namespace metronome::testing
