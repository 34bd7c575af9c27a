#include "server/rpc/guard.h"

#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdint>
#include <new>
#include <string>

#include "absl/strings/str_cat.h"

namespace metronome::server {

absl::Status StatusOfException(absl::string_view rpc, std::exception_ptr exception) {
  static std::atomic<uint64_t> next_request{1};
  const std::string request = absl::StrCat("request ", next_request.fetch_add(1, std::memory_order_relaxed));
  try {
    std::rethrow_exception(std::move(exception));
  } catch (const std::bad_alloc&) {
    spdlog::error("{}, {}: out of host memory", request, std::string(rpc));
    return absl::ResourceExhaustedError(absl::StrCat("the daemon ran out of memory (", request, ")"));
  } catch (const std::exception& error) {
    spdlog::error("{}, {}: exception: {}", request, std::string(rpc), error.what());
  } catch (...) {
    spdlog::error("{}, {}: unknown exception", request, std::string(rpc));
  }
  return absl::InternalError(absl::StrCat("internal error; the daemon's log has it as ", request));
}

}  // namespace metronome::server
