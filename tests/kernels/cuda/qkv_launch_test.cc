#include <algorithm>
#include <array>
#include <random>

#include "kernels/cuda/attention/qkv_rope_cache.h"
#include "kernels/cuda/kernel_table.h"
#include "tests/kernels/cuda/fakes/emulation_test.h"
#include "tests/kernels/cuda/fakes/integers.h"

namespace metronome::testing {
namespace {

using kernels::cuda::emulation::Multiprocessor;

// Weights are in [-1, 1], so that float32 holds the squares of sums exactly too. Of x: 1 and -1, which a norm leaves as
// they are.
HostTensor Signs(kernels::DType dtype, const kernels::Shape& shape, uint64_t seed) {
  HostTensor tensor(dtype, shape);
  std::mt19937_64 random(seed);
  for (int64_t i = 0; i < tensor.elements(); ++i) tensor.Set(i, random() % 2 == 0 ? 1 : -1);
  return tensor;
}

struct Problem {
  int64_t m, heads, kv_heads, size, k, past;
};

class QkvLaunchTest : public kernels::cuda::EmulationTest {
 protected:
  static constexpr int64_t kCapacity = 24;

  kernels::cuda::DeviceContext Context(int multiprocessors = 64) {
    return {
        .multiprocessors = multiprocessors,
        .workspace = {.data = workspace_.data(), .bytes = static_cast<int64_t>(workspace_.size() * sizeof(uint64_t))},
        .scratch = {.data = scratch_.data(), .bytes = static_cast<int64_t>(scratch_.size())}};
  }

  // q and both caches after a launch in this context, or its error.
  absl::StatusOr<std::vector<std::vector<double>>> Run(const kernels::cuda::DeviceContext& context, const Problem& p,
                                                       const kernels::cuda::LinearTuning& tuning = {}) {
    constexpr kernels::DType kT = kernels::DType::kBFloat16;
    const int64_t wide = p.heads * p.size, narrow = p.kv_heads * p.size;
    const HostTensor x = Signs(kT, {p.m, p.k}, 1), wq = Integers(kT, {wide, p.k}, 2, 1),
                     wk = Integers(kT, {narrow, p.k}, 3, 1), wv = Integers(kT, {narrow, p.k}, 4, 1),
                     cos = HostTensor::Random(kT, {p.m, p.size}, 5), sin = HostTensor::Random(kT, {p.m, p.size}, 6),
                     q_norm = HostTensor::Random(kT, {p.size}, 7), k_norm = HostTensor::Random(kT, {p.size}, 8),
                     norm = HostTensor::Random(kT, {p.k}, 9, 0.25, 0.25), q(kT, {p.m, p.heads, p.size}),
                     k_cache = HostTensor::Random(kT, {kCapacity, p.kv_heads, p.size}, 10),
                     v_cache = HostTensor::Random(kT, {kCapacity, p.kv_heads, p.size}, 11);
    const std::vector<kernels::TensorView> inputs = {x.View(),      wq.View(),     wk.View(),      wv.View(),
                                                     cos.View(),    sin.View(),    k_cache.View(), v_cache.View(),
                                                     q_norm.View(), k_norm.View(), norm.View()},
                                           outputs = {q.View(), k_cache.First(p.past + p.m).View(),
                                                      v_cache.First(p.past + p.m).View()};
    const kernels::Attributes attributes = {
        {"has_head_norm", int64_t{1}},  {"has_norm", int64_t{1}},     {"head_eps", 0.5},
        {"tune_rows", tuning.rows},     {"tune_warps", tuning.warps}, {"tune_splits", tuning.splits},
        {"tune_blocks", tuning.blocks}, {"tune_packs", tuning.packs}};
    const absl::Status status = kernels::cuda::KernelTable().at("qkv_rope_cache")(
        context,
        {.inputs = inputs, .outputs = outputs, .attributes = &attributes, .follows_past = context.past != nullptr});
    if (!status.ok()) return status;
    if (const std::string error = Multiprocessor::OfThisThread().TakeError(); !error.empty())
      return absl::InternalError(error);
    EXPECT_TRUE(q.GuardIntact() && k_cache.GuardIntact() && v_cache.GuardIntact());
    return std::vector<std::vector<double>>{q.Values(), k_cache.Values(), v_cache.Values()};
  }
  void ExpectZeroWorkspace() {
    EXPECT_TRUE(std::all_of(workspace_.begin(), workspace_.end(), [](uint64_t word) { return word == 0; }));
  }

  std::vector<uint64_t> workspace_ = std::vector<uint64_t>(64 * 1024);
  alignas(128) std::array<char, 1 << 17> scratch_;
};

// In one launch, however columns are dealt, tiles end within heads, and sums are split; and step by step.
TEST_P(QkvLaunchTest, HeadsMeetHoweverTheyAreCut) {
  for (const Problem& p : {Problem{1, 4, 2, 16, 64, 5}, Problem{2, 3, 1, 6, 40, 0}, Problem{3, 2, 2, 80, 72, 20},
                           Problem{8, 4, 2, 2, 64, 16}, Problem{1, 2, 1, 256, 520, 23}}) {
    SCOPED_TRACE("m " + std::to_string(p.m) + " size " + std::to_string(p.size));
    kernels::cuda::DeviceContext steps = Context();
    steps.workspace = {};
    const auto want = Run(steps, p);
    ASSERT_TRUE(want.ok()) << want.status();
    for (const kernels::cuda::LinearTuning& tuning : {kernels::cuda::LinearTuning{},
                                                      {.rows = 4, .warps = 1, .splits = 1},
                                                      {.rows = 2, .warps = 8, .splits = 1},
                                                      {.rows = 4, .warps = 2, .splits = 3},
                                                      {.rows = 2, .warps = 1, .splits = 2},
                                                      {.rows = 2, .warps = 1, .blocks = 1},
                                                      {.blocks = 8, .packs = 4}}) {
      for (const int multiprocessors : {1, 64}) {
        scratch_.fill(static_cast<char>(0xff));  // NaN.
        const auto got = Run(Context(multiprocessors), p, tuning);
        ASSERT_TRUE(got.ok()) << got.status();
        EXPECT_EQ(*got, *want) << "rows " << tuning.rows << " warps " << tuning.warps << " splits " << tuning.splits;
        ExpectZeroWorkspace();
      }
    }
  }
}

// Column counts that claim to be there already keep a head from being finished: no block thinks itself the last.
TEST_P(QkvLaunchTest, AHeadWaitsForAllOfItsColumns) {
  const Problem p = {1, 2, 1, 32, 64, 3};
  const auto want = Run(Context(), p);
  ASSERT_TRUE(want.ok());
  workspace_[0] = 1000;  // Of the first head.
  const auto got = Run(Context(), p);
  ASSERT_TRUE(got.ok());
  for (size_t i = 0; i < 32; ++i) EXPECT_EQ((*got)[0][i], 0) << i;
  for (size_t i = 32; i < 64; ++i) EXPECT_EQ((*got)[0][i], (*want)[0][i]) << i;
}

// Rows pass through the scratch in as many launches as it takes.
TEST_P(QkvLaunchTest, ManyRowsPassThroughTheScratch) {
  const Problem p = {13, 4, 2, 16, 72, 9};
  const auto want = Run(Context(), p);
  ASSERT_TRUE(want.ok()) << want.status();
  const int64_t row_bytes = (2 * 2 * 16 + 72) * 2;
  for (const int64_t rows : {1, 5, 12}) {
    kernels::cuda::DeviceContext context = Context();
    context.scratch.bytes = rows * row_bytes + 128;
    const auto got = Run(context, p);
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(*got, *want) << rows;
  }
  kernels::cuda::DeviceContext context = Context();
  context.scratch.bytes = row_bytes + 127;
  const auto none = Run(context, p);
  EXPECT_EQ(none.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(none.status().message(), "a row of keys and values takes 272 bytes of the scratch, which has 399");
}

// While launches are captured, the rows of the caches follow the position in device memory.
TEST_P(QkvLaunchTest, ACapturedLaunchFollowsThePosition) {
  for (const int64_t m : {1, 2, 10}) {
    SCOPED_TRACE(m);
    const Problem here = {m, 2, 1, 16, 64, 3}, there = {m, 2, 1, 16, 64, 11};
    const auto want = Run(Context(), there);
    ASSERT_TRUE(want.ok());
    const int64_t past = 11;
    kernels::cuda::DeviceContext captured = Context();
    captured.past = &past;
    captured.captured_past = 3;
    const auto got = Run(captured, here);
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(*got, *want);
  }
}

INSTANTIATE_TEST_SUITE_P(Orders, QkvLaunchTest, ::testing::ValuesIn(kernels::cuda::kAllOrders),
                         kernels::cuda::NameOfOrder);

}  // namespace
}  // namespace metronome::testing
