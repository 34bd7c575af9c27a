#include "runtime/engine/session.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"

namespace metronome::runtime {
namespace {

constexpr std::array<absl::string_view, 2> kModeNames = {"chunked", "sequential"};

}  // namespace

absl::string_view Name(PrefillMode mode) { return kModeNames[static_cast<size_t>(mode)]; }

std::optional<PrefillMode> ParsePrefillMode(absl::string_view name) {
  for (size_t i = 0; i < kModeNames.size(); ++i) {
    if (kModeNames[i] == name) return static_cast<PrefillMode>(i);
  }
  return std::nullopt;
}

absl::Status Session::CheckRoom(int64_t tokens) const {
  if (tokens <= max_length() - length()) return absl::OkStatus();
  return absl::OutOfRangeError(
      absl::StrCat(tokens, " tokens after position ", length(), " exceed max_cache_len ", max_length()));
}

size_t Session::StepTokens(PrefillMode mode) const {
  return static_cast<size_t>(mode == PrefillMode::kChunked ? std::min(kPrefillChunk, cache_->max_step()) : 1);
}

absl::Status Session::Prefill(absl::Span<const int32_t> tokens, PrefillMode mode,
                              const std::function<bool()>& keep_going) {
  if (tokens.empty()) return absl::InvalidArgumentError("the prompt is empty");
  const int64_t before = cache_->length();
  RETURN_IF_ERROR(CheckRoom(static_cast<int64_t>(tokens.size())));
  const size_t chunk = StepTokens(mode);
  for (size_t at = 0; at < tokens.size(); at += chunk) {
    absl::Status status = executor_.Step(tokens.subspan(at, chunk), *cache_, keep_going);
    if (!status.ok()) {
      cache_->Truncate(before).IgnoreError();
      return status;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Session::PausablePrefill>> Session::BeginPrefill(std::vector<int32_t> tokens,
                                                                                PrefillMode mode) {
  if (tokens.empty()) return absl::InvalidArgumentError("the prompt is empty");
  RETURN_IF_ERROR(CheckRoom(static_cast<int64_t>(tokens.size())));
  auto prefill = std::make_unique<PausablePrefill>();
  prefill->tokens = std::move(tokens);
  prefill->chunk = StepTokens(mode);
  prefill->length_before = cache_->length();
  return prefill;
}

absl::StatusOr<bool> Session::GoOn(PausablePrefill& prefill, const std::function<bool()>& pauses) {
  while (prefill.done < prefill.tokens.size()) {
    const absl::StatusOr<bool> ended = TakeStep(prefill, pauses);
    if (!ended.ok()) {
      prefill.step.reset();
      cache_->Truncate(prefill.length_before).IgnoreError();
    }
    if (!ended.ok() || !*ended) return ended;
    prefill.step.reset();
    prefill.done += prefill.chunk;
  }
  return true;
}

// One token's step is too short to pause.
absl::StatusOr<bool> Session::TakeStep(PausablePrefill& prefill, const std::function<bool()>& pauses) {
  const absl::Span<const int32_t> tokens = absl::MakeConstSpan(prefill.tokens).subspan(prefill.done, prefill.chunk);
  if (tokens.size() == 1) {
    if (pauses != nullptr && pauses()) return false;
    RETURN_IF_ERROR(executor_.Step(tokens, *cache_));
    return true;
  }
  if (prefill.step == nullptr) {
    ASSIGN_OR_RETURN(prefill.step, executor_.BeginStep(tokens, *cache_));
  }
  return executor_.GoOn(*prefill.step, *cache_, pauses);
}

absl::StatusOr<std::vector<DrawnToken>> Session::Draw(const Executor::DrawOptions& options,
                                                      const std::function<bool()>& keep_going) {
  const int64_t before = cache_->length();
  RETURN_IF_ERROR(CheckRoom(options.from_logits ? options.count - 1 : options.count));
  absl::StatusOr<std::vector<DrawnToken>> tokens = executor_.Draw(options, *cache_, keep_going);
  if (!tokens.ok()) cache_->Truncate(before).IgnoreError();
  return tokens;
}

absl::StatusOr<std::unique_ptr<Session>> Session::Fork() const {
  ASSIGN_OR_RETURN(std::unique_ptr<KvCache> cache, cache_->Fork());
  return std::make_unique<Session>(executor_, std::move(cache));
}

}  // namespace metronome::runtime
