#include "kernels/interface/backend.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"

namespace metronome::kernels {
namespace {

class HostMark final : public TimeMark {
 public:
  std::chrono::steady_clock::time_point time;
};

absl::Status RecordsNothing(absl::string_view backend) {
  return absl::UnimplementedError(absl::StrCat("the ", backend, " backend records no launches"));
}

}  // namespace

absl::Status Backend::Fetch(absl::Span<const HostCopy> copies) {
  for (const HostCopy& copy : copies) RETURN_IF_ERROR(CopyToHost(copy.host, copy.device, copy.bytes));
  return Synchronize();
}

absl::StatusOr<std::unique_ptr<TimeMark>> Backend::CreateMark() { return std::make_unique<HostMark>(); }
absl::Status Backend::SetMark(TimeMark& mark) {
  static_cast<HostMark&>(mark).time = std::chrono::steady_clock::now();
  return absl::OkStatus();
}
absl::Status Backend::WaitFor(const TimeMark&) { return absl::OkStatus(); }
absl::StatusOr<double> Backend::SecondsBetween(const TimeMark& from, const TimeMark& to) {
  const auto elapsed = static_cast<const HostMark&>(to).time - static_cast<const HostMark&>(from).time;
  return std::chrono::duration<double>(elapsed).count();
}

absl::Status Backend::BeginRecording(int64_t) { return RecordsNothing(name()); }
absl::StatusOr<std::unique_ptr<Recording>> Backend::EndRecording() { return RecordsNothing(name()); }
absl::Status Backend::Replay(const Recording&, int64_t) { return RecordsNothing(name()); }
absl::Status Backend::Draw(const TokenDraw&) {
  return absl::UnimplementedError(absl::StrCat("the ", name(), " backend draws no tokens"));
}

absl::StatusOr<DeviceTelemetry> Backend::Telemetry() const {
  return absl::UnimplementedError(absl::StrCat("the ", name(), " backend tells no clocks, temperature and power"));
}

}  // namespace metronome::kernels
