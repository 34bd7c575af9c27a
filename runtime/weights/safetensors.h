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
#include "kernels/base/cancel_token.h"
#include "kernels/interface/dtype.h"
#include "runtime/files/mapped_file.h"
#include "runtime/weights/checkpoint_files.h"

namespace metronome::runtime {

// One tensor of a safetensors file, in the mapped file: read-only and of no particular alignment.
struct StoredTensor {
  std::optional<kernels::DType> dtype;  // Unset for a type that no value of a plan has: F64, F8_E4M3, I64.
  std::string dtype_code;               // As written in the file.
  std::vector<int64_t> shape;
  const void* data = nullptr;
  int64_t bytes = 0;

  bool is_float64() const { return dtype_code == "F64"; }
  // One that can be a weight: F32, BF16, F16 or F64.
  bool is_float() const { return is_float64() || (dtype.has_value() && kernels::IsFloat(*dtype)); }
  int64_t elements() const;
  int64_t element_bytes() const;  // Of one that is_float().
  // Elements [begin, end) of one that is_float() as another float type, rounded to nearest even; an F64 by way of
  // float32, as PyTorch rounds it.
  void Convert(int64_t begin, int64_t end, void* to, kernels::DType to_dtype) const;
};

// A safetensors file, mapped read-only (https://github.com/huggingface/safetensors#format). Every offset was checked
// against the file's size, so reading a tensor cannot leave the mapping. Immutable.
class SafetensorsFile {
 public:
  // NotFound; InvalidArgument naming the file, and the tensor or offset, for anything malformed: a header longer than
  // the file or 100 MB, no JSON object, equal names, ranges past the end, overlapping or not matching their shape;
  // errors of MappedFile::Open, with its `roots`; errors of the token.
  static absl::StatusOr<std::unique_ptr<SafetensorsFile>> Open(const std::string& path,
                                                               const PathRoots* roots = nullptr,
                                                               const CancelToken& token = {});

  const absl::flat_hash_map<std::string, StoredTensor>& tensors() const { return tensors_; }
  const MappedFile& file() const { return *file_; }

 private:
  explicit SafetensorsFile(std::unique_ptr<MappedFile> file) : file_(std::move(file)) {}
  absl::Status ParseHeader(const CancelToken& token);

  std::unique_ptr<MappedFile> file_;
  absl::flat_hash_map<std::string, StoredTensor> tensors_;
};

// The tensors of a checkpoint's files. Immutable.
class SafetensorsDirectory {
 public:
  // Errors of FindCheckpointFiles and SafetensorsFile::Open.
  static absl::StatusOr<std::unique_ptr<SafetensorsDirectory>> Open(const std::string& directory,
                                                                    const CancelToken& token = {});
  static absl::StatusOr<std::unique_ptr<SafetensorsDirectory>> Open(const CheckpointFiles& files,
                                                                    const CancelToken& token = {});

  const std::string& path() const { return path_; }

  // The checks of MappedFile over all files: the first that fails. Nothing that was read from tensors counts before
  // CheckReadable has said so.
  absl::Status CheckReadable() const;
  absl::Status CheckUnchanged() const;
  absl::Status CheckCurrent() const;

  // The tensor under the one of `names` that is there, wherever an index says it is. NotFound naming all;
  // InvalidArgument naming both where two are there, or two files have the one.
  absl::StatusOr<const StoredTensor*> Find(absl::Span<const std::string> names) const;

 private:
  struct Place {
    const StoredTensor* tensor = nullptr;
    const std::string* file = nullptr;
    const std::string* other_file = nullptr;  // That has a tensor of this name too.
  };

  std::string path_;
  std::vector<std::string> names_;  // Of files_.
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
  absl::flat_hash_map<std::string, Place> tensors_;
};

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_WEIGHTS_SAFETENSORS_H_
