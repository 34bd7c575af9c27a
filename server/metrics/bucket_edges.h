#ifndef METRONOME_SERVER_METRICS_BUCKET_EDGES_H_
#define METRONOME_SERVER_METRICS_BUCKET_EDGES_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace metronome::server {

// Upper edges of the buckets of histograms, in seconds, ascending. What lies beyond the last is in a bucket of its own.
struct BucketEdges {
  std::vector<double> request;  // Of requests and their parts: time to first token, queue, prefill, decode, compile.
  std::vector<double> token;    // Of single tokens: inter-token latency, time per output token.

  // Every latency limit of MLPerf Inference is an edge (TTFT .45 .5 1.5 2 3 4.5 6; TPOT .015 .03 .04 .08 .1 .175 .2),
  // so that the share of requests within it can be read off exactly.
  static BucketEdges Default();
};

// InvalidArgument, which names `name`, unless there are 1 to 100 edges, each above the one before, the first above 0
// and the last finite.
absl::Status CheckBucketEdges(absl::string_view name, absl::Span<const double> edges);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_METRICS_BUCKET_EDGES_H_
