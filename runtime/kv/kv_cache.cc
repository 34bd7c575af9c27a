#include "runtime/kv/kv_cache.h"

#include <algorithm>
#include <random>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "kernels/interface/convert.h"

namespace metronome::runtime {
namespace {

// Positions backed at a time: few enough that a short session stays small, enough that growth is rare.
constexpr int64_t kGrowth = 64;

// Rows that a windowed state keeps: while a step writes its rows, its first token still reads window - 1 older ones.
int64_t KeptRows(const KvStateSpec& spec, int64_t positions, int64_t max_step) {
  if (spec.window == 0 || spec.window > positions) return positions;
  return std::min(positions, spec.window - 1 + max_step);
}

}  // namespace

absl::StatusOr<std::unique_ptr<KvCache>> KvCache::Create(kernels::Backend& backend, absl::Span<const KvStateSpec> specs,
                                                         const KvCacheLimits& limits) {
  const int64_t max_length = limits.max_length;
  if (max_length < 1)
    return absl::InvalidArgumentError(absl::StrCat("max_cache_len is ", max_length, ", not at least 1"));
  if (limits.max_step < 1 || limits.max_step > max_length) {
    return absl::InvalidArgumentError(
        absl::StrCat("steps of ", limits.max_step, " tokens are not in [1, max_cache_len ", max_length, "]"));
  }
  auto cache = std::unique_ptr<KvCache>(new KvCache(backend, limits));
  for (const KvStateSpec& spec : specs) {
    std::vector<int64_t> dims = {max_length};
    dims.insert(dims.end(), spec.row.dims().begin(), spec.row.dims().end());
    int64_t bytes = 0;
    if (__builtin_mul_overflow(max_length, spec.row_bytes(), &bytes)) {
      return absl::ResourceExhaustedError(absl::StrCat("max_cache_len ", max_length, " overflows the address space"));
    }
    State state = {.view = {.dtype = spec.dtype, .shape = kernels::Shape(dims)}, .spec = spec};
    if (const int64_t kept = KeptRows(spec, max_length, limits.max_step); kept < max_length) {
      ASSIGN_OR_RETURN(state.buffer, backend.ReserveRing(bytes, kept * spec.row_bytes()));
    } else {
      ASSIGN_OR_RETURN(state.buffer, backend.Reserve(bytes));
    }
    state.view.data = state.buffer->data();
    cache->states_.push_back(std::move(state));
  }
  return cache;
}

int64_t KvCache::BytesFor(absl::Span<const KvStateSpec> specs, int64_t positions, int64_t max_step) {
  int64_t bytes = 0;
  for (const KvStateSpec& spec : specs) bytes += spec.row_bytes() * KeptRows(spec, positions, max_step);
  return bytes;
}

int64_t KvCache::bytes_committed() const {
  int64_t bytes = 0;
  for (const State& state : states_) bytes += state.buffer->committed_bytes();
  return bytes;
}

int64_t KvCache::FirstKept(const KvStateSpec& spec, int64_t end, int64_t max_step) {
  return end - KeptRows(spec, end, max_step);
}

absl::Status KvCache::Grow(int64_t positions) {
  if (positions > max_length())
    return absl::OutOfRangeError(absl::StrCat(positions, " positions exceed max_cache_len ", max_length()));
  if (positions > capacity_) {
    const int64_t capacity = std::min(max_length(), (positions + kGrowth - 1) / kGrowth * kGrowth);
    for (State& state : states_) RETURN_IF_ERROR(state.buffer->Commit(capacity * state.spec.row_bytes()));
    capacity_ = capacity;
  }
  written_ = std::max(written_, positions);
  return absl::OkStatus();
}

absl::Status KvCache::EnsureCapacity(int64_t positions) {
  if (positions <= max_length() && positions - length_ > limits_.max_step) {
    return absl::InvalidArgumentError(absl::StrCat("a step of ", positions - length_, " tokens exceeds the ",
                                                   limits_.max_step, " that this cache was made for"));
  }
  return Grow(positions);
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
  if (length == 0) written_ = 0;
  for (const State& state : states_) {
    const int64_t kept = FirstKept(state.spec, written_, limits_.max_step);
    if (state.spec.window == 0 || std::max<int64_t>(0, length - state.spec.window + 1) >= kept) continue;
    return absl::FailedPreconditionError(absl::StrCat("cannot truncate ", length_, " positions to ", length,
                                                      ": of state ", state.spec.name, ", with a window of ",
                                                      state.spec.window, ", those before ", kept, " are gone"));
  }
  length_ = length;
  return absl::OkStatus();
}

absl::Status KvCache::AdvanceRandomly(int64_t length, uint64_t seed) {
  if (length < length_)
    return absl::OutOfRangeError(absl::StrCat("cannot advance from ", length_, " positions to ", length));
  RETURN_IF_ERROR(Grow(length));
  constexpr int64_t kBlock = int64_t{1} << 18;  // Elements; repeated, as a normal deviate takes longer than its copy.
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(kBlock);
  for (float& value : values) value = normal(random);
  for (const State& state : states_) {
    std::vector<std::byte> block(kBlock * kernels::SizeOf(state.spec.dtype));
    kernels::ConvertElements(values.data(), kernels::DType::kFloat32, block.data(), state.spec.dtype, kBlock);
    const int64_t first = std::max(length_, FirstKept(state.spec, length, limits_.max_step));
    const int64_t end = length * state.spec.row_bytes();
    for (int64_t at = first * state.spec.row_bytes(); at < end; at += static_cast<int64_t>(block.size())) {
      RETURN_IF_ERROR(backend_.CopyToDevice(static_cast<std::byte*>(state.view.data) + at, block.data(),
                                            std::min(end - at, static_cast<int64_t>(block.size()))));
    }
  }
  return Advance(length - length_);
}

absl::StatusOr<std::unique_ptr<KvCache>> KvCache::Fork() const {
  std::vector<KvStateSpec> specs;
  for (const State& state : states_) specs.push_back(state.spec);
  ASSIGN_OR_RETURN(std::unique_ptr<KvCache> fork, Create(backend_, specs, limits_));
  RETURN_IF_ERROR(fork->Grow(length_));
  for (size_t i = 0; i < states_.size(); ++i) {
    const int64_t row_bytes = states_[i].spec.row_bytes();
    const int64_t first = FirstKept(states_[i].spec, length_, limits_.max_step) * row_bytes;
    RETURN_IF_ERROR(backend_.CopyOnDevice(static_cast<std::byte*>(fork->states_[i].view.data) + first,
                                          static_cast<const std::byte*>(states_[i].view.data) + first,
                                          length_ * row_bytes - first));
  }
  RETURN_IF_ERROR(fork->Advance(length_));
  return fork;
}

}  // namespace metronome::runtime
