#include "runtime/plan/plan_set.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "kernels/base/hash.h"

namespace metronome::runtime {

size_t NearestBucket(const PlanSet& plans, int64_t seq) {
  const auto distance = [seq](const BucketPlan& bucket) {
    return std::abs(std::log(static_cast<double>(bucket.seq) / static_cast<double>(std::max<int64_t>(seq, 1))));
  };
  const auto nearest = std::min_element(
      plans.begin(), plans.end(), [&](const BucketPlan& a, const BucketPlan& b) { return distance(a) < distance(b); });
  return static_cast<size_t>(nearest - plans.begin());
}

std::string Hash(const PlanSet& plans) {
  if (plans.size() == 1) return plans[0].plan.Hash();
  std::string hashes;
  for (const BucketPlan& bucket : plans) absl::StrAppend(&hashes, bucket.seq, " ", bucket.plan.Hash(), "\n");
  return absl::StrCat(absl::Hex(Fnv1a(hashes), absl::kZeroPad16));
}

}  // namespace metronome::runtime
