#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "kernels/cpu/calibration/calibrate.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/host/cpu_features.h"
#include "tests/temp_directory.h"

namespace metronome::kernels::cpu {
namespace {

// Times of candidates as a script: `seconds[candidate]`, times what `mood` makes of the call.
struct ScriptedTimer {
  std::vector<double> seconds;
  std::function<double(int call)> mood = [](int) { return 1.0; };
  std::vector<size_t> calls;

  absl::StatusOr<size_t> Choose(const ChoiceOptions& options = {}) {
    const auto time = [this](size_t candidate) -> absl::StatusOr<double> {
      calls.push_back(candidate);
      return seconds[candidate] * mood(static_cast<int>(calls.size()));
    };
    return ChooseCandidate(seconds.size(), time, options);
  }
};

TEST(ChooseCandidateTest, TakesTheFastest) {
  ScriptedTimer timer = {.seconds = {10, 9, 7, 8, 12, 7.5, 11}};
  EXPECT_EQ(timer.Choose().value(), 2u);
}

TEST(ChooseCandidateTest, PrefersTheDefaultUnlessAnotherIsClearlyBetter) {
  ScriptedTimer close = {.seconds = {10, 9.9, 9.8, 9.85}};
  EXPECT_EQ(close.Choose().value(), 0u);
  ScriptedTimer clear = {.seconds = {10, 9.9, 9.6, 9.85}};
  EXPECT_EQ(clear.Choose().value(), 2u);
}

TEST(ChooseCandidateTest, OneCandidateNeedsNoTiming) {
  ScriptedTimer timer = {.seconds = {1}};
  EXPECT_EQ(timer.Choose().value(), 0u);
  EXPECT_TRUE(timer.calls.empty());
}

// Every third call takes five times as long: stalls of a virtual machine.
TEST(ChooseCandidateTest, StallsDoNotDecide) {
  for (int phase = 0; phase < 3; ++phase) {
    ScriptedTimer timer = {.seconds = {10, 9.5, 8, 10.5},
                           .mood = [phase](int call) { return call % 3 == phase ? 5.0 : 1.0; }};
    EXPECT_EQ(timer.Choose({.heats = 3, .rounds = 9}).value(), 2u) << phase;
  }
}

// A machine that becomes slower and slower: ratios are within a round.
TEST(ChooseCandidateTest, DriftDoesNotDecide) {
  ScriptedTimer slower = {.seconds = {10, 10, 10, 10}, .mood = [](int call) { return 1 + 0.004 * call; }};
  EXPECT_EQ(slower.Choose().value(), 0u);
  ScriptedTimer better = {.seconds = {10, 8, 10, 10}, .mood = [](int call) { return 1 + 0.004 * call; }};
  EXPECT_EQ(better.Choose().value(), 1u);
}

TEST(ChooseCandidateTest, RunsAsOftenAsItSays) {
  ScriptedTimer timer = {.seconds = {5, 4, 3, 2, 1, 6}};
  ASSERT_EQ(timer.Choose({.heats = 2, .finalists = 2, .rounds = 3}).value(), 4u);
  EXPECT_EQ(timer.calls.size(), 2u * 6 + 3u * (1 + 2));
  EXPECT_THAT(std::vector<size_t>(timer.calls.end() - 3, timer.calls.end()), ::testing::ElementsAre(0, 4, 3));
}

TEST(ChooseCandidateTest, PassesErrorsOn) {
  const auto fail = [](size_t) -> absl::StatusOr<double> { return absl::InternalError("broken"); };
  EXPECT_EQ(ChooseCandidate(2, fail).status().code(), absl::StatusCode::kInternal);
}

TEST(CpuTuningTest, TextRoundTrips) {
  CpuTuning tuning;
  EXPECT_EQ(tuning.ToString(), "");
  tuning.Set(TunedForm::kProduct, DType::kBFloat16, {{"tune_streams", int64_t{4}}, {"tune_prefetch", int64_t{0}}});
  tuning.Set(TunedForm::kGated, DType::kFloat32, {{"tune_slice", int64_t{1024}}});
  tuning.Set(TunedForm::kProductOfRows, DType::kFloat16, {{"tune_slice", int64_t{-1}}});

  const absl::StatusOr<CpuTuning> read = CpuTuning::Parse(tuning.ToString());

  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, tuning);
  EXPECT_EQ(CpuTuning::Parse("").value(), CpuTuning());
}

TEST(CpuTuningTest, RefusesOtherText) {
  for (const char* const text :
       {"product", "product bfloat16", "product int32 tune_slice=1", "produkt float32 tune_slice=1",
        "product float32 tune_slice", "product float32 tune_slice=", "product float32 tune_slice=x",
        "product float32 slice=1", "product float32 tune_slice=1 \n", "product  float32 tune_slice=1",
        "product float32 tune_slice=99999999999999999999", "product float32 tune_slice=1\nrest"}) {
    EXPECT_EQ(CpuTuning::Parse(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

// Two processors share each of two last-level caches.
TEST(LastLevelCacheTest, AddsTheCachesOfTheHighestLevel) {
  const TempDirectory directory;
  for (const auto& [processor, shared] :
       {std::pair{"cpu0", "0-1"}, {"cpu1", "0-1"}, {"cpu2", "2-3"}, {"cpu3", "2-3"}}) {
    for (const auto& [index, level, size] : {std::tuple{"index0", "1", "32K"}, {"index3", "3", "16384K"}}) {
      const std::filesystem::path cache = std::filesystem::path(directory.path()) / processor / "cache" / index;
      std::filesystem::create_directories(cache);
      std::ofstream(cache / "level") << level << "\n";
      std::ofstream(cache / "size") << size << "\n";
      std::ofstream(cache / "shared_cpu_list") << shared << "\n";
    }
  }
  EXPECT_EQ(LastLevelCacheBytes(directory.path()), int64_t{32} << 20);
  EXPECT_EQ(LastLevelCacheBytes(directory.path() + "/none"), 0);
}

// On the machine at hand: whatever it chooses, each form is tried in all its ways and what comes out can be kept.
TEST(CalibrateCpuTest, RunsEveryFormOnThisMachine) {
  const auto backend = CreateCpuBackend({.threads = 2}).value();
  const CalibrationMemory memory = CalibrationMemory::Create(*backend, int64_t{32} << 20).value();
  const std::vector<CalibratedForm> forms = ProductForms(*backend, memory).value();
  EXPECT_GE(forms.size(), 6u);
  for (const CalibratedForm& form : forms) {
    EXPECT_TRUE(form.candidates.front().empty());
    EXPECT_GE(form.candidates.size(), 8u);
    for (const Attributes& candidate : form.candidates) EXPECT_TRUE(form.run(candidate).ok()) << candidate.ToString();
  }

  const absl::StatusOr<CpuTuning> tuning = CalibrateCpu(*backend, {.heats = 1, .finalists = 1, .rounds = 1});

  ASSERT_TRUE(tuning.ok()) << tuning.status();
  EXPECT_EQ(CpuTuning::Parse(tuning->ToString()).value(), *tuning);
  EXPECT_TRUE(CreateCpuBackend({.threads = 2, .tuning = *tuning}).ok());
}

}  // namespace
}  // namespace metronome::kernels::cpu
