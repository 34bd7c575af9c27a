#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/kernels/cuda/fakes/driver_target.h"
#include "tests/kernels/support/device_copies.h"
#include "tests/kernels/support/device_draw.h"
#include "tests/kernels/support/host_tensor.h"
#include "tests/kernels/support/random_program.h"

namespace metronome::testing {
namespace {

// What a fake driver cannot promise of CUDA: that memory is mapped, captures are taken and code is loaded as asked for,
// and that blocks which run at the same time always meet as they should.
class CudaDriverHardwareTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (target_ == nullptr) target_ = new DriverTarget(NewDriverTarget());
  }
  static void TearDownTestSuite() {
    delete target_;
    target_ = nullptr;
  }
  void SetUp() override {
    if (!target_->backend.ok()) GTEST_SKIP() << target_->backend.status();
  }

  static kernels::Backend& backend() { return **target_->backend; }
  static const DriverTarget& target() { return *target_; }

  static std::vector<uint8_t> Pattern(int64_t bytes, uint32_t seed) {
    std::vector<uint8_t> values(static_cast<size_t>(bytes));
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint8_t>((i + seed) * 2654435761u >> 15);
    return values;
  }
  static void Put(void* device, const std::vector<uint8_t>& values) {
    ASSERT_TRUE(backend().CopyToDevice(device, values.data(), static_cast<int64_t>(values.size())).ok());
  }
  static std::vector<uint8_t> Get(const void* device, int64_t bytes) {
    std::vector<uint8_t> values(static_cast<size_t>(bytes));
    EXPECT_TRUE(backend().CopyToHost(values.data(), device, bytes).ok());
    return values;
  }
  static std::vector<uint8_t> Get(const kernels::TensorView& view) { return Get(view.data, view.bytes()); }

  // Operands of a launch that stay on the device.
  struct Call {
    DeviceCopies copies{backend()};
    std::vector<kernels::TensorView> inputs, outputs;
    kernels::Attributes attributes;
    bool follows_past = false;
    absl::Status Launch(const char* kernel) const {
      return backend().Launch(
          *backend().FindKernel(kernel).value(),
          {.inputs = inputs, .outputs = outputs, .attributes = &attributes, .follows_past = follows_past});
    }
  };
  static void Fill(Call& call, const std::vector<HostTensor>& inputs, const std::vector<HostTensor>& outputs,
                   const kernels::Attributes& attributes) {
    for (const HostTensor& input : inputs) call.inputs.push_back(call.copies.Add(input).value());
    for (const HostTensor& output : outputs) call.outputs.push_back(call.copies.Add(output).value());
    call.attributes = attributes;
  }
  // Launches again and again; each time, all outputs are those of the first.
  static void ExpectSameBits(const char* kernel, const Call& call) {
    std::vector<std::vector<uint8_t>> first;
    for (int repeat = 0; repeat < target().repeats; ++repeat) {
      ASSERT_TRUE(call.Launch(kernel).ok());
      for (size_t i = 0; i < call.outputs.size(); ++i) {
        std::vector<uint8_t> bits = Get(call.outputs[i]);
        if (repeat == 0) {
          first.push_back(std::move(bits));
        } else {
          ASSERT_EQ(bits, first[i]) << kernel << ", repeat " << repeat << ", output " << i;
        }
      }
    }
  }

 private:
  static DriverTarget* target_;
};
DriverTarget* CudaDriverHardwareTest::target_ = nullptr;

TEST_F(CudaDriverHardwareTest, MemoryIsAllocatedZeroedAndAligned) {
  for (const int64_t bytes : {int64_t{1}, int64_t{255}, int64_t{4097}, 3 * target().granularity + 5}) {
    const auto buffer = backend().Allocate(bytes).value(), other = backend().Allocate(bytes).value();
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer->data()) % 256, 0u);
    EXPECT_EQ(Get(buffer->data(), bytes), std::vector<uint8_t>(static_cast<size_t>(bytes)));
    Put(buffer->data(), Pattern(bytes, 1));
    ASSERT_TRUE(backend().CopyOnDevice(other->data(), buffer->data(), bytes).ok());
    EXPECT_EQ(Get(other->data(), bytes), Pattern(bytes, 1));
  }
}

TEST_F(CudaDriverHardwareTest, ReservedMemoryGrowsInPlace) {
  const int64_t page = target().granularity;
  const auto buffer = backend().Reserve(9 * page - 1).value();
  auto* const data = static_cast<uint8_t*>(buffer->data());
  int64_t written = 0;
  for (const int64_t pages : {1, 2, 5, 9}) {
    ASSERT_TRUE(buffer->Commit((pages - 1) * page + 1).ok());
    EXPECT_EQ(buffer->committed_bytes(), pages * page);
    EXPECT_EQ(Get(data + written, pages * page - written),
              std::vector<uint8_t>(static_cast<size_t>(pages * page - written)));
    EXPECT_EQ(Get(data, written), Pattern(written, 3));
    written = pages * page;
    Put(data, Pattern(written, 3));
  }
}

TEST_F(CudaDriverHardwareTest, ARingMayEndWithinAPeriod) {
  const int64_t page = target().granularity;
  const auto ring = backend().ReserveRing(7 * page, 3 * page).value();
  ASSERT_TRUE(ring->Commit(page).ok());
  ASSERT_TRUE(ring->Commit(7 * page).ok());
  auto* const data = static_cast<uint8_t*>(ring->data());
  Put(data + 6 * page, Pattern(page, 5));
  EXPECT_EQ(Get(data, page), Pattern(page, 5));
  EXPECT_EQ(Get(data + 3 * page, page), Pattern(page, 5));
  Put(data + 2 * page + 100, Pattern(page, 6));  // Over the end of the period.
  EXPECT_EQ(Get(data + 5 * page + 100, page), Pattern(page, 6));
}

// More than is kept, so that memory is unmapped when the buffer goes.
TEST_F(CudaDriverHardwareTest, AddressesAreMappedAgainAfterTheyWereUnmapped) {
  const int64_t page = target().granularity, pages = target().kept_bytes / page + 1;
  void* place = nullptr;
  for (int round = 0; round < 2; ++round) {
    const auto buffer = backend().Reserve(pages * page).value();
    if (round == 0) place = buffer->data();
    EXPECT_EQ(buffer->data(), place);
    ASSERT_TRUE(buffer->Commit(page).ok());
    ASSERT_TRUE(buffer->Commit(pages * page).ok());
    auto* const last = static_cast<uint8_t*>(buffer->data()) + (pages - 1) * page;
    EXPECT_EQ(Get(last, page), std::vector<uint8_t>(static_cast<size_t>(page)));
    Put(last, Pattern(page, 7));
    EXPECT_EQ(Get(last, page), Pattern(page, 7));
  }
}

TEST_F(CudaDriverHardwareTest, AReplayedCaptureFollowsThePosition) {
  const HostTensor cache(kernels::DType::kFloat32, {64, 8}),
      row = HostTensor::Random(kernels::DType::kFloat32, {1, 8}, 3), positions(kernels::DType::kInt32, {1});
  Call write, iota;
  Fill(write, {cache, row}, {cache.First(4)}, {});
  Fill(iota, {}, {positions}, {{"start", int64_t{3}}});
  write.follows_past = iota.follows_past = true;
  ASSERT_TRUE(backend().BeginRecording(3).ok());
  ASSERT_TRUE(write.Launch("cache_write").ok());
  ASSERT_TRUE(iota.Launch("iota").ok());
  const auto recording = backend().EndRecording();
  ASSERT_TRUE(recording.ok()) << recording.status();
  std::vector<uint8_t> want = Get(write.inputs[0]);
  EXPECT_EQ(want, std::vector<uint8_t>(want.size())) << "launched while it was recorded";
  for (const int64_t past : {3, 17, 0, 63}) {
    ASSERT_TRUE(backend().Replay(**recording, past).ok());
    std::memcpy(want.data() + past * 32, row.View().data, 32);
    EXPECT_EQ(Get(write.inputs[0]), want);
    int32_t position = -1;
    std::memcpy(&position, Get(iota.outputs[0]).data(), sizeof(position));
    EXPECT_EQ(position, past);
  }
}

TEST_F(CudaDriverHardwareTest, MarksWithinARecordingAreSetByEveryReplay) {
  Call call;
  Fill(call, {HostTensor::Random(kernels::DType::kFloat32, {256, 256}, 4)},
       {HostTensor(kernels::DType::kFloat32, {256, 256})}, {});
  const auto start = backend().CreateMark().value(), middle = backend().CreateMark().value(),
             end = backend().CreateMark().value();
  ASSERT_TRUE(backend().BeginRecording(0).ok());
  ASSERT_TRUE(backend().SetMark(*start).ok());
  ASSERT_TRUE(call.Launch("neg").ok());
  ASSERT_TRUE(backend().SetMark(*middle).ok());
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(call.Launch("neg").ok());
  ASSERT_TRUE(backend().SetMark(*end).ok());
  const auto recording = backend().EndRecording();
  ASSERT_TRUE(recording.ok()) << recording.status();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(backend().Replay(**recording, 0).ok());
    ASSERT_TRUE(backend().Synchronize().ok());
    const double one = backend().SecondsBetween(*start, *middle).value(),
                 all = backend().SecondsBetween(*start, *end).value();
    EXPECT_GT(one, 0);
    EXPECT_GT(all, one);
    EXPECT_LT(all, 1);
  }
}

TEST_F(CudaDriverHardwareTest, CodeMadeAtRunTimeGivesWhatTheInterpreterGives) {
  FusedCase fused = FusedCaseOf("t0 = mul(x0, x1); t1 = reduce_sum(t0); t2 = div(t0, t1); return t2",
                                {{kernels::DType::kFloat32, {24, 512}}, {kernels::DType::kFloat32, {1, 512}}});
  Call call;
  Fill(call, fused.inputs, fused.NewOutputs(), fused.attributes());
  const auto record = [&] {
    EXPECT_TRUE(backend().BeginRecording(0).ok());
    EXPECT_TRUE(call.Launch("fused").ok());
    const auto recording = backend().EndRecording();
    EXPECT_TRUE(recording.ok()) << recording.status();
    EXPECT_TRUE(backend().Replay(**recording, 0).ok());
    return Get(call.outputs[0]);
  };
  const int64_t before = backend().CompileTimeNs();
  const std::vector<uint8_t> interpreted = record();  // Nothing is compiled within a capture.
  EXPECT_EQ(backend().CompileTimeNs(), before);
  EXPECT_NE(interpreted, std::vector<uint8_t>(interpreted.size()));
  ASSERT_TRUE(call.Launch("fused").ok());
  EXPECT_EQ(Get(call.outputs[0]), interpreted);
  EXPECT_EQ(record(), interpreted);  // Compiled by now, so it is captured.
  if (backend().CompileTimeNs() == before) GTEST_SKIP() << "nothing compiles here: " << backend().Describe().libraries;
}

TEST_F(CudaDriverHardwareTest, TheLibraryOfProductsWorksInACaptureToo) {
  Call ours, theirs;
  const std::vector<HostTensor> inputs = {HostTensor::Random(kernels::DType::kBFloat16, {128, 256}, 5),
                                          HostTensor::Random(kernels::DType::kBFloat16, {192, 256}, 6)};
  Fill(ours, inputs, {HostTensor(kernels::DType::kBFloat16, {128, 192})}, {{"tune_library", int64_t{0}}});
  Fill(theirs, inputs, {HostTensor(kernels::DType::kBFloat16, {128, 192})}, {{"tune_library", int64_t{1}}});
  const kernels::KernelArgs args = {
      .inputs = theirs.inputs, .outputs = theirs.outputs, .attributes = &theirs.attributes};
  bool there = false;
  for (const kernels::TuningParameter& parameter : backend().TuningSpace(*backend().FindKernel("linear").value(), args))
    there = there || parameter.name == "tune_library";
  if (!there) GTEST_SKIP() << "no library: " << backend().Describe().libraries;
  ASSERT_TRUE(ours.Launch("linear").ok());
  ASSERT_TRUE(theirs.Launch("linear").ok());
  const std::vector<uint8_t> outside = Get(theirs.outputs[0]), own = Get(ours.outputs[0]);
  const HostTensor a(kernels::DType::kBFloat16, {128, 192}), b(kernels::DType::kBFloat16, {128, 192});
  std::memcpy(a.View().data, outside.data(), outside.size());
  std::memcpy(b.View().data, own.data(), own.size());
  // Sums of 256 products below 1 are some 5; a rounding to bfloat16 of another order of summation is off by one step.
  for (int64_t i = 0; i < a.elements(); ++i) ASSERT_NEAR(a.At(i), b.At(i), 0.07) << i;

  Put(theirs.outputs[0].data, std::vector<uint8_t>(outside.size(), 0xff));
  ASSERT_TRUE(backend().BeginRecording(0).ok());
  ASSERT_TRUE(theirs.Launch("linear").ok());
  const auto recording = backend().EndRecording();
  ASSERT_TRUE(recording.ok()) << recording.status();
  ASSERT_TRUE(backend().Replay(**recording, 0).ok());
  EXPECT_EQ(Get(theirs.outputs[0]), outside);
}

// Blocks of one launch that meet in the workspace or the scratch, in whatever order they run.
TEST_F(CudaDriverHardwareTest, SplitProductsAreTheSameToTheBit) {
  Call call;
  Fill(call,
       {HostTensor::Random(kernels::DType::kBFloat16, {1, 4096}, 7),
        HostTensor::Random(kernels::DType::kBFloat16, {256, 4096}, 8)},
       {HostTensor(kernels::DType::kBFloat16, {1, 256})}, {{"tune_splits", int64_t{8}}, {"tune_warps", int64_t{2}}});
  ExpectSameBits("linear", call);
}

TEST_F(CudaDriverHardwareTest, QueriesKeysAndValuesAreTheSameToTheBit) {
  constexpr int64_t kWidth = 1024, kHeads = 8, kKvHeads = 2, kSize = 64, kRows = 16;
  constexpr kernels::DType kType = kernels::DType::kBFloat16;
  const HostTensor k_cache(kType, {kRows, kKvHeads, kSize}), v_cache(kType, {kRows, kKvHeads, kSize});
  for (const int64_t splits : {1, 4}) {
    Call call;
    Fill(call,
         {HostTensor::Random(kType, {1, kWidth}, 9), HostTensor::Random(kType, {kHeads * kSize, kWidth}, 10),
          HostTensor::Random(kType, {kKvHeads * kSize, kWidth}, 11),
          HostTensor::Random(kType, {kKvHeads * kSize, kWidth}, 12), HostTensor::Random(kType, {1, kSize}, 13),
          HostTensor::Random(kType, {1, kSize}, 14), k_cache, v_cache, HostTensor::Random(kType, {kSize}, 15),
          HostTensor::Random(kType, {kSize}, 16), HostTensor::Random(kType, {kWidth}, 17)},
         {HostTensor(kType, {1, kHeads, kSize}), k_cache.First(6), v_cache.First(6)},
         {{"has_bias", int64_t{0}},
          {"has_head_norm", int64_t{1}},
          {"has_norm", int64_t{1}},
          {"eps", 1e-5},
          {"head_eps", 1e-5},
          {"tune_splits", splits}});
    ExpectSameBits("qkv_rope_cache", call);
  }
}

TEST_F(CudaDriverHardwareTest, AttentionOverALongCacheIsTheSameToTheBit) {
  Call call;
  Fill(call,
       {HostTensor::Random(kernels::DType::kBFloat16, {1, 8, 64}, 18, -2, 2),
        HostTensor::Random(kernels::DType::kBFloat16, {1500, 2, 64}, 19, -2, 2),
        HostTensor::Random(kernels::DType::kBFloat16, {1500, 2, 64}, 20)},
       {HostTensor(kernels::DType::kBFloat16, {1, 8, 64})}, {{"scale", 0.125}, {"window", int64_t{0}}});
  ExpectSameBits("attention", call);
}

TEST_F(CudaDriverHardwareTest, DrawsAreTheSame) {
  const runtime::SamplingOptions options = {
      .repetition_penalty = 1.2, .temperature = 1, .top_k = 50, .top_p = 0.9, .seed = 21};
  const HostTensor logits = HostTensor::Random(kernels::DType::kFloat32, {32'000}, 22, -5, 5);
  const Drawn start = {.sequence = {5, 17, -1, -1}, .length = 2, .state = options.seed};
  const Drawn want = DrawOnHost(options, logits, 32'000, start);
  for (int repeat = 0; repeat < target().repeats; ++repeat) {
    DeviceDraw device(backend(), /*copies=*/true, start);
    ASSERT_TRUE(backend().Draw(device.With(options, logits, 32'000)).ok());
    ASSERT_EQ(device.Fetch(), want) << "repeat " << repeat;
  }
}

}  // namespace
}  // namespace metronome::testing
