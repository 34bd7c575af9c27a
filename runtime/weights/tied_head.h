#ifndef METRONOME_RUNTIME_WEIGHTS_TIED_HEAD_H_
#define METRONOME_RUNTIME_WEIGHTS_TIED_HEAD_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "kernels/base/cancel_token.h"
#include "kernels/interface/dtype.h"
#include "runtime/weights/safetensors.h"
#include "runtime/weights/tensor_names.h"

namespace metronome::runtime {

// What a checkpoint has of an output head that its config says is the embedding table.
enum class StoredHead : uint8_t {
  kSame,       // None, or one that equals the table: they are one tensor.
  kDifferent,  // One of its own, so the config is wrong.
  kAlone,      // One, and no table: it is both.
};

// Compares the tensors as `dtype`, which the model computes in, as transformers does when it ties weights. Reads both
// of them, with `threads` threads (0 = one per CPU). InvalidArgument (a name that is there twice, a dtype that cannot
// be converted); errors of the token, which is asked every 32 Mi elements.
absl::StatusOr<StoredHead> CompareStoredHead(const SafetensorsDirectory& directory, TensorNaming naming,
                                             kernels::DType dtype, int threads, const CancelToken& token = {});

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_WEIGHTS_TIED_HEAD_H_
