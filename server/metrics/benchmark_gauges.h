#ifndef METRONOME_SERVER_METRICS_BENCHMARK_GAUGES_H_
#define METRONOME_SERVER_METRICS_BENCHMARK_GAUGES_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "metronome/v1/benchmark.pb.h"

namespace metronome::server {

// What makes benchmark results comparable; the labels of their gauges. Bounded: names that a client makes up are
// "other" where they have more than 64 characters or any but letters, digits and "_.-".
struct BenchmarkKind {
  std::string model;  // Catalogue key, "qwen3-30b-a3b [8 of 48 layers]" for a part of one, or "directory".
  std::string backend;
  std::string path;
  std::string config;
  std::string dtype;
  std::string workload;  // "pp21+tg5": 21 tokens of prompt, 5 generated; " sequential", " streamed", " sampled".

  static BenchmarkKind Of(const v1::BenchmarkResult& result, absl::string_view backend);
  auto operator<=>(const BenchmarkKind&) const = default;
};

// The newest result of each kind of benchmark, as the gauges metronome_benchmark_result_*. Thread-safe.
class BenchmarkGauges final : public prometheus::Collectable {
 public:
  // Kinds kept at a time: those measured last.
  static constexpr size_t kMaxKinds = 256;

  // A latency result of outcome "ok" takes the place of the one before; any other is ignored. `backend` is that of the
  // daemon, and "external" is said instead for a result that it did not measure.
  void Record(const v1::BenchmarkResult& result, absl::string_view backend, int64_t unix_micros);

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  struct Newest {
    int64_t order = 0;  // Larger than that of all results before.
    double unix_seconds = 0;
    double ttft_seconds = 0;                // Medians.
    std::optional<double> tpot_seconds;     // nullopt: of one token.
    std::optional<double> bandwidth_ratio;  // nullopt: not known.
  };

  mutable absl::Mutex mutex_;
  int64_t recorded_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<BenchmarkKind, Newest> newest_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_METRICS_BENCHMARK_GAUGES_H_
