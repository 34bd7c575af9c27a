#ifndef METRONOME_RUNTIME_KV_KV_CACHE_H_
#define METRONOME_RUNTIME_KV_KV_CACHE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "kernels/interface/backend.h"

namespace metronome::runtime {

// One state tensor of a plan: a row for each position.
struct KvStateSpec {
  std::string name;  // As in the plan: "layers.0.k".
  kernels::DType dtype = kernels::DType::kFloat32;
  kernels::Shape row;  // [kv_heads, head_dim].
  int64_t window = 0;  // A token reads its own row and those of the window - 1 positions before it; 0 = all rows.

  int64_t row_bytes() const { return row.elements() * static_cast<int64_t>(kernels::SizeOf(dtype)); }
};

struct KvCacheLimits {
  int64_t max_length = 0;         // Positions; >= 1.
  int64_t max_step = max_length;  // Tokens of a step, in [1, max_length]. What windowed states keep depends on it.
};

// The keys and values of one sequence: for each state, a range of addresses [max_length, ...row] contiguous in virtual
// memory, backed as far as positions have been used. A windowed state is a ring: of its rows, the last
// window - 1 + max_step are there, and older addresses hold newer rows. Not thread-safe; the backend must outlive it.
class KvCache {
 public:
  // InvalidArgument (limits), ResourceExhausted.
  static absl::StatusOr<std::unique_ptr<KvCache>> Create(kernels::Backend& backend, absl::Span<const KvStateSpec> specs,
                                                         const KvCacheLimits& limits);

  // Bytes that `positions` positions take, up to a page for each state.
  static int64_t BytesFor(absl::Span<const KvStateSpec> specs, int64_t positions, int64_t max_step);

  int64_t length() const { return length_; }                 // Positions written.
  int64_t max_length() const { return limits_.max_length; }  // Positions it may hold.
  int64_t max_step() const { return limits_.max_step; }      // Tokens that one step may add.
  int64_t bytes_committed() const;

  // State `index`, in the order of the specs: [max_length, ...row], of which EnsureCapacity says how much may be
  // touched.
  kernels::TensorView View(int index) const { return states_[index].view; }

  // Makes positions [0, positions) usable, for a step that writes those from length() on. InvalidArgument for a step of
  // more than max_step, OutOfRange past max_length, ResourceExhausted.
  absl::Status EnsureCapacity(int64_t positions);
  // Counts `positions` more as written. OutOfRange past what EnsureCapacity made usable.
  absl::Status Advance(int64_t positions);
  // Forgets positions from `length` on, keeping the memory. OutOfRange when negative or past length();
  // FailedPrecondition where a windowed state no longer has what the next token reads.
  absl::Status Truncate(int64_t length);
  // Counts positions up to `length` as written, with seeded random rows in them: values of a cache do not change what a
  // step costs, so that a depth can be measured without the prompt that leads to it. Errors as EnsureCapacity.
  absl::Status AdvanceRandomly(int64_t length, uint64_t seed);

  // An independent cache with the same contents. ResourceExhausted.
  absl::StatusOr<std::unique_ptr<KvCache>> Fork() const;

 private:
  struct State {
    std::unique_ptr<kernels::Buffer> buffer;
    kernels::TensorView view;
    KvStateSpec spec;
  };

  KvCache(kernels::Backend& backend, const KvCacheLimits& limits) : backend_(backend), limits_(limits) {}

  absl::Status Grow(int64_t positions);
  // Of the rows before `end`, the first that is still there.
  static int64_t FirstKept(const KvStateSpec& spec, int64_t end, int64_t max_step);

  kernels::Backend& backend_;
  KvCacheLimits limits_;
  int64_t length_ = 0;
  int64_t capacity_ = 0;
  int64_t written_ = 0;  // Steps may have written rows up to here, those that failed and those forgotten too.
  std::vector<State> states_;
};

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_KV_KV_CACHE_H_
