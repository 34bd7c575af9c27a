#ifndef METRONOME_SERVER_DAEMON_ENVIRONMENT_H_
#define METRONOME_SERVER_DAEMON_ENVIRONMENT_H_

#include <cstdint>

#include "kernels/interface/backend.h"
#include "metronome/v1/benchmark.pb.h"

namespace metronome::server {

// What this process knows of the machine it runs on, now.
v1::ServerEnvironment DescribeEnvironment(const kernels::Backend& backend);

// Peak resident memory since the last reset, as Linux counts it; 0 where /proc does not tell.
int64_t PeakResidentBytes();
void ResetPeakResidentBytes();

}  // namespace metronome::server

#endif  // METRONOME_SERVER_DAEMON_ENVIRONMENT_H_
