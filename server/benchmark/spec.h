#ifndef METRONOME_SERVER_BENCHMARK_SPEC_H_
#define METRONOME_SERVER_BENCHMARK_SPEC_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "metronome/v1/benchmark.pb.h"
#include "server/model/loaded_model.h"

namespace metronome::server {

// Names of the scenarios.
inline constexpr char kLatency[] = "latency";
inline constexpr char kScaling[] = "scaling";

// Fills the defaults of a spec. InvalidArgument naming the field, its value and its range.
absl::Status NormaliseSpec(v1::BenchmarkSpec& spec);

// The model that a normalised spec measures. Errors as ToModelRequest.
absl::StatusOr<ModelRequest> ModelRequestOf(const v1::BenchmarkSpec& spec, absl::string_view backend);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_BENCHMARK_SPEC_H_
