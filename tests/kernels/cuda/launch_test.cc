#include <numeric>

#include "kernels/cuda/draw/selection.h"
#include "kernels/cuda/primitives/device.cuh"
#include "kernels/cuda/primitives/strided.h"
#include "kernels/cuda/rows/layout.h"
#include "tests/kernels/cuda/fakes/emulated_backend.h"
#include "tests/kernels/support/host_tensor.h"
#include "tests/kernels/support/kernel_test.h"

namespace metronome::testing {
namespace {

using kernels::cuda::emulation::Multiprocessor;
using kernels::cuda::emulation::ThreadOrder;

std::string Error() { return Multiprocessor::OfThisThread().TakeError(); }

// One launch serves every position: what changes is in memory.
TEST(StepSizeTest, CacheWritesGoWhereTheDeviceSays) {
  for (const kernels::DType dtype : {kernels::DType::kFloat32, kernels::DType::kBFloat16}) {
    const HostTensor cache = HostTensor::Random(dtype, {8, 3}, 1), rows = HostTensor::Random(dtype, {2, 3}, 2, 5, 6);
    const auto row_bytes = static_cast<int64_t>(3 * kernels::SizeOf(dtype));
    int64_t past = 0;
    const kernels::cuda::CopyRowsArgs args = {.input = rows.View().data,
                                              .output = cache.View().data,
                                              .rows = 2,
                                              .row_bytes = row_bytes,
                                              .input_stride = row_bytes,
                                              .output_stride = row_bytes,
                                              .first_output_row = {.base = &past, .offset = 1}};
    for (past = 0; past < 6; past += 2) {
      const std::vector<double> before = cache.Values();
      kernels::cuda::LaunchCopyRows({}, args);
      ASSERT_EQ(Error(), "");
      for (int64_t i = 0; i < cache.elements(); ++i) {
        const int64_t row = i / 3 - past - 1;
        EXPECT_EQ(cache.At(i), row >= 0 && row < 2 ? rows.At(row * 3 + i % 3) : before[i]) << past << " " << i;
      }
    }
  }
}

TEST(StepSizeTest, IotaStartsWhereTheDeviceSays) {
  std::vector<int32_t> y(5);
  int64_t past = 40;
  const kernels::cuda::IotaArgs args = {.output = y.data(), .elements = 5, .start = {.base = &past, .offset = 2}};
  for (; past < 43; ++past) {
    kernels::cuda::LaunchIota({}, args);
    ASSERT_EQ(Error(), "");
    for (int i = 0; i < 5; ++i) EXPECT_EQ(y[i], past + 2 + i);
  }
}

// Rows that are split over blocks: the first largest in another block than a later equal, NaN in any.
TEST(ArgmaxTest, BlocksOfARowMeet) {
  constexpr int64_t kColumns = 20000;
  for (const ThreadOrder order : {ThreadOrder::kForward, ThreadOrder::kReverse, ThreadOrder::kShuffled}) {
    Multiprocessor::OfThisThread().set_options({.order = order});
    for (const int64_t columns : {kColumns, kColumns - 1}) {  // In vectors and one by one.
      HostTensor x = HostTensor::Random(kernels::DType::kFloat32, {3, columns}, 3, -9, 9);
      for (const int64_t at : {17001, 601, 9000}) x.Set(at, 11);
      x.Set(columns + 12345, std::nan(""));
      x.Set(3 * columns - 1, 10);
      std::vector<int32_t> index(3);
      std::vector<uint64_t> workspace(16);
      const kernels::cuda::DeviceContext context = {
          .multiprocessors = 64,
          .workspace = {.data = workspace.data(), .bytes = static_cast<int64_t>(workspace.size() * sizeof(uint64_t))}};
      for (int round = 0; round < 2; ++round) {
        kernels::cuda::LaunchArgmax(context, {.dtype = kernels::DType::kFloat32,
                                              .x = x.View().data,
                                              .index = index.data(),
                                              .rows = 3,
                                              .columns = columns});
        ASSERT_EQ(Error(), "");
        EXPECT_EQ(index, (std::vector<int32_t>{601, static_cast<int32_t>(columns), static_cast<int32_t>(columns - 1)}));
        EXPECT_EQ(workspace, std::vector<uint64_t>(16)) << "a workspace is left zero";
      }
    }
  }
}

// More columns than lanes keep, and than a warp takes; ties, NaN and both zeros across them.
TEST(TopKTest, LongRowsMatchASort) {
  const auto backend = CreateEmulatedBackend({});
  for (const int64_t columns : {300, 3000}) {
    HostTensor x = HostTensor::Random(kernels::DType::kBFloat16, {2, columns}, 5, -2, 2);
    x.Set(7, std::nan(""));
    x.Set(columns - 2, 3);
    x.Set(3, 3);
    constexpr int64_t kK = 12;
    const HostTensor values(kernels::DType::kBFloat16, {2, kK}), index(kernels::DType::kInt32, {2, kK});
    ASSERT_TRUE(RunKernel(*backend, "top_k", {x}, {values, index}, {{"k", kK}}).ok());
    for (int64_t row = 0; row < 2; ++row) {
      std::vector<int64_t> order(columns);
      std::iota(order.begin(), order.end(), 0);
      const auto key = [&](int64_t i) {
        const double value = x.At(row * columns + i);
        return std::isnan(value) ? -INFINITY : value;
      };
      std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return key(a) > key(b); });
      for (int64_t i = 0; i < kK; ++i) {
        EXPECT_EQ(index.At(row * kK + i), order[i]) << "columns " << columns << " row " << row << " rank " << i;
        EXPECT_EQ(values.At(row * kK + i), x.At(row * columns + order[i]));
      }
    }
  }
}

// Tiles of a transposition at sizes around their own, with axes before, between and after.
TEST(TransposeTest, TilesMeetTheEdges) {
  const auto backend = CreateEmulatedBackend({.emulation = {.order = ThreadOrder::kShuffled}});
  for (const kernels::DType dtype : {kernels::DType::kFloat32, kernels::DType::kBFloat16, kernels::DType::kBool}) {
    for (const kernels::Shape& shape :
         {kernels::Shape{31, 33, 40}, kernels::Shape{64, 8, 65}, kernels::Shape{2, 100, 9}}) {
      for (const std::vector<int64_t>& permutation :
           {std::vector<int64_t>{2, 1, 0}, {0, 2, 1}, {2, 0, 1}, {1, 2, 0}, {1, 0, 2}}) {
        kernels::Shape target = shape;
        for (int axis = 0; axis < 3; ++axis) target[axis] = shape[static_cast<int>(permutation[axis])];
        const HostTensor x = HostTensor::Random(dtype, shape, 6, -99, 99), y(dtype, target);
        ASSERT_TRUE(RunKernel(*backend, "transpose", {x}, {y}, {{"permutation", permutation}}).ok());
        for (int64_t i = 0; i < y.elements(); ++i) {
          int64_t source[3], rest = i;
          for (int axis = 2; axis >= 0; --axis) {
            source[permutation[axis]] = rest % target[axis];
            rest /= target[axis];
          }
          ASSERT_EQ(y.At(i), x.At((source[0] * shape[1] + source[1]) * shape[2] + source[2])) << i;
        }
        EXPECT_TRUE(y.GuardIntact());
      }
    }
  }
}

TEST(StridedWalkTest, CollapsesWhatAllOperandsWalkAlike) {
  // [2, 3, 4] over a dense operand and one broadcast along the first axis.
  kernels::cuda::StridedWalk<2> walk;
  walk.rank = 3;
  const int64_t sizes[] = {2, 3, 4}, dense[] = {12, 4, 1}, broadcast[] = {0, 4, 1};
  for (int axis = 0; axis < 3; ++axis) {
    walk.sizes[axis] = sizes[axis];
    walk.strides[0][axis] = dense[axis];
    walk.strides[1][axis] = broadcast[axis];
  }
  const kernels::cuda::StridedWalk<2> collapsed = kernels::cuda::Collapse(walk);
  EXPECT_EQ(collapsed.rank, 2);
  EXPECT_EQ(collapsed.elements, 24);
  EXPECT_EQ(collapsed.sizes[0], 2);
  EXPECT_EQ(collapsed.sizes[1], 12);
  EXPECT_EQ(collapsed.strides[0][0], 12);
  EXPECT_EQ(collapsed.strides[1][0], 0);
  EXPECT_EQ(collapsed.strides[1][1], 1);
}

// The harness of the suites sees a kernel that writes where it must not.
void WriteOne(float* at) { *at = 1; }

TEST(PlantedBugTest, AWriteBeforeATensorBreaksItsGuard) {
  const HostTensor y(kernels::DType::kFloat32, {4});
  ASSERT_TRUE(y.GuardIntact());
  kernels::cuda::Launch({}, WriteOne, {.grid = kernels::cuda::dim3(1), .block = kernels::cuda::dim3(1)},
                        y.View().as<float>() - 1);
  EXPECT_FALSE(y.GuardIntact());
}

TEST(PlantedBugDeathTest, AWritePastATensorFaults) {
  const HostTensor y(kernels::DType::kFloat32, {4});
  EXPECT_DEATH(kernels::cuda::Launch({}, WriteOne, {.grid = kernels::cuda::dim3(1), .block = kernels::cuda::dim3(1)},
                                     y.View().as<float>() + 4),
               "");
}

}  // namespace
}  // namespace metronome::testing
