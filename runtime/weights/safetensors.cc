#include "runtime/weights/safetensors.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "runtime/base/json_depth.h"
#include "runtime/base/regular_file.h"
#include "runtime/base/status_macros.h"
#include "runtime/weights/safetensors_header.h"

namespace metronome {
namespace {

using Json = nlohmann::json;

constexpr int64_t kLengthBytes = 8;
constexpr int64_t kMaxHeaderBytes = 100'000'000;  // The format's own limit.

absl::StatusOr<Json> ReadJson(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadRegularFile(path, kMaxHeaderBytes));
  RETURN_IF_ERROR(CheckJsonDepth(text, path));
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return absl::InvalidArgumentError(absl::StrCat(path, " is not JSON"));
  return json;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SafetensorsFile>> SafetensorsFile::Open(const std::string& path) {
  ASSIGN_OR_RETURN(const RegularFile opened, RegularFile::Open(path, INT64_MAX));
  if (opened.bytes() < kLengthBytes)
    return absl::InvalidArgumentError(absl::StrCat(path, " is shorter than the 8 bytes of a header length"));
  void* data = mmap(nullptr, static_cast<size_t>(opened.bytes()), PROT_READ, MAP_PRIVATE, opened.descriptor(), 0);
  if (data == MAP_FAILED)
    return absl::ResourceExhaustedError(absl::StrCat("cannot map ", path, ": ", std::strerror(errno)));
  auto file =
      std::unique_ptr<SafetensorsFile>(new SafetensorsFile(path, static_cast<const std::byte*>(data), opened.bytes()));
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
  const int64_t data_begin = kLengthBytes + static_cast<int64_t>(length);
  absl::StatusOr<std::vector<TensorEntry>> entries = ParseSafetensorsHeader({text, length}, size_ - data_begin);
  if (!entries.ok()) return absl::InvalidArgumentError(absl::StrCat(path_, ": ", entries.status().message()));
  tensors_.reserve(entries->size());
  for (TensorEntry& entry : *entries) {
    tensors_.emplace(std::move(entry.name), StoredTensor{.dtype = entry.dtype,
                                                         .dtype_code = std::move(entry.dtype_code),
                                                         .shape = std::move(entry.shape),
                                                         .data = data_ + data_begin + entry.begin,
                                                         .bytes = entry.bytes});
  }
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
