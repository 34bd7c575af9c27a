#ifndef METRONOME_RUNTIME_WEIGHTS_SAFETENSORS_H_
#define METRONOME_RUNTIME_WEIGHTS_SAFETENSORS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "kernels/dtype.h"

namespace metronome {

// One tensor of a safetensors file, in the mapped file: read-only and of no particular alignment.
struct StoredTensor {
  std::optional<DType> dtype;  // Unset for a type we do not read, such as F8_E4M3.
  std::string dtype_code;      // As written in the file.
  std::vector<int64_t> shape;
  const void* data = nullptr;
  int64_t bytes = 0;
};

// A safetensors file, mapped read-only (https://github.com/huggingface/safetensors#format). Every offset was checked
// against the file's size, so reading a tensor cannot leave the mapping. Immutable.
class SafetensorsFile {
 public:
  // NotFound; InvalidArgument naming the file, and the tensor or offset, for anything malformed: a header longer than
  // the file or 100 MB, no JSON object, equal names, ranges past the end, overlapping or not matching their shape.
  static absl::StatusOr<std::unique_ptr<SafetensorsFile>> Open(const std::string& path);
  ~SafetensorsFile();
  SafetensorsFile(const SafetensorsFile&) = delete;
  SafetensorsFile& operator=(const SafetensorsFile&) = delete;

  const absl::flat_hash_map<std::string, StoredTensor>& tensors() const { return tensors_; }

 private:
  SafetensorsFile(std::string path, const std::byte* data, int64_t size)
      : path_(std::move(path)), data_(data), size_(size) {}
  absl::Status ParseHeader();

  std::string path_;
  const std::byte* data_;
  int64_t size_;
  absl::flat_hash_map<std::string, StoredTensor> tensors_;
};

// A checkpoint directory: model.safetensors.index.json and its shards, or model.safetensors. Immutable.
class SafetensorsDirectory {
 public:
  // Errors of SafetensorsFile::Open; InvalidArgument for a malformed index, a shard outside the directory, or a tensor
  // the index places in a shard that lacks it.
  static absl::StatusOr<std::unique_ptr<SafetensorsDirectory>> Open(const std::string& directory);

  const std::string& path() const { return path_; }

  // The tensor under one of `names`, the first that is there; NotFound naming all that were tried.
  absl::StatusOr<const StoredTensor*> Find(absl::Span<const std::string> names) const;

 private:
  std::string path_;
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
  absl::flat_hash_map<std::string, const StoredTensor*> tensors_;
};

}  // namespace metronome

#endif  // METRONOME_RUNTIME_WEIGHTS_SAFETENSORS_H_
