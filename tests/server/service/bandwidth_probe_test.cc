#include <algorithm>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/cpu/cpu_backend.h"
#include "server/benchmark/benchmark.h"
#include "server/benchmark/spec.h"
#include "tests/forwarding_backend.h"

namespace metronome::server {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// The CPU, with the read bandwidths of a script, one after the other.
class ScriptedBandwidth final : public ForwardingBackend {
 public:
  explicit ScriptedBandwidth(std::vector<absl::StatusOr<double>> script)
      : ForwardingBackend(kernels::CreateCpuBackend({.threads = 1}).value()), script_(std::move(script)) {}
  absl::StatusOr<double> MeasureReadBandwidth() override { return script_[std::min(asked_++, script_.size() - 1)]; }

 private:
  const std::vector<absl::StatusOr<double>> script_;
  size_t asked_ = 0;
};

v1::BenchmarkResult MeasureWith(std::vector<absl::StatusOr<double>> script) {
  Metrics metrics;
  Engine engine(std::make_unique<ScriptedBandwidth>(std::move(script)), EngineOptions{}, Clock::Real(), metrics);
  v1::BenchmarkSpec spec;
  spec.set_model("tiny-llama");
  spec.set_iters(1);
  spec.set_decode_tokens(3);
  spec.set_prompt_tokens(4);
  EXPECT_TRUE(NormaliseSpec(spec).ok());
  v1::BenchmarkResult result = RunBenchmark(engine, spec, CancelToken(), [](absl::string_view, double) {});
  EXPECT_EQ(result.outcome(), "ok") << result.error_text();
  EXPECT_GT(result.peak_memory_bytes(), result.weight_bytes());
  return result;
}

double ShareOf(const v1::BenchmarkResult& result, double bandwidth) {
  return static_cast<double>(result.step_bytes()) / (result.tpot_ms().median() * 1e-3) / bandwidth;
}

TEST(BandwidthProbeTest, TheShareIsOfTheMeanOfBothReads) {
  const v1::BenchmarkResult result = MeasureWith({40e9, 43e9});
  EXPECT_EQ(result.bandwidth_before_bytes_per_second(), 40e9);
  EXPECT_EQ(result.bandwidth_after_bytes_per_second(), 43e9);
  EXPECT_EQ(result.bandwidth_bytes_per_second(), 41.5e9);
  EXPECT_DOUBLE_EQ(result.bandwidth_fraction(), ShareOf(result, 41.5e9));
  EXPECT_THAT(result.note(), Not(HasSubstr("plain read")));
}

TEST(BandwidthProbeTest, ReadsThatDisagreeAreFlagged) {
  EXPECT_THAT(MeasureWith({42e9, 49e9}).note(), HasSubstr("a plain read went from 42.0 to 49.0 GB/s"));
  EXPECT_THAT(MeasureWith({49e9, 42e9}).note(), HasSubstr("a plain read went from 49.0 to 42.0 GB/s"));
  EXPECT_THAT(MeasureWith({40e9, 43.9e9}).note(), Not(HasSubstr("plain read")));
}

TEST(BandwidthProbeTest, OneReadIsBetterThanNone) {
  const absl::Status no_room = absl::ResourceExhaustedError("no room");
  const v1::BenchmarkResult late = MeasureWith({no_room, 30e9}), early = MeasureWith({20e9, no_room}),
                            none = MeasureWith({no_room});
  EXPECT_EQ(late.bandwidth_bytes_per_second(), 30e9);
  EXPECT_EQ(late.bandwidth_before_bytes_per_second(), 0);
  EXPECT_EQ(early.bandwidth_bytes_per_second(), 20e9);
  EXPECT_EQ(early.bandwidth_after_bytes_per_second(), 0);
  EXPECT_EQ(none.bandwidth_bytes_per_second(), 0);
  EXPECT_THAT(none.note(), HasSubstr("bandwidth not measured: no room"));
  EXPECT_THAT(late.note(), Not(HasSubstr("bandwidth not measured")));
}

}  // namespace
}  // namespace metronome::server
