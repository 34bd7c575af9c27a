#include "runtime/engine/session.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"
#include "runtime/base/status_macros.h"

namespace metronome {
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

absl::Status Session::Prefill(absl::Span<const int32_t> tokens, PrefillMode mode,
                              const std::function<bool()>& keep_going) {
  if (tokens.empty()) return absl::InvalidArgumentError("the prompt is empty");
  const int64_t before = cache_->length();
  RETURN_IF_ERROR(CheckRoom(static_cast<int64_t>(tokens.size())));
  const auto chunk =
      static_cast<size_t>(mode == PrefillMode::kChunked ? std::min(kPrefillChunk, cache_->max_step()) : 1);
  for (size_t at = 0; at < tokens.size(); at += chunk) {
    absl::Status status = executor_.Step(tokens.subspan(at, chunk), *cache_, keep_going);
    if (!status.ok()) {
      cache_->Truncate(before).IgnoreError();
      return status;
    }
  }
  return absl::OkStatus();
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

}  // namespace metronome
