#include "runtime/plan/plan.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/plan/step_bytes.h"

namespace metronome::runtime {
namespace {

using ::testing::HasSubstr;

// Table lookup, one matrix product, logits of the last row: the smallest plan that is one.
Plan SmallPlan() {
  Plan plan;
  plan.values = {{.storage = Storage::kTokens, .dtype = kernels::DType::kInt32, .shape = {Dim::Seq()}},
                 {.storage = Storage::kWeight, .shape = {10, 4}, .name = "table"},
                 {.storage = Storage::kTemporary, .shape = {Dim::Seq(), 4}},
                 {.storage = Storage::kTemporary, .shape = {1, 4}},
                 {.storage = Storage::kWeight, .shape = {6, 4}, .name = "head"},
                 {.storage = Storage::kTemporary, .shape = {1, 6}}};
  plan.calls = {{.kernel = "gather", .inputs = {1, 0}, .outputs = {2}},
                {.kernel = "slice",
                 .inputs = {2},
                 .outputs = {3},
                 .attributes = {{"axis", int64_t{0}}},
                 .step_attributes = {{"start", Dim::Seq() - 1}}},
                {.kernel = "linear", .inputs = {3, 4}, .outputs = {5}}};
  plan.results = {5};
  return plan;
}

TEST(PlanTest, AWholePlanIsValid) { EXPECT_TRUE(ValidatePlan(SmallPlan()).ok()) << ValidatePlan(SmallPlan()); }

TEST(PlanTest, HashFollowsContents) {
  Plan other = SmallPlan();
  EXPECT_EQ(other.Hash(), SmallPlan().Hash());
  EXPECT_EQ(other.Hash().size(), 16u);
  other.calls[1].step_attributes[0].second = Dim(0);
  EXPECT_NE(other.Hash(), SmallPlan().Hash());
}

TEST(PlanTest, TextNamesValuesAndCalls) {
  EXPECT_THAT(SmallPlan().ToString(), HasSubstr("%2 = temporary : float32[seq, 4]"));
  EXPECT_THAT(SmallPlan().ToString(), HasSubstr("%3 = slice(%2) axis=0 start=seq-1"));
}

struct Damage {
  const char* name;
  void (*apply)(Plan& plan);
  const char* message;
};

class DamagedPlanTest : public testing::TestWithParam<Damage> {};

TEST_P(DamagedPlanTest, IsRefused) {
  Plan plan = SmallPlan();
  GetParam().apply(plan);

  const absl::Status status = ValidatePlan(plan);

  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(status.message(), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    All, DamagedPlanTest,
    testing::Values(
        Damage{"UnknownKernel", [](Plan& p) { p.calls[0].kernel = "frobnicate"; }, "no kernel named 'frobnicate'"},
        Damage{"WrongShape",
               [](Plan& p) {
                 p.values[5].shape = {1, 7};
               },
               "not [m, n]"},
        Damage{"UsedBeforeWritten", [](Plan& p) { std::swap(p.calls[0], p.calls[1]); }, "used before it is written"},
        Damage{"WrittenTwice", [](Plan& p) { p.calls.push_back(p.calls[2]); }, "written twice"},
        Damage{"OperandOutOfRange", [](Plan& p) { p.calls[2].inputs[1] = 99; }, "unknown operand"},
        Damage{"NegativeOperand", [](Plan& p) { p.calls[2].outputs[0] = -7; }, "unknown operand"},
        Damage{"NoResults", [](Plan& p) { p.results = {}; }, "no results"},
        Damage{"UnknownResult", [](Plan& p) { p.results = {6}; }, "unknown value"},
        Damage{"UnwrittenResult", [](Plan& p) { p.calls.pop_back(); }, "never writes its result"},
        Damage{"AliasOfALaterValue",
               [](Plan& p) {
                 p.values[2] = {.storage = Storage::kAlias, .shape = {1, 4}, .alias_of = 3};
               },
               "does not precede"},
        Damage{"AliasPastTheEnd",
               [](Plan& p) {
                 p.values[3] = {.storage = Storage::kAlias, .shape = {1, 4}, .alias_of = 2, .first_row = Dim::Seq()};
               },
               "exceeds the"},
        Damage{"NamelessWeight", [](Plan& p) { p.values[1].name = ""; }, "has name ''"},
        Damage{"StartOutside", [](Plan& p) { p.calls[1].step_attributes[0].second = Dim::Seq(); }, "leaves the axis"},
        Damage{"Rank", [](Plan& p) { p.values[2].shape.resize(9); }, "rank 9"}),
    [](const auto& info) { return info.param.name; });

// The head is read whole; of the table only the gathered rows; 4 bytes an element.
TEST(StepReadBytesTest, GatheredTablesCountByRow) {
  EXPECT_EQ(StepReadBytes(SmallPlan(), {.seq = 1, .past = 0}), (6 * 4 + 4) * 4);
  EXPECT_EQ(StepReadBytes(SmallPlan(), {.seq = 3, .past = 5}), (6 * 4 + 3 * 4) * 4);
}

// A cache is read by who reads what was written to it, not by who writes it.
TEST(StepReadBytesTest, WritingACacheDoesNotReadIt) {
  Plan plan = SmallPlan();
  const std::vector<Dim> positions = {Dim::Past() + Dim::Seq(), 4};
  plan.values.push_back({.storage = Storage::kState, .shape = positions, .name = "cache"});
  plan.values.push_back({.storage = Storage::kAlias, .shape = positions, .alias_of = 6});
  plan.calls.push_back({.kernel = "cache_write", .inputs = {6, 2}, .outputs = {7}});
  ASSERT_TRUE(ValidatePlan(plan).ok()) << ValidatePlan(plan);
  EXPECT_EQ(StepReadBytes(plan, {.seq = 1, .past = 9}), StepReadBytes(SmallPlan(), {.seq = 1, .past = 9}));
  plan.values.push_back({.storage = Storage::kTemporary, .shape = positions});
  plan.calls.push_back({.kernel = "exp", .inputs = {7}, .outputs = {8}});
  EXPECT_EQ(StepReadBytes(plan, {.seq = 1, .past = 9}), StepReadBytes(SmallPlan(), {.seq = 1, .past = 9}) + 10 * 4 * 4);
}

}  // namespace
}  // namespace metronome::runtime
