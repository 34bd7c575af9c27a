#include "compiler/driver/search_plans.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "compiler/frontend/catalogue.h"
#include "compiler/frontend/decoder.h"
#include "compiler/frontend/hf_config.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/cpu/cpu_backend.h"
#include "runtime/engine/session.h"

namespace metronome::compiler {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

class SearchPlansTest : public testing::TestWithParam<std::tuple<const char*, kernels::DType>> {
 protected:
  SearchPlansTest()
      : graph_(BuildDecoder(ParseHfConfig(FindModel(std::get<0>(GetParam()))->config).value(), std::get<1>(GetParam()))
                   .value()),
        default_(Compile(graph_, ExecutionPath::kCompiled).value()),
        backend_(kernels::CreateCpuBackend({.threads = 2}).value()),
        weights_(runtime::WeightStore::Load(*backend_, runtime::WeightSpecsOf(default_.plans[0].plan),
                                            runtime::SyntheticWeights{1})
                     .value()) {}

  absl::StatusOr<CompileResult> Search(const PlanSearchOptions& options) {
    CompileResult result = Compile(graph_, ExecutionPath::kCompiled).value();
    if (absl::Status status = SearchPlans(*backend_, *weights_, options, result); !status.ok()) return status;
    return result;
  }

  // A prompt and a step: the logits after it, and the tokens that greedy decoding goes on with.
  struct Run {
    std::vector<float> logits;
    std::vector<int32_t> greedy;
  };
  Run RunOf(const runtime::PlanSet& plans, int64_t tokens, runtime::LaunchMode mode) {
    const auto executor = runtime::Executor::Create(*backend_, plans, *weights_, mode).value();
    runtime::Session session(
        *executor, runtime::KvCache::Create(*backend_, runtime::KvStateSpecsOf(plans), {.max_length = 512}).value());
    std::vector<int32_t> prompt(tokens);
    std::iota(prompt.begin(), prompt.end(), 1);
    for (int32_t& token : prompt) token = token * 7 % 200;
    EXPECT_TRUE(session.Prefill(prompt, runtime::PrefillMode::kChunked).ok());
    EXPECT_TRUE(session.Step(5).ok());
    Run run = {.logits = {session.Logits().value().begin(), session.Logits().value().end()}};
    for (int i = 0; i < 6; ++i) {
      const auto largest = std::max_element(session.Logits().value().begin(), session.Logits().value().end());
      run.greedy.push_back(static_cast<int32_t>(largest - session.Logits().value().begin()));
      EXPECT_TRUE(session.Step(run.greedy.back()).ok());
    }
    return run;
  }

  static double RelativeDifference(const Run& got, const Run& want) {
    double difference = 0, norm = 0;
    for (size_t i = 0; i < want.logits.size(); ++i) {
      difference += std::pow(got.logits[i] - want.logits[i], 2);
      norm += std::pow(want.logits[i], 2);
    }
    return std::sqrt(difference / norm);
  }
  static double Tolerance() { return std::get<1>(GetParam()) == kernels::DType::kFloat32 ? 1e-4 : 0.06; }

  Graph graph_;
  CompileResult default_;
  std::unique_ptr<kernels::Backend> backend_;
  std::unique_ptr<runtime::WeightStore> weights_;
};

TEST_P(SearchPlansTest, FindsPlansForEverySizeThatComputeTheSame) {
  const absl::StatusOr<CompileResult> searched = Search({.budget = 60, .trials = 3, .max_seq = 300, .max_past = 20});
  ASSERT_TRUE(searched.ok()) << searched.status();
  std::vector<int64_t> sizes;
  for (const runtime::BucketPlan& bucket : searched->plans) sizes.push_back(bucket.seq);
  EXPECT_THAT(sizes, ElementsAre(1, 16, 64, 256));
  EXPECT_THAT(searched->report.searches, Not(IsEmpty()));
  for (const SearchReport& report : searched->report.searches) {
    EXPECT_GT(report.default_ms, 0);
    EXPECT_GT(report.best_ms, 0);
    EXPECT_LE(report.best_ms, report.default_ms);
    EXPECT_LE(static_cast<int64_t>(report.log.size()), report.budget);
    for (const SearchLogEntry& entry : report.log) EXPECT_NE(entry.outcome, "numeric") << entry.detail;
  }

  for (const int64_t tokens : {1, 5, 16, 40, 300}) {
    const Run want = RunOf(default_.plans, tokens, runtime::LaunchMode::kInOrder);
    for (const runtime::LaunchMode mode : {runtime::LaunchMode::kInOrder, runtime::LaunchMode::kGraph}) {
      const Run got = RunOf(searched->plans, tokens, mode);
      if (std::get<1>(GetParam()) == kernels::DType::kFloat32) {  // In half precision two tokens may be equally likely.
        EXPECT_EQ(got.greedy, want.greedy) << tokens << " tokens";
      }
      EXPECT_LE(RelativeDifference(got, want), Tolerance()) << tokens << " tokens";
    }
  }
}

// Which sizes there are depends on no model.
class SearchPlansSizesTest : public SearchPlansTest {};

TEST_P(SearchPlansSizesTest, EndWithTheLongestStep) {
  const std::pair<int64_t, std::vector<int64_t>> cases[] = {
      {1, {1}}, {8, {1}}, {9, {1, 9}}, {40, {1, 16, 40}}, {1024, {1, 16, 64, 256, 1024}}};
  for (const auto& [max_seq, want] : cases) {
    const absl::StatusOr<CompileResult> searched =
        Search({.budget = 2, .trials = 1, .max_seq = max_seq, .max_past = 4});
    ASSERT_TRUE(searched.ok()) << searched.status();
    std::vector<int64_t> sizes;
    for (const runtime::BucketPlan& bucket : searched->plans) sizes.push_back(bucket.seq);
    EXPECT_EQ(sizes, want) << max_seq;
  }
}

TEST_P(SearchPlansTest, ABudgetOfOneChangesNothing) {
  const absl::StatusOr<CompileResult> searched = Search({.budget = 1});
  ASSERT_TRUE(searched.ok());
  EXPECT_EQ(runtime::Hash(searched->plans), runtime::Hash(default_.plans));
  EXPECT_THAT(searched->report.searches, IsEmpty());
}

TEST_P(SearchPlansTest, StopsWhenAskedTo) {
  int asked = 0;
  CompileResult result = Compile(graph_, ExecutionPath::kCompiled).value();
  const CancelToken token([&] { return ++asked < 4 ? absl::OkStatus() : absl::CancelledError("enough"); });
  const absl::Status status = SearchPlans(*backend_, *weights_, {.budget = 50, .max_seq = 16, .token = &token}, result);
  EXPECT_EQ(status.code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(asked, 4);
  EXPECT_EQ(runtime::Hash(result.plans), runtime::Hash(default_.plans));
}

// The engine runs steps of other sequences on the same backend whenever the token is asked.
TEST_P(SearchPlansTest, OthersMayWorkBetweenItsRuns) {
  int steps = 0;
  const auto executor =
      runtime::Executor::Create(*backend_, default_.plans, *weights_, runtime::LaunchMode::kInOrder).value();
  runtime::Session session(
      *executor,
      runtime::KvCache::Create(*backend_, runtime::KvStateSpecsOf(default_.plans), {.max_length = 4096}).value());
  const CancelToken token([&] {
    ++steps;
    return session.length() + 1 > 4000 ? session.Truncate(0) : session.Step(5);
  });

  const absl::StatusOr<CompileResult> searched = Search({.budget = 20, .max_seq = 16, .token = &token});

  ASSERT_TRUE(searched.ok()) << searched.status();
  EXPECT_GT(steps, 40);
  EXPECT_GT(token.waited_ns(), 0);
  const Run found = RunOf(searched->plans, 9, runtime::LaunchMode::kInOrder);
  const Run expected = RunOf(default_.plans, 9, runtime::LaunchMode::kInOrder);
  EXPECT_LE(RelativeDifference(found, expected), Tolerance());
}

TEST_P(SearchPlansTest, ProgressRisesToTheEnd) {
  std::vector<double> fractions;
  ASSERT_TRUE(Search({.budget = 8, .max_seq = 16, .progress = [&](double f) { fractions.push_back(f); }}).ok());
  EXPECT_TRUE(std::is_sorted(fractions.begin(), fractions.end()));
  EXPECT_NEAR(fractions.back(), 1, 1e-9);
}

const auto kNameOf = [](const auto& info) {
  std::string name = std::string(std::get<0>(info.param)).substr(5) + "_" + std::string(Name(std::get<1>(info.param)));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
};

INSTANTIATE_TEST_SUITE_P(Models, SearchPlansTest,
                         testing::Combine(testing::Values("tiny-llama", "tiny-gemma3"),
                                          testing::Values(kernels::DType::kFloat32, kernels::DType::kBFloat16)),
                         kNameOf);

INSTANTIATE_TEST_SUITE_P(Models, SearchPlansSizesTest,
                         testing::Values(std::tuple("tiny-llama", kernels::DType::kFloat32)), kNameOf);

// The other families; in float32, as in half precision a rounding may choose another expert.
INSTANTIATE_TEST_SUITE_P(MoreModels, SearchPlansTest,
                         testing::Combine(testing::Values("tiny-qwen2", "tiny-qwen3", "tiny-qwen3-moe", "tiny-gemma4"),
                                          testing::Values(kernels::DType::kFloat32)),
                         kNameOf);

}  // namespace
}  // namespace metronome::compiler
