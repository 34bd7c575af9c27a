#include "runtime/engine/draw_sequence.h"

#include <algorithm>
#include <bit>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"

namespace metronome::runtime {
namespace {

// Steps that the host may be ahead of the device: enough that the device never waits for the host.
constexpr int64_t kMostAhead = 8;

absl::Status ToStatus(kernels::DrawFailure failure) {
  switch (failure) {
    case kernels::DrawFailure::kNone:
      return absl::OkStatus();
    case kernels::DrawFailure::kNan:
      return absl::InternalError("a logit is NaN");
    case kernels::DrawFailure::kNoFinite:
      return absl::InternalError("no logit is finite");
    case kernels::DrawFailure::kInfinite:
      return absl::InternalError("a logit is infinite");
    case kernels::DrawFailure::kNoRoom:
      break;
  }
  return absl::InternalError(absl::StrCat("a draw failed with ", static_cast<int32_t>(failure)));
}

template <typename T>
T* At(const kernels::Buffer& buffer, size_t offset = 0) {
  return reinterpret_cast<T*>(static_cast<std::byte*>(buffer.data()) + offset);
}

}  // namespace

absl::Status DrawSequence::EnsureMarks(size_t count) {
  while (marks_.size() < count) {
    ASSIGN_OR_RETURN(std::unique_ptr<kernels::TimeMark> mark, backend_.CreateMark());
    marks_.push_back(std::move(mark));
  }
  return absl::OkStatus();
}

absl::Status DrawSequence::Begin(const SamplingOptions& options, uint64_t state, absl::Span<const int32_t> history,
                                 int64_t draws) {
  if (draws < 1 || draws > kMostDraws)
    return absl::InvalidArgumentError(absl::StrCat("cannot draw ", draws, " tokens at once; at most ", kMostDraws));
  RETURN_IF_ERROR(EnsureMarks(static_cast<size_t>(2 * draws + 1)));
  options_ = options;
  draws_ = draws;
  drawn_ = 0;
  before_ = options.repetition_penalty == 1 ? 0 : static_cast<int64_t>(history.size());  // Nothing else reads it.
  const int64_t bytes = (before_ + draws) * static_cast<int64_t>(sizeof(int32_t));
  if (control_ == nullptr) {
    ASSIGN_OR_RETURN(control_, backend_.Allocate(sizeof(Control)));
  }
  if (sequence_ == nullptr || sequence_->size_bytes() < bytes) {
    ASSIGN_OR_RETURN(sequence_, backend_.Allocate(static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(bytes)))));
  }
  const Control control = {.length = before_, .state = state};
  RETURN_IF_ERROR(backend_.CopyToDevice(control_->data(), &control, sizeof(control)));
  RETURN_IF_ERROR(
      backend_.CopyToDevice(sequence_->data(), history.data(), before_ * static_cast<int64_t>(sizeof(int32_t))));
  return backend_.SetMark(*marks_[0]);
}

absl::Status DrawSequence::Draw(const kernels::TensorView& logits, int32_t* token) {
  if (drawn_ == draws_) return absl::FailedPreconditionError("all draws of the sequence were made");
  if (drawn_ >= kMostAhead) RETURN_IF_ERROR(backend_.WaitFor(*marks_[2 * (drawn_ - kMostAhead) + 2]));
  RETURN_IF_ERROR(backend_.SetMark(*marks_[2 * drawn_ + 1]));
  RETURN_IF_ERROR(backend_.Draw({.repetition_penalty = options_.repetition_penalty,
                                 .temperature = options_.temperature,
                                 .top_k = options_.top_k,
                                 .top_p = options_.top_p,
                                 .min_p = options_.min_p,
                                 .logits = logits,
                                 .sequence = At<int32_t>(*sequence_),
                                 .capacity = before_ + draws_,
                                 .length = At<int64_t>(*control_, offsetof(Control, length)),
                                 .state = At<uint64_t>(*control_, offsetof(Control, state)),
                                 .token = token,
                                 .failure = At<int32_t>(*control_, offsetof(Control, failure))}));
  RETURN_IF_ERROR(backend_.SetMark(*marks_[2 * drawn_ + 2]));
  ++drawn_;
  return absl::OkStatus();
}

absl::StatusOr<std::vector<DrawnToken>> DrawSequence::Finish() {
  Control control;
  std::vector<int32_t> ids(static_cast<size_t>(drawn_));
  const kernels::HostCopy copies[] = {
      {&control, control_->data(), sizeof(control)},
      {ids.data(), At<int32_t>(*sequence_) + before_, drawn_ * static_cast<int64_t>(sizeof(int32_t))}};
  RETURN_IF_ERROR(backend_.Fetch(copies));
  RETURN_IF_ERROR(ToStatus(static_cast<kernels::DrawFailure>(control.failure)));
  std::vector<DrawnToken> tokens;
  for (size_t i = 0; i < ids.size(); ++i) {
    DrawnToken& token = tokens.emplace_back(DrawnToken{.id = ids[i]});
    ASSIGN_OR_RETURN(token.logits_seconds, backend_.SecondsBetween(*marks_[0], *marks_[2 * i + 1]));
    ASSIGN_OR_RETURN(token.seconds, backend_.SecondsBetween(*marks_[0], *marks_[2 * i + 2]));
  }
  return tokens;
}

}  // namespace metronome::runtime
