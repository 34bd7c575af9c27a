#include "server/pages/documents/concerns.h"

#include <gmock/gmock.h>

#include "tests/server/pages/sample_runs.h"

namespace metronome::pages {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

// A run whose second result is as `change` makes it.
Json ConcernsOf(void (*change)(v1::BenchmarkResult&)) {
  v1::Run run;
  run.set_state("complete");
  for (int i = 0; i < 2; ++i) {
    v1::BenchmarkResult& result = *run.add_results() = SampleResult("a", "compiled", Around(10));
    *result.mutable_ttft_ms() = StatisticsOf(Around(50));
  }
  change(*run.mutable_results(1));
  return Concerns(run);
}

struct Case {
  void (*change)(v1::BenchmarkResult&);
  const char* text;
  bool severe;
};

class ConcernsTest : public testing::TestWithParam<Case> {};

TEST_P(ConcernsTest, NamesTheResult) {
  const Json concerns = ConcernsOf(GetParam().change);

  ASSERT_EQ(concerns.size(), 1u) << concerns;
  EXPECT_THAT(concerns[0]["text"].get<std::string>(), HasSubstr(GetParam().text));
  EXPECT_EQ(concerns[0]["severe"], GetParam().severe);
  EXPECT_EQ(concerns[0]["results"], Json::array({1}));
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, ConcernsTest,
    testing::Values(
        Case{[](v1::BenchmarkResult& result) { result.set_outcome("failed"); }, "Failed", true},
        Case{[](v1::BenchmarkResult& result) { result.set_outcome("skipped"); }, "Could not be attempted", false},
        Case{[](v1::BenchmarkResult& result) { result.set_output_digest("mixed"); }, "different tokens", true},
        Case{[](v1::BenchmarkResult& result) { result.set_throttle_reasons("sw_power_cap"); }, "throttled", true},
        Case{[](v1::BenchmarkResult& result) { result.set_foreign_cpu_fraction(0.11); }, "Other processes", true},
        Case{[](v1::BenchmarkResult& result) {
               result.set_bandwidth_before_bytes_per_second(40e9);
               result.set_bandwidth_after_bytes_per_second(30e9);
             },
             "another speed", false},
        Case{[](v1::BenchmarkResult& result) {
               result.mutable_spec()->set_layers(8);
               result.set_model_layers(48);
             },
             "first layers", false},
        Case{[](v1::BenchmarkResult& result) { result.mutable_ttft_ms()->set_n(8); }, "Fewer than nine", false}),
    [](const auto& info) { return "Kind" + std::to_string(info.index); });

TEST(ConcernsOfRunTest, AQuietRunHasNone) {
  EXPECT_TRUE(ConcernsOf([](v1::BenchmarkResult&) {}).empty());
}

TEST(ConcernsOfRunTest, AnInterruptedRunIsOne) {
  v1::Run run;
  run.set_state("interrupted");

  const Json concerns = Concerns(run);

  ASSERT_EQ(concerns.size(), 1u);
  EXPECT_THAT(concerns[0]["text"].get<std::string>(), HasSubstr("interrupted"));
  EXPECT_TRUE(concerns[0]["results"].empty());
}

TEST(DisturbanceTest, SaysWhatTheResultKnows) {
  v1::BenchmarkResult quiet, loaded;
  quiet.set_foreign_cpu_fraction(0.05);
  loaded.set_foreign_cpu_fraction(0.26);

  EXPECT_EQ(Disturbance(quiet), "");
  EXPECT_EQ(Disturbance(loaded), "other processes took 26% of the machine's processor time");
}

}  // namespace
}  // namespace metronome::pages
