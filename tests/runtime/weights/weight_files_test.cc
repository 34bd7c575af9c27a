#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "kernels/cpu/cpu_backend.h"
#include "kernels/interface/convert.h"
#include "runtime/files/regular_file.h"
#include "runtime/weights/tied_head.h"
#include "runtime/weights/weight_store.h"
#include "tests/runtime/weights/safetensors_file.h"

namespace metronome::runtime {
namespace {

using Json = nlohmann::json;

// Writes a safetensors file of tensors that are filled with one value each: {name: [dtype, value]}.
void WriteFilled(const std::string& path, const Json& tensors) {
  Json header = Json::object();
  std::string data;
  for (const auto& [name, tensor] : tensors.items()) {
    const std::string dtype = tensor[0];
    const auto value = tensor[1].get<double>();
    const float single = static_cast<float>(value);
    const bool is_norm = name.find("norm") != std::string::npos;
    const size_t begin = data.size();
    for (int i = 0; i < (is_norm ? 4 : 16); ++i) {
      char element[8];
      size_t size = sizeof(value);
      std::memcpy(element, &value, size);
      if (dtype != "F64") {
        kernels::ConvertElements(&single, kernels::DType::kFloat32, element, *kernels::ParseDType(dtype), 1);
        size = kernels::SizeOf(*kernels::ParseDType(dtype));
      }
      data.append(element, size);
    }
    header[name] = {{"dtype", dtype},
                    {"shape", is_norm ? Json::array({4}) : Json::array({4, 4})},
                    {"data_offsets", {begin, data.size()}}};
  }
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  WriteFile(path, Safetensors(header.dump(), data));
}

// The values of the embedding table, the norm and the head, as a model of this config has them.
absl::StatusOr<std::vector<float>> LoadValues(kernels::Backend& backend, const std::string& directory, bool wrapped,
                                              bool tied) {
  CheckpointDirectory source = {.path = directory, .naming = wrapped ? TensorNaming::kWrapped : TensorNaming::kText};
  if (tied) {
    const auto opened = SafetensorsDirectory::Open(directory);
    if (!opened.ok()) return opened.status();
    const absl::StatusOr<StoredHead> head = CompareStoredHead(**opened, source.naming, kernels::DType::kFloat32, 1);
    if (!head.ok()) return head.status();
    tied = *head != StoredHead::kDifferent;
    source.table_is_head = *head == StoredHead::kAlone;
  }
  std::vector<WeightSpec> specs = {{"embed_tokens.weight", kernels::DType::kFloat32, {4, 4}},
                                   {"norm.weight", kernels::DType::kFloat32, {4}}};
  if (!tied) specs.push_back({"lm_head.weight", kernels::DType::kFloat32, {4, 4}});
  const auto store = WeightStore::Load(backend, specs, source);
  if (!store.ok()) return store.status();
  std::vector<float> values;
  for (const char* name : {"embed_tokens.weight", "norm.weight", tied ? "embed_tokens.weight" : "lm_head.weight"})
    values.push_back(static_cast<const float*>((*store)->Get(name)->data)[3]);
  return values;
}

// Directories of every layout, with the values that transformers takes from them (tests/golden/checkpoints).
TEST(WeightFilesTest, TheTensorsThatTransformersTakesAreTaken) {
  const auto backend = kernels::CreateCpuBackend({.threads = 1});
  ASSERT_TRUE(backend.ok());
  const auto text = ReadRegularFile(std::string(METRONOME_GOLDEN_DIR) + "/checkpoints/weight_files.json", 1 << 20);
  ASSERT_TRUE(text.ok()) << text.status();
  const Json cases = Json::parse(*text)["cases"];
  ASSERT_GE(cases.size(), 200u);
  for (const Json& one : cases) {
    const TempDirectory directory;
    for (const auto& [name, tensors] : one["files"].items()) WriteFilled(directory.File(name), tensors);
    if (!one["index"].is_null()) {
      directory.Write("model.safetensors.index.json",
                      Json{{"metadata", Json::object()}, {"weight_map", one["index"]}}.dump());
    }

    const auto values = LoadValues(**backend, directory.path(), one["wrapped"], one["tied"]);

    SCOPED_TRACE(absl::StrCat(one.dump(), " -> ", values.status().ToString()));
    const Json& expected = one["weights"];
    if (expected == "clash") {
      EXPECT_FALSE(values.ok());
    } else if (expected.is_string() || std::count(expected.begin(), expected.end(), Json()) > 0) {
      EXPECT_EQ(values.status().code(), absl::StatusCode::kNotFound);
    } else {
      ASSERT_TRUE(values.ok());
      EXPECT_EQ(*values, expected.get<std::vector<float>>());
    }
  }
}

}  // namespace
}  // namespace metronome::runtime
