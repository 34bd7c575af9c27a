#include "tests/gpu/bench/bench_launch.h"

#include <algorithm>
#include <deque>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"
#include "kernels/cuda/emulation/multiprocessor.h"
#include "kernels/cuda/kernel_table.h"
#include "kernels/interface/dtype.h"

namespace metronome::kernels::cuda::bench {
namespace {

const Row kRows[] = {
#include METRONOME_KERNEL_SHAPES
};

// Memory as aligned as a device's.
class Block {
 public:
  Block(int64_t bytes, char fill) : bytes_(static_cast<size_t>(bytes)), memory_(bytes_ + 256, fill) {}
  char* data() { return memory_.data() + (256 - reinterpret_cast<uintptr_t>(memory_.data()) % 256) % 256; }
  std::string Contents() { return {data(), bytes_}; }

 private:
  size_t bytes_;
  std::vector<char> memory_;
};

kernels::Attributes AttributesOf(const Row& row) {
  kernels::Attributes attributes;
  for (const absl::string_view pair : absl::StrSplit(row.attributes, ' ', absl::SkipEmpty())) {
    const std::vector<std::string> parts = absl::StrSplit(pair, absl::MaxSplits('=', 1));
    int64_t whole = 0;
    double number = 0;
    if (absl::SimpleAtoi(parts[1], &whole)) {
      attributes.Set(parts[0], whole);
      // Which of the two it is, the text does not say where a number is whole.
      if (parts[0] == "cap" || parts[0] == "scale" || parts[0] == "weight_offset" || parts[0] == "head_weight_offset")
        attributes.Set(parts[0], static_cast<double>(whole));
    } else if (absl::SimpleAtod(parts[1], &number)) {
      attributes.Set(parts[0], number);
    } else {
      attributes.Set(parts[0], parts[1]);
    }
  }
  return attributes;
}

class BenchLaunchTest : public testing::Test {
 protected:
  // A call of the row with random operands; what it is not told to write is poison.
  Call CallOf(const Row& row) {
    Call call = {.row = &row, .inputs = ParseOperands(row.inputs), .outputs = ParseOperands(row.outputs)};
    for (const Operand& output : call.outputs) call.out.push_back(NewBlock(output.bytes(), '\x11').data());
    for (const Operand& input : call.inputs) {
      char* const data = NewBlock(input.bytes(), 0).data();
      call.in.push_back(data);
      for (int64_t i = 0; i < input.bytes() / 2; ++i) {
        const auto value = kernels::BFloat16(static_cast<float>(i * 7919 % 201 - 100) * 0.01f);
        std::memcpy(data + 2 * i, &value, 2);
      }
      for (int64_t i = 0; input.dtype == kernels::DType::kInt32 && i < input.elements(); ++i)
        reinterpret_cast<int32_t*>(data)[i] = static_cast<int32_t>(i * 3 % IndexLimit(call));
    }
    // Caches are written in place.
    if (std::string(row.kernel) == "cache_write") call.in[0] = call.out[0];
    if (std::string(row.kernel) == "qkv_rope_cache") std::copy_n(call.out.begin() + 1, 2, call.in.begin() + 6);
    return call;
  }
  std::vector<std::string> Contents() {
    std::vector<std::string> contents;
    for (Block& block : blocks_) contents.push_back(block.Contents());
    blocks_.clear();
    return contents;
  }
  Block& NewBlock(int64_t bytes, char fill) { return blocks_.emplace_back(bytes, fill); }

  static DeviceContext Context(Block& workspace, Block& scratch) {
    return {.multiprocessors = 2,
            .workspace = {.data = workspace.data(), .bytes = kMeetingBytes},
            .scratch = {.data = scratch.data(), .bytes = kMeetingBytes}};
  }
  static constexpr int64_t kMeetingBytes = 1 << 20;

 private:
  std::deque<Block> blocks_;
};

// Every launch of the tiny models, to the bit.
TEST_F(BenchLaunchTest, LaunchesAreTheBackends) {
  Block workspace(kMeetingBytes, 0), scratch(kMeetingBytes, '\x7f');
  const DeviceContext context = Context(workspace, scratch);
  std::set<std::string> kernels;
  for (const Row& row : kRows) {
    if (!Launches(row.kernel)) continue;
    SCOPED_TRACE(std::string(row.model) + " " + row.kernel + " " + row.inputs + " " + row.attributes);
    kernels.insert(row.kernel);

    LaunchCall(context, CallOf(row));
    const std::vector<std::string> got = Contents();

    const Call call = CallOf(row);
    std::vector<kernels::TensorView> inputs, outputs;
    const auto view = [](const Operand& operand, void* data) {
      return kernels::TensorView{.data = data, .dtype = operand.dtype, .shape = kernels::Shape(operand.shape)};
    };
    for (size_t i = 0; i < call.in.size(); ++i) inputs.push_back(view(call.inputs[i], call.in[i]));
    for (size_t i = 0; i < call.out.size(); ++i) outputs.push_back(view(call.outputs[i], call.out[i]));
    const kernels::Attributes attributes = AttributesOf(row);
    ASSERT_TRUE(
        KernelTable().at(row.kernel)(context, {.inputs = inputs, .outputs = outputs, .attributes = &attributes}).ok());
    EXPECT_TRUE(got == Contents());
    ASSERT_EQ(emulation::Multiprocessor::OfThisThread().TakeError(), "");
  }
  EXPECT_GE(kernels.size(), 12u);
}

TEST(BenchRowTest, OperandsAndAttributesAreRead) {
  const std::vector<Operand> operands = ParseOperands("1x2048 8:int32 3x4x5:float32 7");
  ASSERT_EQ(operands.size(), 4u);
  EXPECT_EQ(operands[0].bytes(), 4096);
  EXPECT_EQ(operands[1].dtype, kernels::DType::kInt32);
  EXPECT_EQ(operands[2].shape, (std::vector<int64_t>{3, 4, 5}));
  EXPECT_EQ(operands[2].bytes(), 240);
  EXPECT_EQ(operands[3].bytes(), 14);
  EXPECT_TRUE(ParseOperands("").empty());
  EXPECT_EQ(Attribute("eps=1e-05 head_eps=0.5 has_norm=1", "head_eps"), 0.5);
  EXPECT_EQ(Attribute("head_eps=0.5", "eps", 7), 7);
  EXPECT_EQ(Attribute("eps=1e-05", "eps"), 1e-5);
}

TEST(BenchRowTest, TheFloorIsWhateverTakesLonger) {
  const Rates rates = {.name = "", .bytes_per_second = 1e12, .flops_per_second = 1e14, .edge_seconds = 1e-6};
  EXPECT_DOUBLE_EQ(FloorSeconds({.bytes = 1'000'000, .flops = 1000}, rates), 1e-6);
  EXPECT_DOUBLE_EQ(FloorSeconds({.bytes = 1000, .flops = 1'000'000'000}, rates), 1e-5);
  EXPECT_DOUBLE_EQ(PredictedSeconds({.bytes = 1'000'000, .flops = 1000}, rates), 2e-6);
}

}  // namespace
}  // namespace metronome::kernels::cuda::bench
