#include "server/rpc/grpc_status.h"

#include <algorithm>
#include <string>

#include "runtime/text/encoding/utf8.h"

namespace metronome::server {
namespace {

constexpr absl::string_view kEllipsis = "...";

}  // namespace

std::string BoundedText(absl::string_view text, size_t limit) {
  // No more is looked at than can be kept: each byte may become the three of U+FFFD, never fewer than itself.
  std::string bounded = text::ToUtf8Lossy(text.substr(0, limit));
  if (text.size() <= limit && bounded.size() <= limit) return bounded;
  bounded.resize(std::min(bounded.size(), limit - kEllipsis.size()));
  bounded.resize(bounded.size() - text::UnfinishedUtf8Suffix(bounded));
  bounded.append(kEllipsis.data(), kEllipsis.size());
  return bounded;
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), BoundedText(status.message(), kMaxStatusTextBytes)};
}

absl::Status CancellationStatus(std::chrono::system_clock::time_point deadline) {
  if (deadline <= std::chrono::system_clock::now()) return absl::DeadlineExceededError("the call's deadline passed");
  return absl::CancelledError("cancelled by the client");
}

}  // namespace metronome::server
