#ifndef METRONOME_RUNTIME_WEIGHTS_WEIGHT_STORE_H_
#define METRONOME_RUNTIME_WEIGHTS_WEIGHT_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "kernels/base/cancel_token.h"
#include "kernels/interface/backend.h"
#include "runtime/plan/plan.h"
#include "runtime/weights/safetensors.h"
#include "runtime/weights/tensor_names.h"

namespace metronome::runtime {

// A weight that a model needs. Names are HuggingFace's without the prefix that wrappers add:
// "layers.0.self_attn.q_proj.weight". Experts are one tensor, "layers.0.mlp.experts.gate_up_proj" [E, 2 n, k]; where a
// checkpoint has a tensor for each expert instead, they are put together.
struct WeightSpec {
  std::string name;
  kernels::DType dtype = kernels::DType::kFloat32;
  kernels::Shape shape;
  WeightInit init = WeightInit::kMatrix;
};

struct SyntheticWeights {
  uint64_t seed = 0;
};
struct CheckpointDirectory {
  std::string path;
  std::optional<CheckpointFiles> files = std::nullopt;  // Those of `path`, where they were looked up already.
  TensorNaming naming = TensorNaming::kAny;
  // The embedding table is stored as the head alone (StoredHead::kAlone).
  bool table_is_head = false;
  std::string name = "";  // In the provenance; empty = the directory's.
};
using WeightSource = std::variant<SyntheticWeights, CheckpointDirectory>;

struct WeightLoadOptions {
  int threads = 0;                                  // Host threads that convert or generate; 0 = one per CPU.
  std::function<void(double)> on_progress;          // Fraction done in [0, 1]; called from the loading thread.
  const CancelToken* token = &CancelToken::None();  // Asked between pieces of 32 Mi elements.
};

// The weights of one model on one backend. Immutable; the backend must outlive it.
//
// On a backend that host pointers reach, tensors stored in the wanted dtype and aligned to it are the mapped file
// itself, already paged in. All others are converted (round to nearest even) or generated in parallel straight into
// device memory. Synthetic values are a function of seed, name and element index alone.
class WeightStore {
 public:
  // ResourceExhausted with bytes needed and available, before anything is allocated. NotFound for a missing tensor,
  // InvalidArgument for a wrong shape or a dtype that cannot be converted, naming both sides, or a tensor that is there
  // twice; errors of SafetensorsDirectory::Open and of the token; DataLoss for a file that changed meanwhile.
  static absl::StatusOr<std::unique_ptr<WeightStore>> Load(kernels::Backend& backend,
                                                           absl::Span<const WeightSpec> specs,
                                                           const WeightSource& source,
                                                           const WeightLoadOptions& options = {});

  // NotFound.
  absl::StatusOr<kernels::TensorView> Get(absl::string_view name) const;

  // Whether a checkpoint's files still are what they were when they were opened; SafetensorsDirectory says how. OK for
  // synthetic weights.
  absl::Status CheckReadable() const { return directory_ == nullptr ? absl::OkStatus() : directory_->CheckReadable(); }
  absl::Status CheckUnchanged() const {
    return directory_ == nullptr ? absl::OkStatus() : directory_->CheckUnchanged();
  }
  absl::Status CheckCurrent() const { return directory_ == nullptr ? absl::OkStatus() : directory_->CheckCurrent(); }

  int64_t bytes() const { return bytes_; }
  const std::string& provenance() const { return provenance_; }  // "synthetic:42", "safetensors:<name>".

 private:
  absl::Status Generate(kernels::Backend& backend, absl::Span<const WeightSpec> specs, uint64_t seed,
                        const WeightLoadOptions& options);
  absl::Status Read(kernels::Backend& backend, absl::Span<const WeightSpec> specs, const CheckpointDirectory& source,
                    const WeightLoadOptions& options);

  absl::flat_hash_map<std::string, kernels::TensorView> tensors_;
  std::unique_ptr<SafetensorsDirectory> directory_;
  std::vector<std::unique_ptr<kernels::Buffer>> buffers_;
  int64_t bytes_ = 0;
  std::string provenance_;
};

// Sum of the sizes of all specs.
int64_t WeightBytes(absl::Span<const WeightSpec> specs);

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_WEIGHTS_WEIGHT_STORE_H_
