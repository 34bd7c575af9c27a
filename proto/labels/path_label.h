#ifndef METRONOME_PROTO_LABELS_PATH_LABEL_H_
#define METRONOME_PROTO_LABELS_PATH_LABEL_H_

#include <string>

#include "metronome/v1/benchmark.pb.h"

namespace metronome {

// Measured elsewhere and only recorded by the daemon.
bool IsExternal(const v1::BenchmarkResult& result);

// "compiled" as the daemon measured it, "hf_eager (external)" as another program did.
std::string PathLabel(const v1::BenchmarkResult& result);

}  // namespace metronome

#endif  // METRONOME_PROTO_LABELS_PATH_LABEL_H_
