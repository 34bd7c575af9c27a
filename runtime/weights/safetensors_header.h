#ifndef METRONOME_RUNTIME_WEIGHTS_SAFETENSORS_HEADER_H_
#define METRONOME_RUNTIME_WEIGHTS_SAFETENSORS_HEADER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "kernels/base/cancel_token.h"
#include "kernels/interface/dtype.h"

namespace metronome::runtime {

// What the header of a safetensors file says of one tensor.
struct TensorEntry {
  std::string name;
  std::string dtype_code;               // As written, "BF16".
  std::optional<kernels::DType> dtype;  // Unset for a type we do not read.
  std::vector<int64_t> shape;
  int64_t begin = 0;  // Bytes after the header.
  int64_t bytes = 0;
};

// The tensors of a header, in the order of their bytes. `text` is its JSON, `data_bytes` the size of the file after it.
// Takes time in proportion to the text, with no tree of it in memory.
//
// InvalidArgument, naming the tensor where there is one: no JSON object, equal names, a field missing or of another
// type, an unknown dtype, ranges past the end, overlapping or not matching their shape. Beyond kMaxTensorRank sizes a
// shape is refused. Errors of the token, which is asked every few tensors.
absl::StatusOr<std::vector<TensorEntry>> ParseSafetensorsHeader(absl::string_view text, int64_t data_bytes,
                                                                const CancelToken& token = {});

inline constexpr size_t kMaxTensorRank = 64;

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_WEIGHTS_SAFETENSORS_HEADER_H_
