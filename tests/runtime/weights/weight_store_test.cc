#include "runtime/weights/weight_store.h"

#include <cstring>
#include <fstream>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/base/memory_shortage.h"
#include "kernels/cpu/cpu_backend.h"
#include "tests/runtime/weights/safetensors_file.h"

namespace metronome::runtime {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class WeightStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    auto backend = kernels::CreateCpuBackend({.threads = 2});
    ASSERT_TRUE(backend.ok());
    backend_ = *std::move(backend);
    const float values[] = {1.0f, -2.5f, 3.14159f, 65504.0f, 1e-7f, -0.0f};
    WriteFile(
        directory_.File("model.safetensors"),
        Safetensors(
            R"({"model.a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},"model.ids":{"dtype":"I64","shape":[1],"data_offsets":[24,32]}})",
            std::string(reinterpret_cast<const char*>(values), sizeof(values)) + std::string(8, '\0')));
  }

  absl::StatusOr<std::unique_ptr<WeightStore>> Load(const WeightSpec& spec) {
    return WeightStore::Load(*backend_, {spec}, CheckpointDirectory{directory_.path()});
  }

  TempDirectory directory_;
  std::unique_ptr<kernels::Backend> backend_;
};

TEST_F(WeightStoreTest, SameDtypeIsServedFromTheFileUnderItsPrefix) {
  const auto store = Load({"a", kernels::DType::kFloat32, {2, 3}});
  ASSERT_TRUE(store.ok()) << store.status();
  const auto view = (*store)->Get("a");
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(static_cast<const float*>(view->data)[2], 3.14159f);
  EXPECT_EQ((*store)->bytes(), 24);
  EXPECT_THAT((*store)->provenance(), HasSubstr("safetensors:metronome_test_"));
  EXPECT_EQ((*store)->Get("b").status().code(), absl::StatusCode::kNotFound);
}

// Headers are of any length, so data may start anywhere.
TEST_F(WeightStoreTest, TensorsAreAlignedWhereverTheFileHasThem) {
  for (int padding = 0; padding < 4; ++padding) {
    const float values[] = {1.25f, -7.0f};
    WriteFile(directory_.File("model.safetensors"),
              Safetensors(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})" + std::string(padding, ' '),
                          std::string(reinterpret_cast<const char*>(values), sizeof(values))));
    const auto store = Load({"a", kernels::DType::kFloat32, {2}});
    ASSERT_TRUE(store.ok()) << store.status();
    const void* data = (*store)->Get("a")->data;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % alignof(float), 0u);
    EXPECT_EQ(std::memcmp(data, values, sizeof(values)), 0);
  }
}

TEST_F(WeightStoreTest, OtherDtypesAreRounded) {
  const auto bf16 = Load({"a", kernels::DType::kBFloat16, {2, 3}});
  const auto f16 = Load({"a", kernels::DType::kFloat16, {2, 3}});
  ASSERT_TRUE(bf16.ok() && f16.ok());
  EXPECT_EQ(static_cast<const kernels::BFloat16*>((*bf16)->Get("a")->data)[2].bits, kernels::BFloat16(3.14159f).bits);
  EXPECT_EQ(static_cast<const kernels::Float16*>((*f16)->Get("a")->data)[4].bits, kernels::Float16(1e-7f).bits);
}

// Kibibytes of mapped files in memory, as counted in this process's peak.
int64_t ResidentFileKibibytes() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("RssFile:", 0) == 0) return std::stoll(line.substr(8));
  }
  return -1;
}

// Once converted, the file's own pages would double the memory of a model. 64 MiB of float32; a quarter leaves room for
// what else the process maps.
TEST_F(WeightStoreTest, ConvertedTensorsDoNotKeepTheirFileResident) {
  constexpr int64_t kElements = int64_t{16} << 20;
  WriteFile(directory_.File("model.safetensors"),
            Safetensors(R"({"a":{"dtype":"F32","shape":[16777216],"data_offsets":[0,67108864]}})",
                        std::string(kElements * 4, '\x3f')));
  const int64_t before = ResidentFileKibibytes();
  ASSERT_GE(before, 0);

  const auto store = Load({"a", kernels::DType::kBFloat16, {kElements}});

  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_LT(ResidentFileKibibytes() - before, 16 * 1024);
  const auto* values = static_cast<const kernels::BFloat16*>((*store)->Get("a")->data);
  EXPECT_EQ(values[0].bits, 0x3f3f);
  EXPECT_EQ(values[kElements - 1].bits, 0x3f3f);
}

TEST_F(WeightStoreTest, WrongShapeNamesBoth) {
  const auto store = Load({"a", kernels::DType::kFloat32, {3, 2}});
  EXPECT_EQ(store.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(store.status().message(), AllOf(HasSubstr("tensor a"), HasSubstr("[2, 3]"), HasSubstr("[3, 2]")));
}

TEST_F(WeightStoreTest, MissingTensorNamesWhatWasTried) {
  const auto store = Load({"z.weight", kernels::DType::kFloat32, {1}});
  EXPECT_EQ(store.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(store.status().message(), AllOf(HasSubstr("z.weight or model.z.weight"), HasSubstr(directory_.path())));
}

TEST_F(WeightStoreTest, ATypeThatIsNoFloatIsRefused) {
  const auto store = Load({"ids", kernels::DType::kFloat32, {1}});
  EXPECT_EQ(store.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(store.status().message(), HasSubstr("I64"));
}

// As PyTorch's double to bfloat16 and float16: by way of float32.
TEST_F(WeightStoreTest, DoublesAreConvertedByWayOfFloat32) {
  // 1 + 2^-8 + 2^-40 lies just above the middle of two bfloat16 values and rounds up; as float32 it is the middle, and
  // goes to the even one below.
  const double values[] = {1.0 + 0x1p-8 + 0x1p-40, -2.5, 1e300, 0.1};
  WriteFile(directory_.File("model.safetensors"),
            Safetensors(R"({"a":{"dtype":"F64","shape":[4],"data_offsets":[0,32]}})",
                        std::string(reinterpret_cast<const char*>(values), sizeof(values))));
  const auto f32 = Load({"a", kernels::DType::kFloat32, {4}}), bf16 = Load({"a", kernels::DType::kBFloat16, {4}}),
             f16 = Load({"a", kernels::DType::kFloat16, {4}});
  ASSERT_TRUE(f32.ok() && bf16.ok() && f16.ok());
  const auto* single = static_cast<const float*>((*f32)->Get("a")->data);
  EXPECT_EQ(single[1], -2.5f);
  EXPECT_EQ(single[2], std::numeric_limits<float>::infinity());
  EXPECT_EQ(single[3], 0.1f);
  EXPECT_EQ(static_cast<const kernels::BFloat16*>((*bf16)->Get("a")->data)[0].bits, kernels::BFloat16(1.0f).bits);
  EXPECT_EQ(static_cast<const kernels::Float16*>((*f16)->Get("a")->data)[3].bits, kernels::Float16(0.1f).bits);
}

TEST_F(WeightStoreTest, QuantisedTypesAreRefusedByName) {
  for (const char* dtype : {"I8", "F8_E4M3", "U8"}) {
    WriteFile(
        directory_.File("model.safetensors"),
        Safetensors(std::string(R"({"a":{"dtype":")") + dtype + R"(","shape":[4],"data_offsets":[0,4]}})", "abcd"));
    const auto store = Load({"a", kernels::DType::kFloat32, {4}});
    EXPECT_EQ(store.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(store.status().message(), HasSubstr(dtype));
  }
}

// Wrapped and bare names may both be there; the one that the class reads counts.
TEST_F(WeightStoreTest, OnlyNamesOfTheModelsClassCount) {
  const float values[] = {1, 2};
  WriteFile(
      directory_.File("model.safetensors"),
      Safetensors(
          R"({"model.a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"model.language_model.a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
          std::string(reinterpret_cast<const char*>(values), sizeof(values))));
  for (const auto& [naming, value] : {std::pair(TensorNaming::kText, 1.0f), std::pair(TensorNaming::kWrapped, 2.0f)}) {
    const auto store = WeightStore::Load(*backend_, {{"a", kernels::DType::kFloat32, {1}}},
                                         CheckpointDirectory{.path = directory_.path(), .naming = naming});
    ASSERT_TRUE(store.ok()) << store.status();
    EXPECT_EQ(*static_cast<const float*>((*store)->Get("a")->data), value);
  }
}

TEST_F(WeightStoreTest, MoreThanMemoryIsRefusedWithBothNumbersBeforeAllocating) {
  const WeightSpec spec = {"w", kernels::DType::kFloat32, {int64_t{1} << 24, int64_t{1} << 22}};
  const auto store = WeightStore::Load(*backend_, {spec}, SyntheticWeights{1});
  EXPECT_EQ(store.status().code(), absl::StatusCode::kResourceExhausted);
  const auto shortage = ShortageOf(store.status());
  ASSERT_TRUE(shortage.has_value());
  EXPECT_EQ(shortage->bytes_needed, int64_t{1} << 48);
  EXPECT_GT(shortage->bytes_available, 0);
  EXPECT_THAT(store.status().message(), AllOf(HasSubstr("281474976710656 bytes"), HasSubstr("available")));
}

TEST_F(WeightStoreTest, SyntheticWeightsDoNotDependOnThreads) {
  const WeightSpec spec = {"w", kernels::DType::kBFloat16, {1201, 1777}};
  const auto one = WeightStore::Load(*backend_, {spec}, SyntheticWeights{9}, {.threads = 1});
  const auto three = WeightStore::Load(*backend_, {spec}, SyntheticWeights{9}, {.threads = 3});
  ASSERT_TRUE(one.ok() && three.ok());
  EXPECT_EQ(std::memcmp((*one)->Get("w")->data, (*three)->Get("w")->data, 1201 * 1777 * 2), 0);
  EXPECT_EQ((*one)->provenance(), "synthetic:9");
}

TEST_F(WeightStoreTest, ProgressReachesOne) {
  std::vector<double> fractions;
  WeightLoadOptions options;
  options.on_progress = [&](double fraction) { fractions.push_back(fraction); };
  const WeightSpec specs[] = {{"v", kernels::DType::kFloat32, {3}}, {"w", kernels::DType::kFloat32, {5}}};
  ASSERT_TRUE(WeightStore::Load(*backend_, specs, SyntheticWeights{9}, options).ok());
  EXPECT_THAT(fractions, testing::ElementsAre(3.0 / 8, 1.0));
}

}  // namespace
}  // namespace metronome::runtime
