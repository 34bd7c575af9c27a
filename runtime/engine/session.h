#ifndef METRONOME_RUNTIME_ENGINE_SESSION_H_
#define METRONOME_RUNTIME_ENGINE_SESSION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/engine/executor.h"
#include "runtime/kv/kv_cache.h"

namespace metronome::runtime {

// How a prompt enters the cache.
enum class PrefillMode : uint8_t {
  kChunked,     // Many tokens per step, as users run it.
  kSequential,  // One token per step: the method of older reports, for comparison.
};

absl::string_view Name(PrefillMode mode);  // "chunked", "sequential".
std::optional<PrefillMode> ParsePrefillMode(absl::string_view name);

// Tokens per step of a chunked prefill: enough rows to amortise reading the weights, few enough that a long prompt
// needs little memory beyond weights and cache (llama-3-8b: 1024 rows of the widest activation take 30 MB).
inline constexpr int64_t kPrefillChunk = 1024;

// A sequence in progress: its KV cache over a shared executor. Not thread-safe; the executor must outlive it.
class Session {
 public:
  Session(Executor& executor, std::unique_ptr<KvCache> cache) : executor_(executor), cache_(std::move(cache)) {}

  // Appends the tokens. `keep_going` is asked before each kernel; when it says no, the session keeps what it had before
  // the call and Cancelled is returned. Any other error likewise leaves the session as it was; only where windowed
  // layers have moved past that, it keeps the steps that were done. InvalidArgument (no tokens), OutOfRange (more than
  // max_length(), or a token id outside the vocabulary), ResourceExhausted.
  absl::Status Prefill(absl::Span<const int32_t> tokens, PrefillMode mode,
                       const std::function<bool()>& keep_going = nullptr);

  // The same with pauses between kernels, for others' steps: the steps are those of Prefill, and so is what they
  // compute. Until it has ended or failed, nothing else is asked of the session; destroying it gives it up, and the
  // session keeps the steps that were done.
  class PausablePrefill {
   private:
    friend class Session;
    std::vector<int32_t> tokens;
    size_t chunk = 0;  // Tokens of a step.
    size_t done = 0;
    int64_t length_before = 0;
    std::unique_ptr<Executor::PausableStep> step;  // Under way.
  };
  absl::StatusOr<std::unique_ptr<PausablePrefill>> BeginPrefill(std::vector<int32_t> tokens, PrefillMode mode);
  // Whether all is in the cache: not so when `pauses`, asked before every kernel, or before every token of a sequential
  // prefill, said yes. Errors as Prefill.
  absl::StatusOr<bool> GoOn(PausablePrefill& prefill, const std::function<bool()>& pauses);

  // Appends one token. Errors as Prefill.
  absl::Status Step(int32_t token) { return Prefill(absl::MakeConstSpan(&token, 1), PrefillMode::kSequential); }

  // Draws tokens on the device as Executor::Draw: the cache then holds all of them but the last. On error, the session
  // is as it was before. Of the error's codes also OutOfRange, for more than max_length().
  bool can_draw() const { return executor_.can_draw(); }
  absl::StatusOr<std::vector<DrawnToken>> Draw(const Executor::DrawOptions& options,
                                               const std::function<bool()>& keep_going = nullptr);

  // [vocab], those of the executor's last step: read them before another session takes a step.
  absl::StatusOr<absl::Span<const float>> Logits() const { return executor_.Logits(); }

  std::optional<int32_t> most_likely() const { return executor_.most_likely(); }  // Likewise; see Executor.

  int64_t length() const { return cache_->length(); }
  int64_t max_length() const { return cache_->max_length(); }
  int64_t kv_bytes() const { return cache_->bytes_committed(); }

  // A session with a copy of this one's cache. ResourceExhausted.
  absl::StatusOr<std::unique_ptr<Session>> Fork() const;

  // As those of KvCache.
  absl::Status Truncate(int64_t length) { return cache_->Truncate(length); }
  absl::Status AdvanceRandomly(int64_t length, uint64_t seed) { return cache_->AdvanceRandomly(length, seed); }

 private:
  size_t StepTokens(PrefillMode mode) const;
  absl::StatusOr<bool> TakeStep(PausablePrefill& prefill, const std::function<bool()>& pauses);
  absl::Status CheckRoom(int64_t tokens) const;  // OutOfRange for more than are left.

  Executor& executor_;
  std::unique_ptr<KvCache> cache_;
};

}  // namespace metronome::runtime

#endif  // METRONOME_RUNTIME_ENGINE_SESSION_H_
