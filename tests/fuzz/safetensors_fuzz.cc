// A safetensors file: eight bytes of length, a header in JSON, data.
#include <cstring>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "runtime/weights/safetensors.h"
#include "runtime/weights/safetensors_header.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/mutate/json.h"
#include "tests/temp_directory.h"

namespace metronome::fuzz {
namespace {

constexpr size_t kLengthBytes = 8;

std::string File(const std::string& header, size_t data_bytes) {
  const uint64_t length = header.size();
  std::string file(kLengthBytes, '\0');
  std::memcpy(file.data(), &length, kLengthBytes);
  return file + header + std::string(data_bytes, 'd');
}

// What a header says must be inside the data, and no tensor's bytes another's.
void CheckHeader(absl::string_view file) {
  if (file.size() < kLengthBytes) return;
  const int64_t data_bytes = static_cast<uint8_t>(file[0]) * int64_t{16};
  const auto entries = runtime::ParseSafetensorsHeader(file.substr(kLengthBytes), data_bytes);
  if (!entries.ok()) return;
  int64_t end = 0;
  for (const runtime::TensorEntry& entry : *entries) {
    Require(entry.begin >= end && entry.bytes >= 0 && entry.bytes <= data_bytes - entry.begin,
            absl::StrCat("tensor ", entry.name, " lies outside the file or over another"));
    Require(entry.shape.size() <= runtime::kMaxTensorRank, "a shape of too many sizes");
    end = entry.begin + entry.bytes;
  }
}

// Every byte and every value of a file that was opened can be read.
void ReadAll(const runtime::SafetensorsFile& file) {
  for (const auto& [name, tensor] : file.tensors()) {
    uint8_t sum = 0;
    for (int64_t i = 0; i < tensor.bytes; ++i) sum += static_cast<const uint8_t*>(tensor.data)[i];
    volatile uint8_t kept = sum;
    (void)kept;
    if (!tensor.is_float()) continue;
    std::vector<float> values(static_cast<size_t>(tensor.elements()));
    tensor.Convert(0, tensor.elements(), values.data(), kernels::DType::kFloat32);
  }
}

}  // namespace

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds = {
      File("{}", 0),
      File(R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})", 24),
      File(
          R"({"a":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]},"b":{"dtype":"F64","shape":[],"data_offsets":[8,16]},)"
          R"("c":{"dtype":"I64","shape":[0,7],"data_offsets":[16,16]},"d":{"dtype":"F16","shape":[1,1],"data_offsets":[16,18]}})",
          18)};
  for (const char* model : {"llama-untied", "qwen3-moe-fused"}) {
    const std::string file = ReadGolden(std::string("models/") + model + "/model.safetensors");
    uint64_t length = 0;
    std::memcpy(&length, file.data(), kLengthBytes);
    seeds.push_back(File(file.substr(kLengthBytes, length), 64));
  }
  return seeds;
}

}  // namespace metronome::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace metronome;
  static const TempDirectory& directory = *new TempDirectory();
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  fuzz::CheckHeader(bytes);
  const auto file = runtime::SafetensorsFile::Open(directory.Write("model.safetensors", bytes));
  if (file.ok()) fuzz::ReadAll(**file);
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int seed) {
  using namespace metronome::fuzz;
  Random random(seed);
  const std::string file(reinterpret_cast<const char*>(data), size);
  uint64_t length = 0;
  if (size >= kLengthBytes) std::memcpy(&length, data, kLengthBytes);
  if (size < kLengthBytes || length > size - kLengthBytes || random.OneIn(4))
    return LLVMFuzzerMutate(data, size, max_size);
  static const auto& words = *new std::vector<std::string>{
      "dtype", "shape", "data_offsets", "__metadata__", "F32", "BF16", "F16", "F64", "I64", "F8_E4M3", "BOOL"};
  const std::string header = MutateJson(file.substr(kLengthBytes, length), words, random);
  // Mostly the data stay whole, so that offsets in the header go on fitting.
  const size_t data_bytes = random.OneIn(8) ? random.Below(100) : size - kLengthBytes - length;
  return Give(File(header, data_bytes), data, max_size);
}
