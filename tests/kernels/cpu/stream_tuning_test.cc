#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/tuning.h"
#include "tests/kernels/kernel_test.h"

namespace metronome::testing {
namespace {

// What products give must not depend on how a machine was calibrated: not one bit.
class StreamTuningTest : public KernelTest {
 protected:
  // All values of each parameter that calibration may set, one parameter at a time and all at their last.
  static std::vector<Attributes> Ways(Backend& backend, absl::string_view kernel,
                                      const std::vector<HostTensor>& inputs) {
    std::vector<TensorView> views;
    for (const HostTensor& input : inputs) views.push_back(input.View());
    std::vector<Attributes> ways(1);
    Attributes all;
    for (const TuningParameter& parameter :
         backend.TuningSpace(*backend.FindKernel(kernel).value(), {.inputs = views})) {
      if (parameter.name == "tune_method" || parameter.name == "tune_grain") continue;  // Those of oneDNN.
      for (const int64_t value : parameter.values) ways.push_back({{std::string(parameter.name), value}});
      all.Set(parameter.name, parameter.values.back());
    }
    ways.push_back(all);
    ways.push_back({{"tune_slice", int64_t{1}}, {"tune_streams", int64_t{8}}, {"tune_prefetch", int64_t{64}}});
    return ways;
  }

  void ExpectSameBits(absl::string_view kernel, const std::vector<HostTensor>& inputs, const HostTensor& output,
                      const Attributes& attributes) {
    std::vector<double> want;
    for (const Attributes& way : Ways(backend(), kernel, inputs)) {
      SCOPED_TRACE(std::string(kernel) + " " + way.ToString());
      Attributes tuned = attributes;
      for (const auto& [name, value] : way.values()) tuned.Set(name, value);
      ASSERT_TRUE(Run(kernel, inputs, output, tuned).ok());
      if (want.empty()) want = output.Values();
      EXPECT_EQ(output.Values(), want);
    }
  }
};
METRONOME_TEST_ALL_VARIANTS(StreamTuningTest);

TEST_P(StreamTuningTest, LinearGivesTheSameBits) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16, DType::kFloat16}) {
    for (const int64_t m : {1, 2, 3, 4, 7, 17}) {
      for (const auto& [n, k] : {std::pair<int64_t, int64_t>{150, 70}, {13, 2177}, {331, 129}, {8, 64}, {1, 33}}) {
        SCOPED_TRACE(std::string(Name(dtype)) + " m " + std::to_string(m) + " n " + std::to_string(n));
        ExpectSameBits("linear", {HostTensor::Random(dtype, {m, k}, 1), HostTensor::Random(dtype, {n, k}, 2)},
                       HostTensor(DType::kFloat32, {m, n}), {});
      }
    }
  }
}

TEST_P(StreamTuningTest, GatedLinearGivesTheSameBits) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16, DType::kFloat16}) {
    for (const int64_t m : {1, 3, 6}) {
      ExpectSameBits("gated_linear",
                     {HostTensor::Random(dtype, {m, 100}, 3), HostTensor::Random(dtype, {77, 100}, 4),
                      HostTensor::Random(dtype, {77, 100}, 5)},
                     HostTensor(dtype, {m, 77}), {{"activation", std::string("silu")}});
    }
  }
}

TEST_P(StreamTuningTest, ExpertsGiveTheSameBits) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16, DType::kFloat16}) {
    HostTensor index(DType::kInt32, {6});
    for (int64_t i = 0; i < 6; ++i) index.Set(i, static_cast<double>(i * i % 5));
    ExpectSameBits("gated_experts",
                   {HostTensor::Random(dtype, {2, 100}, 6), HostTensor::Random(dtype, {5, 154, 100}, 7), index},
                   HostTensor(dtype, {6, 77}), {{"activation", std::string("silu")}});
    ExpectSameBits("expert_mix",
                   {HostTensor::Random(dtype, {6, 100}, 8), HostTensor::Random(dtype, {5, 77, 100}, 9), index,
                    HostTensor::Random(dtype, {2, 3}, 10)},
                   HostTensor(dtype, {2, 77}), {});
  }
}

// Calibrated values take the place of the kernel's own choice, attributes of the launch that of both, and what is out
// of range counts as not there.
TEST(CalibratedTuningTest, LaunchThenCalibrationThenDefault) {
  const Attributes calibrated = {{"tune_streams", int64_t{8}}, {"tune_prefetch", int64_t{1024}}};

  const cpu::LinearTuning plain = cpu::LinearTuningOf({}, {}, 1, false);
  const cpu::LinearTuning tuned = cpu::LinearTuningOf({}, calibrated, 1, false);
  const cpu::LinearTuning launched = cpu::LinearTuningOf({{"tune_streams", int64_t{2}}}, calibrated, 1, false);
  const cpu::LinearTuning wild = cpu::LinearTuningOf({{"tune_streams", int64_t{-2}}}, calibrated, 1, false);

  EXPECT_NE(plain.streams.count, 8);
  EXPECT_EQ(tuned.streams.count, 8);
  EXPECT_EQ(tuned.streams.ahead, 1024);
  EXPECT_EQ(tuned.slice_kib, plain.slice_kib);
  EXPECT_EQ(launched.streams.count, 2);
  EXPECT_EQ(launched.streams.ahead, 1024);
  EXPECT_EQ(wild.streams.count, 8);
}

// The search tries the calibrated value first, also one that it would not have thought of.
TEST(CalibratedTuningTest, SpaceBeginsWithTheCalibratedValue) {
  cpu::CpuTuning tuning;
  tuning.Set(cpu::TunedForm::kGated, DType::kBFloat16, {{"tune_streams", int64_t{8}}, {"tune_slice", int64_t{96}}});
  const HostTensor x(DType::kBFloat16, {1, 8}), w(DType::kBFloat16, {8, 8});
  const std::vector<TensorView> views = {x.View(), w.View(), w.View()};

  const auto space = cpu::TuningSpace("gated_linear", {.inputs = views}, tuning);
  const auto other = cpu::TuningSpace("linear", {.inputs = views}, tuning);

  for (const TuningParameter& parameter : space) {
    if (parameter.name == "tune_streams") {
      EXPECT_EQ(parameter.values, (std::vector<int64_t>{8, 1, 2, 4}));
    } else if (parameter.name == "tune_slice") {
      EXPECT_EQ(parameter.values.front(), 96);
    }
  }
  for (const TuningParameter& parameter : other) EXPECT_NE(parameter.values.front(), 8) << parameter.name;
  EXPECT_EQ(space.size(), other.size());
}

TEST(CalibratedTuningTest, BackendsDescribeTheirTuning) {
  cpu::CpuTuning tuning;
  tuning.Set(cpu::TunedForm::kProduct, DType::kFloat16, {{"tune_prefetch", int64_t{256}}});

  const auto plain = CreateCpuBackend({.threads = 1}).value();
  const auto tuned = CreateCpuBackend({.threads = 1, .tuning = tuning}).value();

  EXPECT_EQ(plain->Describe().tuning, "");
  EXPECT_EQ(tuned->Describe().tuning, "product float16 tune_prefetch=256\n");
}

}  // namespace
}  // namespace metronome::testing
