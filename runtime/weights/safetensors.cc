#include "runtime/weights/safetensors.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernels/base/status_macros.h"
#include "kernels/interface/convert.h"
#include "runtime/weights/safetensors_header.h"

namespace metronome::runtime {
namespace {

constexpr int64_t kLengthBytes = 8;
constexpr int64_t kMaxHeaderBytes = 100'000'000;  // The format's own limit.

}  // namespace

int64_t StoredTensor::elements() const {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

int64_t StoredTensor::element_bytes() const {
  return is_float64() ? static_cast<int64_t>(sizeof(double)) : static_cast<int64_t>(kernels::SizeOf(*dtype));
}

void StoredTensor::Convert(int64_t begin, int64_t end, void* to, kernels::DType to_dtype) const {
  const void* const from = static_cast<const std::byte*>(data) + begin * element_bytes();
  if (is_float64()) {
    kernels::ConvertFloat64Elements(from, to, to_dtype, end - begin);
  } else {
    kernels::ConvertElements(from, *dtype, to, to_dtype, end - begin);
  }
}

absl::StatusOr<std::unique_ptr<SafetensorsFile>> SafetensorsFile::Open(const std::string& path, const PathRoots* roots,
                                                                       const CancelToken& token) {
  ASSIGN_OR_RETURN(std::unique_ptr<MappedFile> mapped, MappedFile::Open(path, roots));
  if (mapped->size() < kLengthBytes)
    return absl::InvalidArgumentError(absl::StrCat(path, " is shorter than the 8 bytes of a header length"));
  auto file = std::unique_ptr<SafetensorsFile>(new SafetensorsFile(std::move(mapped)));
  const absl::Status parsed = file->ParseHeader(token);
  RETURN_IF_ERROR(file->file().CheckReadable());
  RETURN_IF_ERROR(parsed);
  return file;
}

absl::Status SafetensorsFile::ParseHeader(const CancelToken& token) {
  const std::byte* const data = file_->data();
  const int64_t size = file_->size();
  const std::string& path = file_->path();
  uint64_t length = 0;
  for (int i = 0; i < kLengthBytes; ++i) length |= static_cast<uint64_t>(data[i]) << (8 * i);
  if (length > static_cast<uint64_t>(std::min(size - kLengthBytes, kMaxHeaderBytes))) {
    // Without the length: its bytes may be those of any file.
    return absl::InvalidArgumentError(absl::StrCat(path, " begins with a length of its header that fits neither ", size,
                                                   " bytes of file nor the limit of ", kMaxHeaderBytes));
  }
  const auto* text = reinterpret_cast<const char*>(data + kLengthBytes);
  const int64_t data_begin = kLengthBytes + static_cast<int64_t>(length);
  absl::StatusOr<std::vector<TensorEntry>> entries = ParseSafetensorsHeader({text, length}, size - data_begin, token);
  if (!entries.ok() && !absl::IsInvalidArgument(entries.status())) return entries.status();
  if (!entries.ok()) return absl::InvalidArgumentError(absl::StrCat(path, ": ", entries.status().message()));
  tensors_.reserve(entries->size());
  for (TensorEntry& entry : *entries) {
    RETURN_IF_ERROR(token.CheckSometimes());
    tensors_.emplace(std::move(entry.name), StoredTensor{.dtype = entry.dtype,
                                                         .dtype_code = std::move(entry.dtype_code),
                                                         .shape = std::move(entry.shape),
                                                         .data = data + data_begin + entry.begin,
                                                         .bytes = entry.bytes});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<SafetensorsDirectory>> SafetensorsDirectory::Open(const std::string& directory,
                                                                                 const CancelToken& token) {
  ASSIGN_OR_RETURN(const CheckpointFiles files, FindCheckpointFiles(directory));
  return Open(files, token);
}

absl::StatusOr<std::unique_ptr<SafetensorsDirectory>> SafetensorsDirectory::Open(const CheckpointFiles& files,
                                                                                 const CancelToken& token) {
  auto result = std::make_unique<SafetensorsDirectory>();
  result->path_ = files.directory;
  result->names_ = files.names;
  for (const std::string& file_name : result->names_) {
    ASSIGN_OR_RETURN(std::unique_ptr<SafetensorsFile> file,
                     SafetensorsFile::Open(absl::StrCat(files.directory, "/", file_name), files.roots, token));
    for (const auto& [name, tensor] : file->tensors()) {
      RETURN_IF_ERROR(token.CheckSometimes());
      Place& place = result->tensors_[name];
      if (place.tensor == nullptr) {
        place = {.tensor = &tensor, .file = &file_name};
      } else {
        place.other_file = &file_name;
      }
    }
    result->files_.push_back(std::move(file));
  }
  return result;
}

absl::Status SafetensorsDirectory::CheckReadable() const {
  for (const auto& file : files_) RETURN_IF_ERROR(file->file().CheckReadable());
  return absl::OkStatus();
}

absl::Status SafetensorsDirectory::CheckUnchanged() const {
  for (const auto& file : files_) RETURN_IF_ERROR(file->file().CheckUnchanged());
  return absl::OkStatus();
}

absl::Status SafetensorsDirectory::CheckCurrent() const {
  for (const auto& file : files_) RETURN_IF_ERROR(file->file().CheckCurrent());
  return absl::OkStatus();
}

absl::StatusOr<const StoredTensor*> SafetensorsDirectory::Find(absl::Span<const std::string> names) const {
  const std::string* found = nullptr;
  for (const std::string& name : names) {
    if (!tensors_.contains(name)) continue;
    if (found != nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("tensors ", *found, " and ", name, " in ", path_, " are both the same weight"));
    }
    found = &name;
  }
  if (found == nullptr)
    return absl::NotFoundError(absl::StrCat("no tensor ", absl::StrJoin(names, " or "), " in ", path_));
  const Place& place = tensors_.at(*found);
  if (place.other_file == nullptr) return place.tensor;
  return absl::InvalidArgumentError(
      absl::StrCat("tensor ", *found, " in ", path_, " is both in ", *place.file, " and in ", *place.other_file));
}

}  // namespace metronome::runtime
