#include "kernels/backend.h"

#include "absl/strings/str_cat.h"

namespace metronome {
namespace {

absl::Status RecordsNothing(absl::string_view backend) {
  return absl::UnimplementedError(absl::StrCat("the ", backend, " backend records no launches"));
}

}  // namespace

absl::Status Backend::BeginRecording(int64_t) { return RecordsNothing(name()); }
absl::StatusOr<std::unique_ptr<Recording>> Backend::EndRecording() { return RecordsNothing(name()); }
absl::Status Backend::Replay(const Recording&, int64_t) { return RecordsNothing(name()); }
absl::Status Backend::Draw(const TokenDraw&) {
  return absl::UnimplementedError(absl::StrCat("the ", name(), " backend draws no tokens"));
}

}  // namespace metronome
