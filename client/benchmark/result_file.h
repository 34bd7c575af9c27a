#ifndef METRONOME_CLIENT_BENCHMARK_RESULT_FILE_H_
#define METRONOME_CLIENT_BENCHMARK_RESULT_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "metronome/v1/benchmark.pb.h"

namespace metronome::client {

// A result and where it stands: "FILE:LINE", of a run's "FILE:LINE: results[2]".
struct PlacedResult {
  std::string place;
  v1::BenchmarkResult result;
};

// Reads JSON objects one after the other, so that a result a file and a result a line are both well: BenchmarkResult
// as client/peers/run_peer.py prints it, or Run as `run -o json` and `show -o json` do, each of whose results gets a
// note of the run that it is from. Of values the types are checked, not the ranges: those are the daemon's.
//
// InvalidArgument "FILE:LINE: reason": no result, not JSON, not a result, an unknown field.
absl::StatusOr<std::vector<PlacedResult>> ReadResults(absl::string_view text, absl::string_view file);

}  // namespace metronome::client

#endif  // METRONOME_CLIENT_BENCHMARK_RESULT_FILE_H_
