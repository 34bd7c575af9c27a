#include "server/rpc/grpc_status.h"

#include <algorithm>
#include <string>

#include "runtime/text/utf8.h"

namespace metronome {
namespace {

constexpr absl::string_view kEllipsis = "...";

std::string Bounded(absl::string_view message) {
  // No more is looked at than can be sent: each byte may become the three of U+FFFD, never fewer than itself.
  std::string text = ToUtf8Lossy(message.substr(0, kMaxStatusTextBytes));
  if (message.size() <= kMaxStatusTextBytes && text.size() <= kMaxStatusTextBytes) return text;
  text.resize(std::min(text.size(), kMaxStatusTextBytes - kEllipsis.size()));
  text.resize(text.size() - UnfinishedUtf8Suffix(text));
  text.append(kEllipsis.data(), kEllipsis.size());
  return text;
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), Bounded(status.message())};
}

absl::Status CancellationStatus(std::chrono::system_clock::time_point deadline) {
  if (deadline <= std::chrono::system_clock::now()) return absl::DeadlineExceededError("the call's deadline passed");
  return absl::CancelledError("cancelled by the client");
}

}  // namespace metronome
