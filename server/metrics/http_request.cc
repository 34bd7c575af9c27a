#include "server/metrics/http_request.h"

#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace metronome::server {
namespace {

// "http://host:port/path", as requests through a proxy have it, becomes "/path".
absl::string_view WithoutAuthority(absl::string_view target) {
  if (!absl::ConsumePrefix(&target, "http://")) return target;
  const size_t slash = target.find('/');
  return slash == absl::string_view::npos ? "/" : target.substr(slash);
}

}  // namespace

bool HasHttpHead(absl::string_view received) {
  return absl::StrContains(received, "\r\n\r\n") || absl::StrContains(received, "\n\n");
}

absl::StatusOr<HttpRequest> ParseHttpRequest(absl::string_view head) {
  absl::string_view line = head.substr(0, head.find('\n'));
  absl::ConsumeSuffix(&line, "\r");
  const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
  if (words.size() != 3 || words[0].empty() || (words[2] != "HTTP/1.1" && words[2] != "HTTP/1.0"))
    return absl::InvalidArgumentError("not a request of HTTP/1.1");
  const absl::string_view target = WithoutAuthority(words[1]);
  if (!absl::StartsWith(target, "/")) return absl::InvalidArgumentError("the request's target is no path");
  return HttpRequest{.method = std::string(words[0]), .path = std::string(target.substr(0, target.find('?')))};
}

}  // namespace metronome::server
