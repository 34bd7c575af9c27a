#include "runtime/weights/safetensors.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/status_macros.h"

namespace metronome {
namespace {

using Json = nlohmann::json;

constexpr int64_t kLengthBytes = 8;
constexpr int64_t kMaxHeaderBytes = 100'000'000;  // The format's own limit.

// Bits of one element for the codes of the format, so that ranges can be checked even for types we do not read. 0 for
// unknown codes.
int64_t ElementBits(absl::string_view code) {
  if (code == "F4") return 4;
  if (code == "BOOL" || code == "U8" || code == "I8" || absl::StartsWith(code, "F8")) return 8;
  if (code == "F16" || code == "BF16" || code == "I16" || code == "U16") return 16;
  if (code == "F32" || code == "I32" || code == "U32") return 32;
  if (code == "F64" || code == "I64" || code == "U64" || code == "C64") return 64;
  return 0;
}

absl::StatusOr<std::vector<int64_t>> NonNegativeIntegers(const Json& json) {
  if (!json.is_array()) return absl::InvalidArgumentError("is not an array");
  std::vector<int64_t> values;
  for (const Json& element : json) {
    if (!element.is_number_unsigned() || element.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX)) {
      return absl::InvalidArgumentError("holds something other than a non-negative integer");
    }
    values.push_back(static_cast<int64_t>(element.get<uint64_t>()));
  }
  return values;
}

struct HeaderEntry {
  StoredTensor tensor;
  int64_t begin = 0;  // Relative to the end of the header.
};

// `data_bytes` is the size of the file after its header.
absl::StatusOr<HeaderEntry> ParseEntry(const Json& json, int64_t data_bytes) {
  if (!json.is_object() || !json.contains("dtype") || !json.contains("shape") || !json.contains("data_offsets") ||
      !json["dtype"].is_string()) {
    return absl::InvalidArgumentError("lacks dtype, shape or data_offsets");
  }
  HeaderEntry entry;
  entry.tensor.dtype_code = json["dtype"].get<std::string>();
  entry.tensor.dtype = ParseDType(entry.tensor.dtype_code);
  const int64_t bits = ElementBits(entry.tensor.dtype_code);
  if (bits == 0) return absl::InvalidArgumentError(absl::StrCat("has unknown dtype '", entry.tensor.dtype_code, "'"));
  absl::StatusOr<std::vector<int64_t>> shape = NonNegativeIntegers(json["shape"]);
  if (!shape.ok()) return absl::InvalidArgumentError(absl::StrCat("shape ", shape.status().message()));
  absl::StatusOr<std::vector<int64_t>> offsets = NonNegativeIntegers(json["data_offsets"]);
  if (!offsets.ok()) return absl::InvalidArgumentError(absl::StrCat("data_offsets ", offsets.status().message()));
  if (offsets->size() != 2 || (*offsets)[0] > (*offsets)[1])
    return absl::InvalidArgumentError("data_offsets are not [begin, end]");
  const int64_t begin = (*offsets)[0], end = (*offsets)[1];
  if (end > data_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("ends at offset ", end, ", past the ", data_bytes, " data bytes of the file"));
  }
  int64_t total_bits = bits;
  for (int64_t size : *shape) {
    if (__builtin_mul_overflow(total_bits, size, &total_bits))
      return absl::InvalidArgumentError("has a shape that overflows");
  }
  const int64_t bytes = total_bits / 8 + (total_bits % 8 == 0 ? 0 : 1);
  if (bytes != end - begin) {
    return absl::InvalidArgumentError(absl::StrCat("spans ", end - begin, " bytes, but ", entry.tensor.dtype_code, " [",
                                                   absl::StrJoin(*shape, ", "), "] takes ", bytes));
  }
  entry.tensor.shape = *std::move(shape);
  entry.tensor.bytes = end - begin;
  entry.begin = begin;
  return entry;
}

absl::StatusOr<Json> ReadJson(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error))
    return absl::InvalidArgumentError(absl::StrCat(path, " is not a regular file"));
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot open ", path));
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return absl::InvalidArgumentError(absl::StrCat(path, " is not JSON"));
  return json;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SafetensorsFile>> SafetensorsFile::Open(const std::string& path) {
  // O_NONBLOCK: a pipe in the file's place must be refused, not waited for.
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return absl::NotFoundError(absl::StrCat("cannot open ", path, ": ", std::strerror(errno)));
  struct stat status = {};
  const bool regular = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  if (!regular || status.st_size < kLengthBytes) {
    close(descriptor);
    return absl::InvalidArgumentError(
        absl::StrCat(path, regular ? " is shorter than the 8 bytes of a header length" : " is not a regular file"));
  }
  void* data = mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0);
  close(descriptor);
  if (data == MAP_FAILED)
    return absl::ResourceExhaustedError(absl::StrCat("cannot map ", path, ": ", std::strerror(errno)));
  auto file =
      std::unique_ptr<SafetensorsFile>(new SafetensorsFile(path, static_cast<const std::byte*>(data), status.st_size));
  RETURN_IF_ERROR(file->ParseHeader());
  return file;
}

SafetensorsFile::~SafetensorsFile() { munmap(const_cast<std::byte*>(data_), static_cast<size_t>(size_)); }

absl::Status SafetensorsFile::ParseHeader() {
  uint64_t length = 0;
  for (int i = 0; i < kLengthBytes; ++i) length |= static_cast<uint64_t>(data_[i]) << (8 * i);
  if (length > static_cast<uint64_t>(std::min(size_ - kLengthBytes, kMaxHeaderBytes))) {
    return absl::InvalidArgumentError(absl::StrCat(path_, ": header of ", length, " bytes does not fit a file of ",
                                                   size_, " or the limit of ", kMaxHeaderBytes));
  }
  const auto* text = reinterpret_cast<const char*>(data_ + kLengthBytes);
  // A JSON object keeps the last of equal names; which of two tensors is meant must not be guessed.
  absl::flat_hash_set<std::string> names;
  std::string duplicate;
  const Json::parser_callback_t note_names = [&](int depth, Json::parse_event_t event, Json& key) {
    if (depth == 1 && event == Json::parse_event_t::key && !names.insert(key.get<std::string>()).second)
      duplicate = key.get<std::string>();
    return true;
  };
  const Json header = Json::parse(text, text + length, note_names, /*allow_exceptions=*/false);
  if (!header.is_object())
    return absl::InvalidArgumentError(
        absl::StrCat(path_, ": the header of ", length, " bytes at offset 8 is no JSON object"));
  if (!duplicate.empty())
    return absl::InvalidArgumentError(absl::StrCat(path_, ": the header names tensor '", duplicate, "' twice"));

  const int64_t data_begin = kLengthBytes + static_cast<int64_t>(length);
  std::vector<std::pair<HeaderEntry, std::string>> entries;
  for (const auto& [name, value] : header.items()) {
    if (name == "__metadata__") continue;
    absl::StatusOr<HeaderEntry> entry = ParseEntry(value, size_ - data_begin);
    if (!entry.ok())
      return absl::InvalidArgumentError(absl::StrCat(path_, ": tensor '", name, "' ", entry.status().message()));
    entry->tensor.data = data_ + data_begin + entry->begin;
    entries.emplace_back(*std::move(entry), name);
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first.begin, a.first.tensor.bytes) < std::pair(b.first.begin, b.first.tensor.bytes);
  });
  for (size_t i = 0; i < entries.size(); ++i) {
    if (i > 0 && entries[i].first.begin < entries[i - 1].first.begin + entries[i - 1].first.tensor.bytes) {
      return absl::InvalidArgumentError(absl::StrCat(path_, ": tensor '", entries[i].second, "' at offset ",
                                                     entries[i].first.begin, " overlaps '", entries[i - 1].second,
                                                     "'"));
    }
  }
  for (auto& [entry, name] : entries) tensors_.emplace(std::move(name), std::move(entry.tensor));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<SafetensorsDirectory>> SafetensorsDirectory::Open(const std::string& directory) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(directory, error)) return absl::NotFoundError(absl::StrCat("no directory ", directory));
  auto result = std::make_unique<SafetensorsDirectory>();
  result->path_ = directory;
  const std::string index_path = absl::StrCat(directory, "/model.safetensors.index.json");
  if (!fs::exists(index_path, error)) {
    const std::string path = absl::StrCat(directory, "/model.safetensors");
    if (!fs::exists(path, error))
      return absl::NotFoundError(absl::StrCat("no model.safetensors or model.safetensors.index.json in ", directory));
    ASSIGN_OR_RETURN(std::unique_ptr<SafetensorsFile> file, SafetensorsFile::Open(path));
    for (const auto& [name, tensor] : file->tensors()) result->tensors_.emplace(name, &tensor);
    result->files_.push_back(std::move(file));
    return result;
  }

  ASSIGN_OR_RETURN(const Json index, ReadJson(index_path));
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(index_path, " has no weight_map object"));
  }
  absl::flat_hash_map<std::string, const SafetensorsFile*> shards;
  for (const auto& [name, value] : index["weight_map"].items()) {
    const std::string shard = value.is_string() ? value.get<std::string>() : "";
    if (shard.empty() || shard == "." || shard == ".." || absl::StrContains(shard, '/')) {
      return absl::InvalidArgumentError(
          absl::StrCat(index_path, ": tensor '", name, "' lies in '", shard, "', which is no file name"));
    }
    const SafetensorsFile*& file = shards[shard];
    if (file == nullptr) {
      ASSIGN_OR_RETURN(std::unique_ptr<SafetensorsFile> opened,
                       SafetensorsFile::Open(absl::StrCat(directory, "/", shard)));
      file = opened.get();
      result->files_.push_back(std::move(opened));
    }
    const auto found = file->tensors().find(name);
    if (found == file->tensors().end()) {
      return absl::InvalidArgumentError(absl::StrCat(index_path, ": shard ", shard, " has no tensor '", name, "'"));
    }
    result->tensors_.emplace(name, &found->second);
  }
  return result;
}

absl::StatusOr<const StoredTensor*> SafetensorsDirectory::Find(absl::Span<const std::string> names) const {
  for (const std::string& name : names) {
    if (const auto found = tensors_.find(name); found != tensors_.end()) return found->second;
  }
  return absl::NotFoundError(absl::StrCat("no tensor ", absl::StrJoin(names, " or "), " in ", path_));
}

}  // namespace metronome
