#ifndef METRONOME_SERVER_METRICS_HTTP_REQUEST_H_
#define METRONOME_SERVER_METRICS_HTTP_REQUEST_H_

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace metronome::server {

// Bytes of a request's head at most: a scraper's has a few hundred.
inline constexpr size_t kMaxHttpHeadBytes = 8192;

struct HttpRequest {
  std::string method;
  std::string path;  // Without scheme, host and query.
};

// Whether `received` has the whole head of an HTTP/1 request, the empty line after it included.
bool HasHttpHead(absl::string_view received);

// The request that a head begins with. InvalidArgument for what is not HTTP/1.0 or HTTP/1.1.
absl::StatusOr<HttpRequest> ParseHttpRequest(absl::string_view head);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_METRICS_HTTP_REQUEST_H_
