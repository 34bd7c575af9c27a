#ifndef METRONOME_SERVER_RPC_GUARD_H_
#define METRONOME_SERVER_RPC_GUARD_H_

#include <exception>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace metronome::server {

// What the caller of `rpc` is told about an exception: ResourceExhausted for a failed allocation, Internal for any
// other. The log has the exception's own text under the request id that the status names.
absl::Status StatusOfException(absl::string_view rpc, std::exception_ptr exception);

// Runs `work`, which returns a status. Nothing in this project throws on purpose, but the standard library and others
// do, and a request must never end the daemon.
template <typename Work>
absl::Status Guarded(absl::string_view rpc, Work&& work) {
  try {
    return std::forward<Work>(work)();
  } catch (...) {
    return StatusOfException(rpc, std::current_exception());
  }
}

// A job that runs `work` and finishes `stream` when it throws. `rpc` is a literal.
template <typename Stream>
std::function<void()> GuardedJob(absl::string_view rpc, std::shared_ptr<Stream> stream, std::function<void()> work) {
  return [rpc, stream = std::move(stream), work = std::move(work)] {
    const absl::Status status = Guarded(rpc, [&] {
      work();
      return absl::OkStatus();
    });
    if (!status.ok()) stream->Finish(status);
  };
}

}  // namespace metronome::server

#endif  // METRONOME_SERVER_RPC_GUARD_H_
