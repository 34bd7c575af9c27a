#include <algorithm>

#include "kernels/cuda/products/linear.h"
#include "kernels/cuda/rows/activation.h"
#include "kernels/cuda/tuning.h"
#include "tests/kernels/cuda/fakes/emulation_test.h"
#include "tests/kernels/cuda/fakes/integers.h"

namespace metronome::testing {
namespace {

using kernels::cuda::emulation::Multiprocessor;

// What the suites of tests/kernels do not reach: the edges of tiles, splits and vectors. Operands are small integers,
// so that results are compared bit by bit.
class LinearLaunchTest : public kernels::cuda::EmulationTest {
 protected:
  // As on a device with many multiprocessors, which small tensors leave idle.
  kernels::cuda::DeviceContext Context(int multiprocessors = 64) {
    return {
        .multiprocessors = multiprocessors,
        .workspace = {.data = workspace_.data(), .bytes = static_cast<int64_t>(workspace_.size() * sizeof(uint64_t))}};
  }
  void ExpectCleanRun() {
    ASSERT_EQ(Multiprocessor::OfThisThread().TakeError(), "");
    ASSERT_TRUE(std::all_of(workspace_.begin(), workspace_.end(), [](uint64_t word) { return word == 0; }))
        << "a workspace is left zero";
  }

  std::vector<uint64_t> workspace_ = std::vector<uint64_t>(256 * 1024);
};

struct Operands {
  HostTensor x, w, up, y;
  std::vector<double> sums, up_sums;  // [m, n].
  kernels::cuda::LinearArgs args;
};

std::vector<double> Sums(const HostTensor& x, const HostTensor& w) {
  const int64_t m = x.shape()[0], n = w.shape()[0], k = x.shape()[1];
  const std::vector<double> a = x.Values(), b = w.Values();
  std::vector<double> sums(static_cast<size_t>(m * n));
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t l = 0; l < k; ++l) sums[i * n + j] += a[i * k + l] * b[j * k + l];
    }
  }
  return sums;
}

Operands Make(kernels::DType dtype, int64_t m, int64_t n, int64_t k, bool gated = false) {
  Operands operands = {Integers(dtype, {m, k}, 1),
                       Integers(dtype, {n, k}, 2),
                       Integers(dtype, {n, k}, 3),
                       HostTensor(gated ? dtype : kernels::DType::kFloat32, {m, n}),
                       {},
                       {},
                       {}};
  operands.sums = Sums(operands.x, operands.w);
  if (gated) operands.up_sums = Sums(operands.x, operands.up);
  operands.args.dtype = dtype;
  operands.args.x = operands.x.View().data;
  operands.args.m = m;
  operands.args.k = k;
  operands.args.part[0] = {.w = operands.w.View().data, .y = operands.y.View().data, .n = n};
  if (gated) operands.args.up = operands.up.View().data;
  operands.args.wide = !gated;
  return operands;
}

void ExpectResult(Operands& operands) {
  EXPECT_TRUE(operands.y.GuardIntact());
  if (operands.args.up == nullptr) {
    EXPECT_EQ(operands.y.Values(), operands.sums);
  } else {
    // The same roundings by the kernel that has nothing else to do.
    const kernels::DType dtype = operands.args.dtype;
    HostTensor gate(dtype, operands.y.shape()), up(dtype, operands.y.shape()), want(dtype, operands.y.shape());
    for (int64_t i = 0; i < want.elements(); ++i) {
      gate.Set(i, operands.sums[i]);
      up.Set(i, operands.up_sums[i]);
    }
    kernels::cuda::LaunchGatedActivation({}, {.dtype = dtype,
                                              .activation = operands.args.activation,
                                              .gate = gate.View().data,
                                              .up = up.View().data,
                                              .y = want.View().data,
                                              .elements = want.elements()});
    EXPECT_EQ(operands.y.Values(), want.Values());
  }
  for (int64_t i = 0; i < operands.y.elements(); ++i) operands.y.Set(i, 77);
}

TEST_P(LinearLaunchTest, GemvTuningsAgree) {
  for (const kernels::DType dtype : {kernels::DType::kFloat32, kernels::DType::kBFloat16, kernels::DType::kFloat16}) {
    // In vectors, that end within a warp's turn or with it; one element at a time.
    for (const int64_t k : {1040, 2048, 301}) {
      for (const int64_t m : {1, 3, 8}) {
        if (dtype != kernels::DType::kBFloat16 && (m == 1 || k == 2048)) continue;  // As bfloat16.
        for (const bool gated : {false, true}) {
          Operands operands = Make(dtype, m, 18, k, gated);
          for (const kernels::cuda::LinearTuning& tuning : {kernels::cuda::LinearTuning{},
                                                            {.rows = 2, .warps = 1, .splits = 3},
                                                            {.rows = 4, .warps = 2, .splits = 1},
                                                            {.rows = 4, .warps = 8, .splits = 16},
                                                            {.rows = 2, .warps = 4, .splits = 2},
                                                            {.rows = 4, .blocks = 8},
                                                            {.warps = 1, .blocks = 1, .packs = 4},
                                                            {.rows = 4, .packs = 4},
                                                            {.rows = 3, .warps = 5, .blocks = 99}}) {
            SCOPED_TRACE(std::string(kernels::Name(dtype)) + " k " + std::to_string(k) + " m " + std::to_string(m) +
                         (gated ? " gated" : "") + " splits " + std::to_string(tuning.splits));
            operands.args.tuning = tuning;
            kernels::cuda::LaunchLinear(Context(), operands.args);
            ExpectCleanRun();
            ExpectResult(operands);
          }
        }
      }
    }
  }
}

TEST_P(LinearLaunchTest, GemmTilesMeetTheEdges) {
  for (const kernels::DType dtype : {kernels::DType::kFloat32, kernels::DType::kBFloat16, kernels::DType::kFloat16}) {
    for (const auto& [m, n, k] : {std::array<int64_t, 3>{9, 64, 64},
                                  {16, 65, 200},
                                  {17, 8, 192},
                                  {63, 72, 72},
                                  {129, 136, 264},
                                  {65, 130, 45}}) {
      for (const bool gated : {false, true}) {
        if (dtype == kernels::DType::kFloat16 && m != 17) continue;  // As bfloat16.
        Operands operands = Make(dtype, m, n, k, gated);
        for (const int64_t tile : {1, 2, 3}) {
          for (const int64_t splits : {1, 3}) {
            if (dtype == kernels::DType::kFloat32 && tile > 1) continue;  // There is one.
            if (splits > 1 && m > 64 && tile == 1) continue;              // To save time.
            SCOPED_TRACE(std::string(kernels::Name(dtype)) + " m " + std::to_string(m) + " tile " +
                         std::to_string(tile) + " splits " + std::to_string(splits) + (gated ? " gated" : ""));
            operands.args.tuning = {.splits = splits, .tile = tile};
            kernels::cuda::LaunchLinear(Context(), operands.args);
            ExpectCleanRun();
            ExpectResult(operands);
          }
        }
      }
    }
  }
}

// Long sums are shared by blocks where columns are few: without their meeting place, or with a place where one seems to
// have come already, that shows.
TEST_P(LinearLaunchTest, FewColumnsAreSplit) {
  for (const auto& [m, k] : {std::pair<int64_t, int64_t>{1, 65536}, {12, 4096}}) {
    Operands operands = Make(kernels::DType::kBFloat16, m, 8, k);
    kernels::cuda::LaunchLinear(Context(), operands.args);
    ExpectCleanRun();
    ExpectResult(operands);
    kernels::cuda::DeviceContext context = Context();
    context.workspace = {};
    kernels::cuda::LaunchLinear(context, operands.args);
    ExpectCleanRun();
    ExpectResult(operands);
    workspace_[0] = ~uint64_t{0};
    kernels::cuda::LaunchLinear(Context(), operands.args);
    ASSERT_EQ(Multiprocessor::OfThisThread().TakeError(), "");
    EXPECT_EQ(operands.y.At(0), 77) << "no block may think itself the last";
    std::fill(workspace_.begin(), workspace_.end(), 0);
  }
}

// Parts whose columns end within a tile, one without any, at sizes where tiles and splits are many.
TEST_P(LinearLaunchTest, PartsBeginTheirOwnTiles) {
  for (const int64_t m : {3, 20}) {
    Operands first = Make(kernels::DType::kBFloat16, m, 70, 512), second = Make(kernels::DType::kBFloat16, m, 9, 512),
             third = Make(kernels::DType::kBFloat16, m, 64, 512);
    kernels::cuda::LinearArgs args = first.args;
    args.parts = 4;
    args.part[1] = second.args.part[0];
    args.part[2] = {.w = nullptr, .y = nullptr, .n = 0};
    args.part[3] = third.args.part[0];
    args.tuning.splits = 2;
    kernels::cuda::LaunchLinear(Context(), args);
    ExpectCleanRun();
    for (Operands* const operands : {&first, &second, &third}) ExpectResult(*operands);
  }
}

TEST(LinearTuningTest, SpaceNamesWhatLaunchesRead) {
  const HostTensor few(kernels::DType::kBFloat16, {2, 16}), many(kernels::DType::kBFloat16, {20, 16}),
      w(kernels::DType::kBFloat16, {8, 16});
  for (const HostTensor* const x : {&few, &many}) {
    const std::vector<kernels::TensorView> views = {x->View(), w.View()};
    const std::vector<kernels::TuningParameter> space = kernels::cuda::CudaTuningSpace("linear", {.inputs = views});
    EXPECT_GE(space.size(), 2u);
    for (const kernels::TuningParameter& parameter : space) {
      EXPECT_GE(parameter.values.size(), 2u) << parameter.name;
      kernels::Attributes attributes;
      attributes.Set(parameter.name, parameter.values.back());
      const kernels::cuda::LinearTuning tuning = kernels::cuda::LinearTuningOf(attributes);
      EXPECT_EQ(tuning.rows + tuning.warps + tuning.blocks + tuning.packs + tuning.splits + tuning.tile,
                parameter.values.back())
          << parameter.name;
    }
  }
  // Two rows with 40 slots each are grouped by expert; with 8, they are read one by one.
  const HostTensor experts(kernels::DType::kBFloat16, {64, 8, 16}), slots(kernels::DType::kInt32, {80}),
      fewer(kernels::DType::kInt32, {16});
  const std::vector<kernels::TensorView> grouped = {few.View(), experts.View(), slots.View()},
                                         single = {few.View(), experts.View(), fewer.View()};
  EXPECT_EQ(kernels::cuda::CudaTuningSpace("gated_experts", {.inputs = grouped}).back().name, "tune_tile");
  EXPECT_EQ(kernels::cuda::CudaTuningSpace("gated_experts", {.inputs = single}).front().name, "tune_rows");
  EXPECT_TRUE(kernels::cuda::CudaTuningSpace("softmax", {}).empty());
}

INSTANTIATE_TEST_SUITE_P(Orders, LinearLaunchTest, ::testing::ValuesIn(kernels::cuda::kAllOrders),
                         kernels::cuda::NameOfOrder);

}  // namespace
}  // namespace metronome::testing
