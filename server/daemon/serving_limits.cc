#include "server/daemon/serving_limits.h"

#include <algorithm>

namespace metronome::server {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

// A recorded result of a million samples takes some 100 MiB once parsed, and a client may have half.
constexpr int64_t kLeastRequestBytes = 512 * kMiB;
constexpr int64_t kLeastAnswerBytes = 64 * kMiB;

int64_t MiBOr(int64_t mib, int64_t otherwise) { return mib == 0 ? otherwise : mib * kMiB; }

}  // namespace

ServingLimits LimitsOf(const DaemonConfig& config, int64_t host_memory_bytes, int64_t device_memory_bytes) {
  const int64_t requests = MiBOr(config.request_memory_mib, std::max(kLeastRequestBytes, host_memory_bytes / 32));
  const int64_t answers = MiBOr(config.answer_memory_mib, std::max(kLeastAnswerBytes, host_memory_bytes / 64));
  const int64_t caches = MiBOr(config.session_memory_mib, device_memory_bytes / 4 * 3);
  return {.prompt = {config.prompt_request_mib * kMiB, "prompt_request_mib"},
          .record = {config.record_request_mib * kMiB, "record_request_mib"},
          .requests = {.what = "memory of requests in flight",
                       .unit = "bytes",
                       .total = requests,
                       .per_client = MiBOr(config.client_request_memory_mib, requests / 2),
                       .total_option = "request_memory_mib",
                       .client_option = "client_request_memory_mib",
                       .remedy = "retry when some have ended, send less"},
          .answers = {.what = "memory of answers that nobody has read yet",
                      .unit = "bytes",
                      .total = answers,
                      .per_client = MiBOr(config.client_answer_memory_mib, answers / 2),
                      .total_option = "answer_memory_mib",
                      .client_option = "client_answer_memory_mib",
                      .remedy = "read them sooner"},
          .sessions = {.what = "open sessions",
                       .unit = "sessions",
                       .total = config.session_limit,
                       .per_client = config.client_session_limit,
                       .total_option = "session_limit",
                       .client_option = "client_session_limit",
                       .remedy = "close some"},
          .caches = {.what = "KV caches of open sessions",
                     .unit = "bytes",
                     .total = caches,
                     .per_client = MiBOr(config.client_session_memory_mib, caches / 3 * 2),
                     .total_option = "session_memory_mib",
                     .client_option = "client_session_memory_mib",
                     .remedy = "close some, ask for a smaller max_cache_len"}};
}

}  // namespace metronome::server
