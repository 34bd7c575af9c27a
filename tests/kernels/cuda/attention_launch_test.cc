#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "kernels/cuda/attention/attention.h"
#include "kernels/cuda/emulation/multiprocessor.h"
#include "kernels/cuda/kernel_table.h"
#include "kernels/interface/attributes.h"
#include "tests/kernels/cuda/fakes/emulated_backend.h"
#include "tests/kernels/support/kernel_test.h"

namespace metronome::testing {
namespace {

using kernels::cuda::emulation::Multiprocessor;
using kernels::cuda::emulation::ThreadOrder;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kFloatUnit = 0x1p-24;

struct Problem {
  kernels::DType dtype;
  int64_t rows, past, heads, kv_heads, size, value_size, window = 0;
  int64_t positions() const { return past + rows; }
};

std::string Describe(const Problem& p) {
  std::string text(kernels::Name(p.dtype));
  for (const auto& [name, value] : {std::pair<const char*, int64_t>{" rows ", p.rows},
                                    {" past ", p.past},
                                    {" heads ", p.heads},
                                    {"/", p.kv_heads},
                                    {" size ", p.size},
                                    {" values ", p.value_size},
                                    {" window ", p.window}})
    text += name + std::to_string(value);
  return text;
}

// A device of `multiprocessors`, with the memory that its blocks meet in: what a launch must leave as it was, and NaN.
class Device {
 public:
  explicit Device(int multiprocessors)
      : workspace_(static_cast<size_t>(kernels::cuda::AttentionWorkspaceBytes(multiprocessors)) / sizeof(uint32_t) +
                   kCanaries),
        scratch_(static_cast<size_t>(kernels::cuda::AttentionScratchBytes(multiprocessors)) / sizeof(float) + kCanaries,
                 NAN) {
    context_ = {
        .multiprocessors = multiprocessors,
        .workspace = {.data = workspace_.data(), .bytes = kernels::cuda::AttentionWorkspaceBytes(multiprocessors)},
        .scratch = {.data = scratch_.data(), .bytes = kernels::cuda::AttentionScratchBytes(multiprocessors)}};
  }
  kernels::cuda::DeviceContext& context() { return context_; }
  bool scratch_was_used() const {
    return std::any_of(scratch_.begin(), scratch_.end(), [](float value) { return !std::isnan(value); });
  }
  void ExpectClean() const {
    EXPECT_EQ(Multiprocessor::OfThisThread().TakeError(), "");
    EXPECT_EQ(workspace_, std::vector<uint32_t>(workspace_.size())) << "a workspace is left zero";
    EXPECT_TRUE(std::all_of(scratch_.end() - kCanaries, scratch_.end(), [](float value) { return std::isnan(value); }))
        << "wrote past the scratch";
  }

 private:
  static constexpr int kCanaries = 64;
  std::vector<uint32_t> workspace_;
  std::vector<float> scratch_;
  kernels::cuda::DeviceContext context_;
};

struct Operands {
  HostTensor q, k, v, y;
  explicit Operands(const Problem& p, int64_t capacity = 0)
      : q(HostTensor::Random(p.dtype, {p.rows, p.heads, p.size}, 1, -2, 2)),
        k(HostTensor::Random(p.dtype, {std::max(capacity, p.positions()), p.kv_heads, p.size}, 2, -2, 2)),
        v(HostTensor::Random(p.dtype, {std::max(capacity, p.positions()), p.kv_heads, p.value_size}, 3)),
        y(p.dtype, {p.rows, p.heads, p.value_size}) {}
};

void Fill(HostTensor& tensor, int64_t position, double value) {
  const int64_t row = tensor.shape()[1] * tensor.shape()[2];
  for (int64_t i = 0; i < row; ++i) tensor.Set(position * row + i, value);
}

double ScaleOf(const Problem& p) { return 1 / std::sqrt(static_cast<double>(p.size)); }

kernels::cuda::AttentionArgs ArgsOf(const Problem& p, const Operands& operands) {
  return {.dtype = p.dtype,
          .q = operands.q.View().data,
          .k = operands.k.View().data,
          .v = operands.v.View().data,
          .y = operands.y.View().data,
          .rows = p.rows,
          .heads = p.heads,
          .kv_heads = p.kv_heads,
          .size = p.size,
          .value_size = p.value_size,
          .past = {.base = nullptr, .offset = p.past},
          .window = p.window,
          .scale = static_cast<float>(ScaleOf(p))};
}

// From the definition, in float64, of the rows and positions that see each other and nothing else. The errors are those
// of tests/kernels/attention_test.cc: some units of a score's terms, and of the values mixed. Weights of 16-bit types
// have 16 bits, which adds 2^-17 of the values; so do scores in units of log 2 to a score's.
void ExpectAttention(const Problem& p, const Operands& operands) {
  const std::vector<double> q = operands.q.Values(), k = operands.k.Values(), v = operands.v.Values();
  std::vector<double> want, error, weights(static_cast<size_t>(p.positions()));
  for (int64_t row = 0; row < p.rows; ++row) {
    const int64_t last = p.past + row, first = p.window > 0 ? std::max<int64_t>(0, last - p.window + 1) : 0;
    for (int64_t head = 0; head < p.heads; ++head) {
      const int64_t kv_head = head * p.kv_heads / p.heads;
      double largest = -kInf, total = 0, score_error = 0;
      for (int64_t j = first; j <= last; ++j) {
        double score = 0, magnitude = 0;
        for (int64_t i = 0; i < p.size; ++i) {
          const double term =
              q[(row * p.heads + head) * p.size + i] * k[(j * p.kv_heads + kv_head) * p.size + i] * ScaleOf(p);
          score += term;
          magnitude += std::abs(term);
        }
        weights[j] = score;
        largest = std::max(largest, score);
        score_error = std::max(score_error, (4 * std::sqrt(static_cast<double>(p.size)) + 8) * kFloatUnit * magnitude);
      }
      for (int64_t j = first; j <= last; ++j) total += weights[j] = std::exp(weights[j] - largest);
      for (int64_t i = 0; i < p.value_size; ++i) {
        double mixed = 0, bound = 0;
        for (int64_t j = first; j <= last; ++j) {
          const double value = v[(j * p.kv_heads + kv_head) * p.value_size + i];
          mixed += weights[j] / total * value;
          bound = std::max(bound, std::abs(value));
        }
        const double weight_error = p.dtype == kernels::DType::kFloat32 ? 0 : 0x1p-17;
        want.push_back(mixed);
        error.push_back(
            (2 * score_error + weight_error + (4 * std::sqrt(static_cast<double>(p.positions())) + 16) * kFloatUnit) *
            bound);
      }
    }
  }
  ExpectClose(operands.y, want, error);
}

void RunAndExpect(const Problem& p, Device& device) {
  SCOPED_TRACE(Describe(p));
  const Operands operands(p);
  kernels::cuda::LaunchAttention(device.context(), ArgsOf(p, operands));
  device.ExpectClean();
  ExpectAttention(p, operands);
}

class AttentionLaunchTest : public ::testing::TestWithParam<ThreadOrder> {
 protected:
  void SetUp() override { Multiprocessor::OfThisThread().set_options({.order = GetParam()}); }
};
INSTANTIATE_TEST_SUITE_P(Orders, AttentionLaunchTest,
                         ::testing::Values(ThreadOrder::kForward, ThreadOrder::kReverse, ThreadOrder::kShuffled));

// One launch serves every position, with all of its splits in use or few: what changes is in memory. Later rows of the
// cache hold anything.
TEST_P(AttentionLaunchTest, PositionsAreWhereTheDeviceSays) {
  constexpr int64_t kCapacity = 1100;
  for (const kernels::DType dtype : kFloats) {
    for (const int64_t rows : {1, 3}) {
      Problem p = {dtype, rows, 0, 4, 2, 16, 24};
      Operands operands(p, kCapacity);
      const HostTensor keys = HostTensor::Random(dtype, operands.k.shape(), 2, -2, 2);
      for (int64_t position = 0; position < kCapacity; ++position) Fill(operands.k, position, kNan);
      Device device(16);
      int64_t past = 0;
      kernels::cuda::AttentionArgs args = ArgsOf(p, operands);
      args.past = {.base = &past, .offset = -5};
      int64_t filled = 0;
      for (const int64_t at : {0, 1, 62, 64, 130, 511, 1000}) {
        past = at + 5;
        p.past = at;
        for (; filled < p.positions(); ++filled) {
          for (int64_t i = 0; i < 2 * 16; ++i) operands.k.Set(filled * 2 * 16 + i, keys.At(filled * 2 * 16 + i));
        }
        SCOPED_TRACE(Describe(p));
        kernels::cuda::LaunchAttention(device.context(), args);
        device.ExpectClean();
        ExpectAttention(p, operands);
      }
      EXPECT_TRUE(device.scratch_was_used());
    }
  }
}

// The same by way of the catalogue's arguments, whose shapes are those of the step that was captured.
TEST_P(AttentionLaunchTest, ACapturedLaunchFollowsThePosition) {
  const Problem captured = {kernels::DType::kBFloat16, 1, 9, 2, 1, 64, 64},
                replayed = {kernels::DType::kBFloat16, 1, 299, 2, 1, 64, 64};
  const Operands operands(replayed);
  kernels::TensorView k = operands.k.View(), v = operands.v.View();
  k.shape[0] = v.shape[0] = captured.positions();
  const kernels::TensorView inputs[] = {operands.q.View(), k, v}, outputs[] = {operands.y.View()};
  const kernels::Attributes attributes = {{"scale", ScaleOf(captured)}, {"window", int64_t{0}}};
  Device device(4);
  int64_t past = replayed.past;
  device.context().past = &past;
  device.context().captured_past = captured.past;
  kernels::KernelArgs args = {.inputs = inputs, .outputs = outputs, .attributes = &attributes, .follows_past = true};

  ASSERT_TRUE(kernels::cuda::KernelTable().at("attention")(device.context(), args).ok());
  device.ExpectClean();
  ExpectAttention(replayed, operands);

  args.follows_past = false;  // A cache that does not grow with the position.
  ASSERT_TRUE(kernels::cuda::KernelTable().at("attention")(device.context(), args).ok());
  device.ExpectClean();
  ExpectAttention(captured, operands);
}

// Contexts around multiples of a tile of keys (64, float32 32) and of all splits' tiles.
TEST_P(AttentionLaunchTest, SplitsMeetTheEdges) {
  for (const kernels::DType dtype : kFloats) {
    Device device(8);
    for (const int64_t positions : {1, 31, 32, 33, 63, 64, 65, 127, 128, 129, 511, 512, 513, 1023, 1024, 1025})
      RunAndExpect({dtype, 1, positions - 1, 2, 1, 8, 8}, device);
    EXPECT_TRUE(device.scratch_was_used());
  }
}

// The prefill's tiles of 64 rows are split too where they are few, and the latest rows see splits that others do not.
TEST_P(AttentionLaunchTest, SplitsOfManyRows) {
  for (const kernels::DType dtype : kFloats) {
    Device device(24);
    RunAndExpect({dtype, 50, 200, 4, 2, 16, 16}, device);
    RunAndExpect({dtype, 90, 0, 2, 2, 16, 16}, device);
    RunAndExpect({dtype, 20, 300, 2, 2, 24, 8, 100}, device);
    EXPECT_TRUE(device.scratch_was_used());
  }
}

// With less memory to meet in there are fewer splits, and the same result.
TEST_P(AttentionLaunchTest, SplitsFitTheScratch) {
  const Problem p = {kernels::DType::kFloat16, 2, 700, 8, 2, 64, 64};
  const Operands operands(p);
  for (const int64_t divisor : {1, 300, 0}) {
    for (const bool has_workspace : {true, false}) {
      Device device(16);
      auto& scratch = device.context().scratch;
      scratch.bytes = divisor == 0 ? 0 : scratch.bytes / divisor;
      if (!has_workspace) device.context().workspace.bytes = 4;  // Of two units.
      kernels::cuda::LaunchAttention(device.context(), ArgsOf(p, operands));
      device.ExpectClean();
      ExpectAttention(p, operands);
      EXPECT_EQ(device.scratch_was_used(), divisor == 1 && has_workspace);
    }
  }
}

TEST_P(AttentionLaunchTest, OneToNineRowsWithSharedHeads) {
  for (const kernels::DType dtype : {kernels::DType::kBFloat16, kernels::DType::kFloat32}) {
    Device device(2);
    for (int64_t rows = 1; rows <= 9; ++rows) {
      for (const int64_t group : {1, 2, 4, 8, 16}) RunAndExpect({dtype, rows, 70, 2 * group, 2, 16, 16}, device);
    }
  }
}

TEST_P(AttentionLaunchTest, HeadSizes) {
  for (const kernels::DType dtype : kFloats) {
    Device device(2);
    for (const auto& [size, value_size] : std::vector<std::pair<int64_t, int64_t>>{{2, 2},
                                                                                   {20, 20},
                                                                                   {20, 6},
                                                                                   {64, 64},
                                                                                   {64, 96},
                                                                                   {96, 96},
                                                                                   {96, 128},
                                                                                   {128, 128},
                                                                                   {192, 128},
                                                                                   {128, 256},
                                                                                   {256, 256},
                                                                                   {512, 512},
                                                                                   {40, 512},
                                                                                   {512, 40},
                                                                                   {257, 260}}) {
      RunAndExpect({dtype, 1, 99, 4, 2, size, value_size}, device);
      RunAndExpect({dtype, 21, 30, 2, 2, size, value_size, 33}, device);
    }
  }
}

// Packed rows of several tiles, with heads that do not divide a tile.
TEST_P(AttentionLaunchTest, TilesOfManyRows) {
  for (const kernels::DType dtype : kFloats) {
    Device device(1);
    RunAndExpect({dtype, 75, 0, 3, 1, 64, 64}, device);
    RunAndExpect({dtype, 70, 65, 4, 2, 32, 32, 40}, device);
  }
}

// Values of positions that some rows of a tile see and others do not. A row that sees none of them is as without.
TEST_P(AttentionLaunchTest, HiddenValuesDoNotReachTheResult) {
  for (const kernels::DType dtype : kFloats) {
    for (const double poison : {kNan, kInf, -kInf}) {
      const Problem p = {dtype, 40, 30, 2, 1, 16, 16, 25};
      Operands operands(p), clean(p);
      Fill(operands.v, 20, poison);  // Seen by rows 0 to 14.
      Fill(operands.v, 60, poison);  // Seen by rows from 30.
      Fill(operands.k, 21, kNan);    // Seen by rows 0 to 15.
      Device device(1);
      kernels::cuda::LaunchAttention(device.context(), ArgsOf(p, operands));
      kernels::cuda::LaunchAttention(device.context(), ArgsOf(p, clean));
      device.ExpectClean();
      for (int64_t i = 0; i < operands.y.elements(); ++i) {
        const int64_t row = i / (p.heads * p.value_size);
        if (row < 16 || row >= 30) {
          EXPECT_FALSE(std::isfinite(operands.y.At(i))) << row;
        } else {
          // The weights are the same, only not rounded to two numbers of 16 bits.
          EXPECT_NEAR(operands.y.At(i), clean.y.At(i), 0x1p-16 + 2 * UnitRoundoff(dtype))
              << kernels::Name(dtype) << row;
        }
      }
    }
  }
}

// Rows of a cache with nothing mapped before the first and after the last; `data` is where position 0 would be.
class MappedRows {
 public:
  MappedRows(const HostTensor& tensor, int64_t first) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t row_bytes = static_cast<size_t>(tensor.View().bytes() / tensor.shape()[0]);
    const size_t bytes = row_bytes * static_cast<size_t>(tensor.shape()[0] - first);
    size_ = (bytes + page - 1) / page * page + 2 * page;
    memory_ = static_cast<std::byte*>(mmap(nullptr, size_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(memory_ + page, size_ - 2 * page, PROT_READ | PROT_WRITE);
    const size_t before = row_bytes * static_cast<size_t>(first);
    std::memcpy(memory_ + page, static_cast<const std::byte*>(tensor.View().data) + before, bytes);
    data_ = memory_ + page - before;
  }
  ~MappedRows() { munmap(memory_, size_); }
  MappedRows(const MappedRows&) = delete;
  MappedRows& operator=(const MappedRows&) = delete;
  const void* data() const { return data_; }

 private:
  std::byte* memory_;
  std::byte* data_;
  size_t size_;
};

// Tensors end at an unmapped page as it is; here nothing is there before the window of the first row either.
TEST_P(AttentionLaunchTest, NothingBeforeTheWindowIsRead) {
  for (const kernels::DType dtype : kFloats) {
    for (const int64_t size : {16, 20}) {  // In chunks of 16 bytes, and not.
      for (const int64_t window : {1, 63, 64, 65, 150}) {
        for (const int64_t rows : {1, 5, 17}) {
          const Problem p = {dtype, rows, 333, 4, 2, size, size, window};
          SCOPED_TRACE(Describe(p));
          const Operands operands(p);
          const MappedRows k(operands.k, p.past + 1 - window), v(operands.v, p.past + 1 - window);
          kernels::cuda::AttentionArgs args = ArgsOf(p, operands);
          args.k = k.data();
          args.v = v.data();
          Device device(4);
          kernels::cuda::LaunchAttention(device.context(), args);
          device.ExpectClean();
          ExpectAttention(p, operands);
        }
      }
    }
  }
}

// Scores of nothing are all 0.
TEST_P(AttentionLaunchTest, KeysMayBeEmpty) {
  const Problem p = {kernels::DType::kBFloat16, 1, 2, 1, 1, 0, 4};
  const Operands operands(p);
  Device device(1);
  kernels::cuda::AttentionArgs args = ArgsOf(p, operands);
  args.scale = 1;
  kernels::cuda::LaunchAttention(device.context(), args);
  device.ExpectClean();
  for (int64_t i = 0; i < 4; ++i)
    EXPECT_NEAR(operands.y.At(i), (operands.v.At(i) + operands.v.At(4 + i) + operands.v.At(8 + i)) / 3, 0x1p-8);
}

TEST(AttentionTest, HeadsThatAreTooLargeAreUnimplemented) {
  const auto backend = CreateEmulatedBackend({});
  const HostTensor q(kernels::DType::kFloat32, {1, 1, 513}), k(kernels::DType::kFloat32, {1, 1, 513}),
      y(kernels::DType::kFloat32, {1, 1, 513});
  const absl::Status status =
      RunKernel(*backend, "attention", {q, k, k}, {y}, {{"scale", 1.0}, {"window", int64_t{0}}});
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
}

}  // namespace
}  // namespace metronome::testing
