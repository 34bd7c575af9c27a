#ifndef METRONOME_SERVER_DAEMON_SERVING_LIMITS_H_
#define METRONOME_SERVER_DAEMON_SERVING_LIMITS_H_

#include <cstdint>

#include "server/daemon/config.h"
#include "server/rpc/admission.h"
#include "server/rpc/budget.h"

namespace metronome::server {

// Bytes of a request that carries neither a prompt nor a result: names, paths and numbers.
inline constexpr int64_t kPlainRequestBytes = int64_t{256} << 10;
// Bytes of a request with a prompt that is recorded (1 MiB) and the texts beside it.
inline constexpr int64_t kBenchmarkRequestBytes = int64_t{2} << 20;

// What clients may ask of the daemon, from the configuration and, where that leaves it open, a share of the memory.
struct ServingLimits {
  RequestLimit prompt;       // Requests of Prefill and Generate.
  RequestLimit record;       // Of RecordResult.
  Budget::Options requests;  // Memory of requests between their arrival and the end of their calls.
  Budget::Options answers;   // Of answers that wait for their readers.
  Budget::Options sessions;  // Open ones.
  Budget::Options caches;    // Of open sessions, as if they were full.
};

ServingLimits LimitsOf(const DaemonConfig& config, int64_t host_memory_bytes, int64_t device_memory_bytes);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_DAEMON_SERVING_LIMITS_H_
