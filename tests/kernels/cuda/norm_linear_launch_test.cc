#include <algorithm>

#include "kernels/cuda/products/gemv.h"
#include "kernels/cuda/products/norm_linear.h"
#include "kernels/cuda/rows/normalisation.h"
#include "tests/kernels/cuda/fakes/emulation_test.h"
#include "tests/kernels/support/host_tensor.h"

namespace metronome::testing {
namespace {

using kernels::cuda::emulation::Multiprocessor;

class NormLinearLaunchTest : public kernels::cuda::EmulationTest {
 protected:
  kernels::cuda::DeviceContext Context(int64_t scratch_bytes, int multiprocessors = 64) {
    return {
        .multiprocessors = multiprocessors,
        .workspace = {.data = workspace_.data(), .bytes = static_cast<int64_t>(workspace_.size() * sizeof(uint64_t))},
        .scratch = {.data = scratch_.data(), .bytes = scratch_bytes}};
  }

  std::vector<uint64_t> workspace_ = std::vector<uint64_t>(64 * 1024);
  alignas(128) std::array<char, 1 << 16> scratch_;
};

struct Operands {
  HostTensor x, w, weight, residual, y, normalised, want;
  kernels::cuda::LinearArgs args;
};

// Whole numbers in x, so that the order of the sum of squares does not matter.
Operands Make(kernels::DType dtype, int64_t m, int64_t n, int64_t k) {
  Operands o = {HostTensor::Random(dtype, {m, k}, 1, -4, 4),
                HostTensor::Random(dtype, {n, k}, 2),
                HostTensor::Random(dtype, {k}, 3),
                HostTensor::Random(dtype, {m, n}, 4),
                HostTensor(kernels::DType::kFloat32, {m, n}),
                HostTensor(dtype, {m, k}),
                HostTensor(kernels::DType::kFloat32, {m, n}),
                {}};
  for (int64_t i = 0; i < o.x.elements(); ++i) o.x.Set(i, std::round(o.x.At(i)));
  o.args.dtype = dtype;
  o.args.x = o.x.View().data;
  o.args.m = m;
  o.args.k = k;
  o.args.part[0] = {.w = o.w.View().data, .y = o.y.View().data, .n = n};
  o.args.residual = o.residual.View().data;
  o.args.wide = true;
  o.args.norm = {.weight = o.weight.View().data, .epsilon = 1e-5f, .weight_offset = 1, .round_before_weight = true};
  return o;
}

void Expect(const kernels::cuda::DeviceContext& context, Operands& o) {
  kernels::cuda::LaunchRmsNorm({}, {.dtype = o.args.dtype,
                                    .x = o.args.x,
                                    .weight = o.args.norm.weight,
                                    .y = o.normalised.View().data,
                                    .rows = o.args.m,
                                    .columns = o.args.k,
                                    .epsilon = o.args.norm.epsilon,
                                    .weight_offset = o.args.norm.weight_offset,
                                    .round_before_weight = o.args.norm.round_before_weight});
  kernels::cuda::LinearArgs args = o.args;
  args.x = o.normalised.View().data;
  args.norm = {};
  args.part[0].y = o.want.View().data;
  kernels::cuda::LaunchLinear(context, args);
  ASSERT_EQ(Multiprocessor::OfThisThread().TakeError(), "");
  // 1e-4: tiles of few rows add in another order than those of many, 500 terms below 8.
  for (int64_t i = 0; i < o.y.elements(); ++i) EXPECT_NEAR(o.y.At(i), o.want.At(i), 1e-4) << i;
  EXPECT_TRUE(o.y.GuardIntact());
}

// Ways to cut a GEMV whose blocks normalise: each sees the whole row, whatever its share of k.
TEST_P(NormLinearLaunchTest, BlocksNormaliseForThemselves) {
  for (const kernels::DType dtype : {kernels::DType::kFloat32, kernels::DType::kBFloat16, kernels::DType::kFloat16}) {
    for (const int64_t m : {1, 2, 3, 7}) {
      for (const kernels::cuda::LinearTuning& tuning : {kernels::cuda::LinearTuning{},
                                                        {.rows = 4, .warps = 2, .splits = 3},
                                                        {.rows = 2, .warps = 8, .splits = 2}}) {
        SCOPED_TRACE(std::string(kernels::Name(dtype)) + " m " + std::to_string(m));
        Operands o = Make(dtype, m, 21, 520);
        o.args.tuning = tuning;
        ASSERT_TRUE(kernels::cuda::GemvStages(o.args));
        ASSERT_TRUE(kernels::cuda::LaunchNormLinear(Context(0), o.args));
        ASSERT_EQ(Multiprocessor::OfThisThread().TakeError(), "");
        Expect(Context(0), o);
        EXPECT_TRUE(std::all_of(workspace_.begin(), workspace_.end(), [](uint64_t word) { return word == 0; }));
      }
    }
  }
}

// On a small device blocks take several tiles each: 300 columns are 19 of 16.
TEST_P(NormLinearLaunchTest, ABlockStagesOnceForSeveralTiles) {
  for (const int64_t m : {1, 5}) {
    Operands o = Make(kernels::DType::kBFloat16, m, 300, 264);
    o.args.tuning = {.rows = 2, .warps = 1, .splits = 1};
    ASSERT_TRUE(kernels::cuda::LaunchNormLinear(Context(0, 1), o.args));
    ASSERT_EQ(Multiprocessor::OfThisThread().TakeError(), "");
    Expect(Context(0), o);
  }
}

// Many rows pass through the scratch, as many at a time as fit there: 20 in one go, in 4 of 5 and less, one by one.
TEST_P(NormLinearLaunchTest, RowsPassThroughTheScratch) {
  for (const auto& [m, k, room] : {std::array<int64_t, 3>{20, 72, 30}, {20, 72, 6}, {11, 72, 1}, {3, 77, 2}}) {
    SCOPED_TRACE(room);
    Operands o = Make(kernels::DType::kBFloat16, m, 9, k);
    ASSERT_FALSE(kernels::cuda::GemvStages(o.args));
    scratch_.fill(static_cast<char>(0xff));
    ASSERT_TRUE(kernels::cuda::LaunchNormLinear(Context(room * k * 2 + 1), o.args));
    ASSERT_EQ(Multiprocessor::OfThisThread().TakeError(), "");
    Expect(Context(0), o);
    const int64_t end = std::min(room, m) * k * 2;
    EXPECT_TRUE(std::all_of(scratch_.begin() + end, scratch_.end(), [](char byte) { return byte == '\xff'; }))
        << "nothing is written past the rows";
  }
}

TEST_P(NormLinearLaunchTest, WithoutRoomNothingIsDone) {
  Operands o = Make(kernels::DType::kFloat32, 20, 9, 72);
  o.y.Set(0, 77);
  EXPECT_FALSE(kernels::cuda::LaunchNormLinear(Context(287), o.args));
  const absl::Status status = kernels::cuda::LaunchProduct(Context(287), o.args);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "a normalised row of 72 float32 does not fit the scratch of 287 bytes");
  EXPECT_EQ(o.y.At(0), 77);
}

// What a block stages: aligned rows of at most 40 KiB together.
TEST(GemvStagesTest, AsksForAlignedRowsThatFit) {
  alignas(16) static char memory[64];
  kernels::cuda::LinearArgs args;
  args.dtype = kernels::DType::kBFloat16;
  args.x = args.norm.weight = args.part[0].w = memory;
  args.m = 1;
  args.k = 20480;
  EXPECT_TRUE(kernels::cuda::GemvStages(args));
  args.k = 20488;
  EXPECT_FALSE(kernels::cuda::GemvStages(args)) << "too long";
  args.k = 4096;
  args.m = 5;  // As 8.
  EXPECT_FALSE(kernels::cuda::GemvStages(args)) << "too many";
  args.m = 4;
  EXPECT_TRUE(kernels::cuda::GemvStages(args));
  args.k = 4100;
  EXPECT_FALSE(kernels::cuda::GemvStages(args)) << "rows are no vectors";
  args.k = 4096;
  for (const void** const operand : {&args.x, &args.norm.weight, &args.part[0].w, &args.up}) {
    *operand = memory + 2;
    EXPECT_FALSE(kernels::cuda::GemvStages(args));
    *operand = memory;
  }
  args.m = 9;
  args.k = 8;
  EXPECT_FALSE(kernels::cuda::GemvStages(args)) << "no GEMV";
}

INSTANTIATE_TEST_SUITE_P(Orders, NormLinearLaunchTest, ::testing::ValuesIn(kernels::cuda::kAllOrders),
                         kernels::cuda::NameOfOrder);

}  // namespace
}  // namespace metronome::testing
