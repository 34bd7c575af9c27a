#include "runtime/kv/kv_cache.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "runtime/base/status_macros.h"

namespace metronome {
namespace {

// Positions backed at a time: few enough that a short session stays small, enough that growth is rare.
constexpr int64_t kGrowth = 64;

}  // namespace

absl::StatusOr<std::unique_ptr<KvCache>> KvCache::Create(Backend& backend, absl::Span<const KvStateSpec> specs,
                                                         int64_t max_length) {
  if (max_length < 1)
    return absl::InvalidArgumentError(absl::StrCat("max_cache_len is ", max_length, ", not at least 1"));
  auto cache = std::unique_ptr<KvCache>(new KvCache(backend, max_length));
  for (const KvStateSpec& spec : specs) {
    std::vector<int64_t> dims = {max_length};
    dims.insert(dims.end(), spec.row.dims().begin(), spec.row.dims().end());
    int64_t bytes = 0;
    if (__builtin_mul_overflow(max_length, spec.row_bytes(), &bytes)) {
      return absl::ResourceExhaustedError(absl::StrCat("max_cache_len ", max_length, " overflows the address space"));
    }
    State state = {.view = {.dtype = spec.dtype, .shape = Shape(dims)}, .spec = spec};
    ASSIGN_OR_RETURN(state.buffer, backend.Reserve(bytes));
    state.view.data = state.buffer->data();
    cache->states_.push_back(std::move(state));
  }
  return cache;
}

int64_t KvCache::BytesFor(absl::Span<const KvStateSpec> specs, int64_t positions) {
  int64_t bytes = 0;
  for (const KvStateSpec& spec : specs) bytes += spec.row_bytes() * positions;
  return bytes;
}

int64_t KvCache::bytes_committed() const {
  int64_t bytes = 0;
  for (const State& state : states_) bytes += state.buffer->committed_bytes();
  return bytes;
}

absl::Status KvCache::EnsureCapacity(int64_t positions) {
  if (positions > max_length_)
    return absl::OutOfRangeError(absl::StrCat(positions, " positions exceed max_cache_len ", max_length_));
  if (positions <= capacity_) return absl::OkStatus();
  const int64_t capacity = std::min(max_length_, (positions + kGrowth - 1) / kGrowth * kGrowth);
  for (State& state : states_) RETURN_IF_ERROR(state.buffer->Commit(capacity * state.spec.row_bytes()));
  capacity_ = capacity;
  return absl::OkStatus();
}

absl::Status KvCache::Advance(int64_t positions) {
  if (positions < 0 || length_ + positions > capacity_) {
    return absl::OutOfRangeError(
        absl::StrCat("cannot advance ", positions, " from ", length_, " in a capacity of ", capacity_));
  }
  length_ += positions;
  return absl::OkStatus();
}

absl::Status KvCache::Truncate(int64_t length) {
  if (length < 0 || length > length_)
    return absl::OutOfRangeError(absl::StrCat("cannot truncate ", length_, " positions to ", length));
  length_ = length;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<KvCache>> KvCache::Fork() const {
  std::vector<KvStateSpec> specs;
  for (const State& state : states_) specs.push_back(state.spec);
  ASSIGN_OR_RETURN(std::unique_ptr<KvCache> fork, Create(backend_, specs, max_length_));
  RETURN_IF_ERROR(fork->EnsureCapacity(length_));
  for (size_t i = 0; i < states_.size(); ++i) {
    RETURN_IF_ERROR(
        backend_.CopyOnDevice(fork->states_[i].view.data, states_[i].view.data, length_ * states_[i].spec.row_bytes()));
  }
  RETURN_IF_ERROR(fork->Advance(length_));
  return fork;
}

}  // namespace metronome
