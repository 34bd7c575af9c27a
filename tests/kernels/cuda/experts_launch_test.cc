#include <algorithm>
#include <random>

#include "kernels/cuda/products/experts.h"
#include "tests/kernels/cuda/fakes/emulation_test.h"
#include "tests/kernels/cuda/fakes/integers.h"

namespace metronome::testing {
namespace {

using kernels::cuda::emulation::Multiprocessor;

// Slots that share experts, in the sizes that decide how: readings for several slots at once, tiles of a GEMM, splits.
// Operands are small integers, whose sums are exact in any order.
class ExpertsLaunchTest : public kernels::cuda::EmulationTest {
 protected:
  kernels::cuda::DeviceContext Context(bool workspace = true) {
    kernels::cuda::DeviceContext context = {.multiprocessors = 2, .fault = &fault_};
    if (workspace)
      context.workspace = {.data = workspace_.data(),
                           .bytes = static_cast<int64_t>(workspace_.size() * sizeof(uint64_t))};
    return context;
  }
  void ExpectCleanRun() {
    ASSERT_EQ(Multiprocessor::OfThisThread().TakeError(), "");
    ASSERT_TRUE(std::all_of(workspace_.begin(), workspace_.end(), [](uint64_t word) { return word == 0; }))
        << "a workspace is left zero";
  }

  std::vector<uint64_t> workspace_ = std::vector<uint64_t>(128 * 1024);
  kernels::cuda::IndexFault fault_;
};

constexpr int64_t kColumns = 24, kExperts = 7;

// Products of slots with their experts, and what they should be.
struct Problem {
  Problem(kernels::DType dtype, int64_t slots, int64_t repeat, int64_t k)
      : x(Integers(dtype, {slots / repeat, k}, 4)),
        w(Integers(dtype, {kExperts, kColumns, k}, 5)),
        index(kernels::DType::kInt32, {slots}),
        y(kernels::DType::kFloat32, {slots, kColumns}) {
    // The third expert gets most, the last none.
    std::mt19937_64 random(6);
    for (int64_t i = 0; i < slots; ++i) {
      const auto drawn = static_cast<int64_t>(random() % (2 * kExperts));
      index.Set(i, static_cast<double>(drawn < kExperts - 1 ? drawn : 2));
    }
    args.dtype = dtype;
    args.x = x.View().data;
    args.m = slots;
    args.k = k;
    args.part[0] = {.w = w.View().data, .y = y.View().data, .n = kColumns};
    args.wide = true;
    rows = {.index = index.View().as<int32_t>(),
            .slots = slots,
            .repeat = repeat,
            .experts = kExperts,
            .stride = kColumns * k};
  }

  double Sum(int64_t slot, int64_t column) const {
    const int64_t k = args.k, row = slot / rows.repeat, expert = static_cast<int64_t>(index.At(slot));
    double sum = 0;
    for (int64_t i = 0; i < k; ++i) sum += x.At(row * k + i) * w.At((expert * kColumns + column) * k + i);
    return sum;
  }
  void ExpectResult() {
    for (int64_t i = 0; i < y.elements(); ++i) {
      const int64_t slot = i / kColumns;
      const bool exists = index.At(slot) >= 0 && index.At(slot) < kExperts;
      ASSERT_EQ(y.At(i), exists ? Sum(slot, i % kColumns) : 77) << "slot " << slot;
    }
    EXPECT_TRUE(y.GuardIntact());
    Forget();
  }
  void Forget() {
    for (int64_t i = 0; i < y.elements(); ++i) y.Set(i, 77);
  }

  HostTensor x, w, index, y;
  kernels::cuda::LinearArgs args;
  kernels::cuda::ExpertRows rows;
};

TEST_P(ExpertsLaunchTest, SlotsMeetTheirExperts) {
  for (const kernels::DType dtype : {kernels::DType::kFloat32, kernels::DType::kBFloat16}) {
    for (const auto& [slots, repeat, k] : {std::array<int64_t, 3>{8, 8, 64},
                                           {10, 5, 64},
                                           {12, 3, 61},
                                           {64, 4, 64},
                                           {33, 1, 64},
                                           {66, 2, 64},
                                           {70, 1, 61},
                                           {300, 3, 264}}) {
      Problem problem(dtype, slots, repeat, k);
      problem.Forget();
      for (const bool workspace : {true, false}) {
        for (const kernels::cuda::LinearTuning& tuning : {kernels::cuda::LinearTuning{},
                                                          {.splits = 2, .tile = 2},
                                                          {.rows = 2, .warps = 4, .splits = 3, .tile = 3}}) {
          if (!workspace && tuning.tile > 0) continue;  // There are no tiles then.
          SCOPED_TRACE(std::string(kernels::Name(dtype)) + " slots " + std::to_string(slots) + " tile " +
                       std::to_string(tuning.tile) + (workspace ? "" : " no workspace"));
          problem.args.tuning = tuning;
          kernels::cuda::LaunchExperts(Context(workspace), problem.args, problem.rows);
          ExpectCleanRun();
          problem.ExpectResult();
          EXPECT_EQ(fault_.raised, 0);
        }
      }
    }
  }
}

TEST_P(ExpertsLaunchTest, AnIndexOutOfRangeIsNamedAndItsRowLeftAlone) {
  for (const int64_t slots : {20, 80}) {
    for (const double bad : {-1.0, static_cast<double>(kExperts), 2147483647.0}) {
      Problem problem(kernels::DType::kBFloat16, slots, 2, 64);
      problem.Forget();
      problem.index.Set(13, bad);
      kernels::cuda::LaunchExperts(Context(), problem.args, problem.rows);
      ExpectCleanRun();
      problem.ExpectResult();
      EXPECT_EQ(fault_.raised, 1);
      EXPECT_EQ(fault_.index, static_cast<int32_t>(bad));
      EXPECT_EQ(fault_.position, 13);
      EXPECT_EQ(fault_.rows, kExperts);
      fault_ = {};
    }
  }
}

// An expert that no slot names may lie in memory that is not there.
TEST_P(ExpertsLaunchTest, InactiveExpertsAreNotRead) {
  for (const int64_t slots : {6, 90}) {
    Problem problem(kernels::DType::kBFloat16, slots, 1, 64);
    problem.Forget();
    const HostTensor present = Integers(kernels::DType::kBFloat16, {kExperts - 1, kColumns, 64}, 7);
    for (int64_t i = 0; i < present.elements(); ++i) problem.w.Set(i, present.At(i));
    problem.args.part[0].w = present.View().data;  // It ends where the last expert would begin, at an unmapped page.
    kernels::cuda::LaunchExperts(Context(), problem.args, problem.rows);
    ExpectCleanRun();
    problem.ExpectResult();
  }
}

// By rows, and by tiles with the products in the workspace: one result.
TEST_P(ExpertsLaunchTest, MixesAgree) {
  for (const kernels::DType dtype : {kernels::DType::kFloat32, kernels::DType::kBFloat16}) {
    for (const auto& [m, slots, k] : {std::array<int64_t, 3>{2, 3, 1032}, {5, 9, 64}, {40, 2, 61}, {40, 3, 64}}) {
      const HostTensor x = Integers(dtype, {m * slots, k}, 8), w = Integers(dtype, {kExperts, kColumns, k}, 9),
                       weights = Integers(dtype, {m, slots}, 10, 4);
      HostTensor index(kernels::DType::kInt32, {m * slots}), y(dtype, {m, kColumns});
      for (int64_t i = 0; i < m * slots; ++i) index.Set(i, static_cast<double>(i * 3 % kExperts));
      std::vector<double> want(static_cast<size_t>(m * kColumns));
      for (int64_t i = 0; i < m * slots; ++i) {
        for (int64_t j = 0; j < kColumns; ++j) {
          const auto expert = static_cast<int64_t>(index.At(i));
          double sum = 0;
          for (int64_t l = 0; l < k; ++l) sum += x.At(i * k + l) * w.At((expert * kColumns + j) * k + l);
          want[i / slots * kColumns + j] += RoundTo(dtype, RoundTo(dtype, sum) * weights.At(i));
        }
      }
      for (double& value : want) value = RoundTo(dtype, value);
      for (const bool workspace : {true, false}) {
        SCOPED_TRACE(std::string(kernels::Name(dtype)) + " m " + std::to_string(m) +
                     (workspace ? "" : " no workspace"));
        kernels::cuda::LaunchExpertMix(Context(workspace), {.dtype = dtype,
                                                            .x = x.View().data,
                                                            .w = w.View().data,
                                                            .index = index.View().as<int32_t>(),
                                                            .weights = weights.View().data,
                                                            .y = y.View().data,
                                                            .m = m,
                                                            .slots = slots,
                                                            .n = kColumns,
                                                            .k = k,
                                                            .experts = kExperts});
        ExpectCleanRun();
        EXPECT_EQ(y.Values(), want);
        EXPECT_EQ(fault_.raised, 0);
        for (int64_t i = 0; i < y.elements(); ++i) y.Set(i, 77);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Orders, ExpertsLaunchTest, ::testing::ValuesIn(kernels::cuda::kAllOrders),
                         kernels::cuda::NameOfOrder);

}  // namespace
}  // namespace metronome::testing
