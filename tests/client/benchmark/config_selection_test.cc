#include "client/benchmark/config_selection.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metronome::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kFile[] = R"toml(
[short]
[medium]
[long]
[search-sweep]
[quick]
configs = ["medium", "short"]
[nested]
configs = ["quick"]
[dangling]
configs = ["gone"]
)toml";

absl::StatusOr<std::vector<std::string>> Select(const ConfigChoice& choice) {
  const auto known = ReadBenchmarkConfigs(kFile, "b.toml");
  if (!known.ok()) return known.status();
  const auto configs = SelectConfigs(*known, "b.toml", choice);
  if (!configs.ok()) return configs.status();
  std::vector<std::string> names;
  for (const NamedConfig& config : *configs) names.push_back(config.name);
  return names;
}

TEST(SelectConfigsTest, NothingAskedForIsTheFlagsAlone) { EXPECT_THAT(*Select({}), ElementsAre("")); }

TEST(SelectConfigsTest, NamesWildcardsAndSuitesTogetherOnceEach) {
  EXPECT_THAT(*Select({.names = {"long", "*o*", "quick"}}), ElementsAre("long", "short", "medium"));
  EXPECT_THAT(*Select({.names = {"long"}, .suite = "quick"}), ElementsAre("long", "medium", "short"));
}

TEST(SelectConfigsTest, AllLeavesSuitesAndWhatIsSkippedOut) {
  EXPECT_THAT(*Select({.all = true}), ElementsAre("short", "medium", "long", "search-sweep"));
  EXPECT_THAT(*Select({.skip = {"quick", "sear*"}, .all = true}), ElementsAre("long"));
  EXPECT_THAT(*Select({.names = {"short", "search-sweep"}, .no_sweep = true}), ElementsAre("short"));
}

struct BadChoice {
  ConfigChoice choice;
  absl::StatusCode code;
  const char* message;
};

void PrintTo(const BadChoice& bad, std::ostream* out) { *out << bad.message; }

class BadChoiceTest : public testing::TestWithParam<BadChoice> {};

TEST_P(BadChoiceTest, IsRefusedWithItsName) {
  const auto names = Select(GetParam().choice);
  EXPECT_EQ(names.status().code(), GetParam().code);
  EXPECT_THAT(names.status().message(), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    All, BadChoiceTest,
    testing::Values(
        BadChoice{{.names = {"shor"}}, absl::StatusCode::kNotFound, "'shor' in b.toml; there are short, me"},
        BadChoice{{.names = {"x*"}}, absl::StatusCode::kNotFound, "'x*'"},
        BadChoice{{.suite = "quik"}, absl::StatusCode::kNotFound, "'quik'"},
        BadChoice{{.suite = "dangling"}, absl::StatusCode::kNotFound, "'gone'"},
        BadChoice{{.suite = "short"}, absl::StatusCode::kInvalidArgument, "not a suite"},
        BadChoice{{.suite = "nested"}, absl::StatusCode::kInvalidArgument, "a suite too"},
        BadChoice{{.names = {"short"}, .skip = {"s*"}}, absl::StatusCode::kInvalidArgument, "skipped"},
        BadChoice{{.names = {"short"}, .skip = {"y"}}, absl::StatusCode::kNotFound, "'y'"},
        BadChoice{{.skip = {"short"}}, absl::StatusCode::kInvalidArgument, "to skip"}));

// The suites are those that results of other years are compared by.
TEST(SelectConfigsTest, BuiltInSuites) {
  const auto known = ReadBenchmarkConfigs(BuiltInBenchmarks(), "built in");
  ASSERT_TRUE(known.ok()) << known.status();
  const auto names = [&](const ConfigChoice& choice) {
    std::vector<std::string> selected;
    const auto configs = SelectConfigs(*known, "built in", choice);
    EXPECT_TRUE(configs.ok()) << configs.status();
    for (const NamedConfig& config : *configs) selected.push_back(config.name);
    return selected;
  };
  EXPECT_THAT(names({.suite = "quick"}), ElementsAre("short", "medium"));
  EXPECT_THAT(names({.suite = "standard"}), ElementsAre("short", "medium", "prefill", "decode", "sampled"));
  EXPECT_THAT(names({.suite = "full"}),
              ElementsAre("short", "medium", "prefill", "decode", "long", "sampled", "full-pipe"));
  EXPECT_THAT(names({.suite = "ur-test"}), ElementsAre("reference-latency", "search-sweep"));
  EXPECT_THAT(names({.suite = "ur-test", .no_sweep = true}), ElementsAre("reference-latency"));
}

TEST(ModeOfTest, NamesWhatWasAskedFor) {
  EXPECT_EQ(ModeOf({}), "single");
  EXPECT_EQ(ModeOf({.scaling = true}), "scaling");
  EXPECT_EQ(ModeOf({.names = {"short"}}), "single");
  EXPECT_EQ(ModeOf({.names = {"short", "long"}}), "configs");
  EXPECT_EQ(ModeOf({.names = {"qwen*"}}), "configs");
  EXPECT_EQ(ModeOf({.names = {"search-sweep"}}), "search-sweep");
  EXPECT_EQ(ModeOf({.suite = "ur-test", .no_sweep = true}), "ur-test");
  EXPECT_EQ(ModeOf({.suite = "standard"}), "suite");
  EXPECT_EQ(ModeOf({.names = {"short"}, .all = true}), "all-configs");
}

}  // namespace
}  // namespace metronome::client
