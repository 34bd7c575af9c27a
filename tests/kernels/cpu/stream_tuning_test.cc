#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/tuning.h"
#include "tests/kernels/support/kernel_test.h"

namespace metronome::testing {
namespace {

// What products give must not depend on how a machine was calibrated: not one bit.
class StreamTuningTest : public KernelTest {
 protected:
  // All values of each parameter that calibration may set, one parameter at a time and all at their last.
  static std::vector<kernels::Attributes> Ways(kernels::Backend& backend, absl::string_view kernel,
                                               const std::vector<HostTensor>& inputs) {
    std::vector<kernels::TensorView> views;
    for (const HostTensor& input : inputs) views.push_back(input.View());
    std::vector<kernels::Attributes> ways(1);
    kernels::Attributes all;
    for (const kernels::TuningParameter& parameter :
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
                      const kernels::Attributes& attributes) {
    std::vector<double> want;
    for (const kernels::Attributes& way : Ways(backend(), kernel, inputs)) {
      SCOPED_TRACE(std::string(kernel) + " " + way.ToString());
      kernels::Attributes tuned = attributes;
      for (const auto& [name, value] : way.values()) tuned.Set(name, value);
      ASSERT_TRUE(Run(kernel, inputs, output, tuned).ok());
      if (want.empty()) want = output.Values();
      EXPECT_EQ(output.Values(), want);
    }
  }
};
METRONOME_TEST_ALL_VARIANTS(StreamTuningTest);

TEST_P(StreamTuningTest, LinearGivesTheSameBits) {
  for (const kernels::DType dtype : {kernels::DType::kFloat32, kernels::DType::kBFloat16, kernels::DType::kFloat16}) {
    for (const int64_t m : {1, 2, 3, 4, 7, 17}) {
      for (const auto& [n, k] : {std::pair<int64_t, int64_t>{150, 70}, {13, 2177}, {331, 129}, {8, 64}, {1, 33}}) {
        SCOPED_TRACE(std::string(kernels::Name(dtype)) + " m " + std::to_string(m) + " n " + std::to_string(n));
        ExpectSameBits("linear", {HostTensor::Random(dtype, {m, k}, 1), HostTensor::Random(dtype, {n, k}, 2)},
                       HostTensor(kernels::DType::kFloat32, {m, n}), {});
      }
    }
  }
}

TEST_P(StreamTuningTest, GatedLinearGivesTheSameBits) {
  for (const kernels::DType dtype : {kernels::DType::kFloat32, kernels::DType::kBFloat16, kernels::DType::kFloat16}) {
    for (const int64_t m : {1, 3, 6}) {
      ExpectSameBits("gated_linear",
                     {HostTensor::Random(dtype, {m, 100}, 3), HostTensor::Random(dtype, {77, 100}, 4),
                      HostTensor::Random(dtype, {77, 100}, 5)},
                     HostTensor(dtype, {m, 77}), {{"activation", std::string("silu")}});
    }
  }
}

TEST_P(StreamTuningTest, ExpertsGiveTheSameBits) {
  for (const kernels::DType dtype : {kernels::DType::kFloat32, kernels::DType::kBFloat16, kernels::DType::kFloat16}) {
    HostTensor index(kernels::DType::kInt32, {6});
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
  const kernels::Attributes calibrated = {{"tune_streams", int64_t{8}}, {"tune_prefetch", int64_t{1024}}};

  const kernels::cpu::LinearTuning plain = kernels::cpu::LinearTuningOf({}, {}, 1, false);
  const kernels::cpu::LinearTuning tuned = kernels::cpu::LinearTuningOf({}, calibrated, 1, false);
  const kernels::cpu::LinearTuning launched =
      kernels::cpu::LinearTuningOf({{"tune_streams", int64_t{2}}}, calibrated, 1, false);
  const kernels::cpu::LinearTuning wild =
      kernels::cpu::LinearTuningOf({{"tune_streams", int64_t{-2}}}, calibrated, 1, false);

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
  kernels::cpu::CpuTuning tuning;
  tuning.Set(kernels::cpu::TunedForm::kGated, kernels::DType::kBFloat16,
             {{"tune_streams", int64_t{8}}, {"tune_slice", int64_t{96}}});
  const HostTensor x(kernels::DType::kBFloat16, {1, 8}), w(kernels::DType::kBFloat16, {8, 8});
  const std::vector<kernels::TensorView> views = {x.View(), w.View(), w.View()};

  const auto space = kernels::cpu::TuningSpace("gated_linear", {.inputs = views}, tuning);
  const auto other = kernels::cpu::TuningSpace("linear", {.inputs = views}, tuning);

  for (const kernels::TuningParameter& parameter : space) {
    if (parameter.name == "tune_streams") {
      EXPECT_EQ(parameter.values, (std::vector<int64_t>{8, 1, 2, 4}));
    } else if (parameter.name == "tune_slice") {
      EXPECT_EQ(parameter.values.front(), 96);
    }
  }
  for (const kernels::TuningParameter& parameter : other) EXPECT_NE(parameter.values.front(), 8) << parameter.name;
  EXPECT_EQ(space.size(), other.size());
}

TEST(CalibratedTuningTest, BackendsDescribeTheirTuning) {
  kernels::cpu::CpuTuning tuning;
  tuning.Set(kernels::cpu::TunedForm::kProduct, kernels::DType::kFloat16, {{"tune_prefetch", int64_t{256}}});

  const auto plain = kernels::CreateCpuBackend({.threads = 1}).value();
  const auto tuned = kernels::CreateCpuBackend({.threads = 1, .tuning = tuning}).value();

  EXPECT_EQ(plain->Describe().tuning, "");
  EXPECT_EQ(tuned->Describe().tuning, "product float16 tune_prefetch=256\n");
}

}  // namespace
}  // namespace metronome::testing
