#include "server/metrics/bucket_edges.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace metronome::server {
namespace {

constexpr size_t kMaxEdges = 100;  // Each is a series for every model and path.

}  // namespace

BucketEdges BucketEdges::Default() {
  return {.request = {.001, .002, .005, .01, .02, .05, .1, .2, .3, .45, .5,  .75, 1,
                      1.5,  2,    3,    4.5, 6,   10,  20, 40, 60, 120, 300, 600},
          .token = {.0005, .001, .002, .004, .006, .008, .01, .015, .02, .03, .04, .06, .08,
                    .1,    .125, .15,  .175, .2,   .3,   .5,  .75,  1,   1.5, 2,   5}};
}

absl::Status CheckBucketEdges(absl::string_view name, absl::Span<const double> edges) {
  if (edges.empty() || edges.size() > kMaxEdges)
    return absl::InvalidArgumentError(absl::StrCat(name, " has ", edges.size(), " edges, not 1 to ", kMaxEdges));
  double before = 0;
  for (const double edge : edges) {
    if (!(edge > before) || !std::isfinite(edge)) {  // Neither is NaN.
      return absl::InvalidArgumentError(
          absl::StrCat(name, " has ", edge, " after ", before, ": edges are seconds above 0 that ascend"));
    }
    before = edge;
  }
  return absl::OkStatus();
}

}  // namespace metronome::server
