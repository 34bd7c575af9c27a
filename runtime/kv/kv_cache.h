#ifndef METRONOME_RUNTIME_KV_KV_CACHE_H_
#define METRONOME_RUNTIME_KV_KV_CACHE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/backend.h"

namespace metronome {

// One state tensor of a plan: a row for each position.
struct KvStateSpec {
  std::string name;  // As in the plan: "layers.0.k".
  DType dtype = DType::kFloat32;
  Shape row;  // [kv_heads, head_dim].

  int64_t row_bytes() const { return row.elements() * static_cast<int64_t>(SizeOf(dtype)); }
};

// The keys and values of one sequence: for each state, a range of addresses [max_length, ...row] contiguous in virtual
// memory, backed as far as positions have been used. Not thread-safe; the backend must outlive it.
class KvCache {
 public:
  // InvalidArgument (max_length < 1), ResourceExhausted.
  static absl::StatusOr<std::unique_ptr<KvCache>> Create(Backend& backend, absl::Span<const KvStateSpec> specs,
                                                         int64_t max_length);

  // Bytes that `positions` positions take.
  static int64_t BytesFor(absl::Span<const KvStateSpec> specs, int64_t positions);

  int64_t length() const { return length_; }          // Positions written.
  int64_t max_length() const { return max_length_; }  // Positions it may hold.
  int64_t bytes_committed() const;

  // State `index`, in the order of the specs: [max_length, ...row], of which EnsureCapacity says how much may be
  // touched.
  TensorView View(int index) const { return states_[index].view; }

  // Makes positions [0, positions) usable. OutOfRange past max_length, ResourceExhausted.
  absl::Status EnsureCapacity(int64_t positions);
  // Counts `positions` more as written. OutOfRange past what EnsureCapacity made usable.
  absl::Status Advance(int64_t positions);
  // Forgets positions from `length` on, keeping the memory. OutOfRange when negative or past length().
  absl::Status Truncate(int64_t length);

  // An independent cache with the same contents. ResourceExhausted.
  absl::StatusOr<std::unique_ptr<KvCache>> Fork() const;

 private:
  struct State {
    std::unique_ptr<Buffer> buffer;
    TensorView view;
    KvStateSpec spec;
  };

  KvCache(Backend& backend, int64_t max_length) : backend_(backend), max_length_(max_length) {}

  Backend& backend_;
  int64_t max_length_;
  int64_t length_ = 0;
  int64_t capacity_ = 0;
  std::vector<State> states_;
};

}  // namespace metronome

#endif  // METRONOME_RUNTIME_KV_KV_CACHE_H_
