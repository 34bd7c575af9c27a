#ifndef METRONOME_SERVER_METRICS_METRICS_H_
#define METRONOME_SERVER_METRICS_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/metrics/benchmark_gauges.h"
#include "server/metrics/bucket_edges.h"
#include "server/metrics/device_gauges.h"
#include "server/metrics/metrics_listener.h"

namespace metronome::server {

// Labels of what happens to a model. Bounded: models are catalogue keys, "directory" for any other, or "partial" for
// the first layers of any.
struct ModelLabels {
  std::string model;
  std::string backend;
  std::string path;
  std::string phase = "request";  // "benchmark" while one measures, so that it counts for no objective of a service.
};

// The daemon's Prometheus metrics. Thread-safe.
class Metrics {
 public:
  explicit Metrics(BucketEdges edges = BucketEdges::Default());

  // Serves them at http://address/metrics; the port may be 0. FailedPrecondition when the address cannot be bound,
  // InvalidArgument when it is none.
  absl::Status Serve(const std::string& address);
  const std::string& address() const { return address_; }  // With the port that was bound; empty when not served.
  prometheus::Registry& registry() { return registry_; }
  DeviceGauges& device() { return device_; }  // Served beside the registry, as the next.
  BenchmarkGauges& benchmarks() { return benchmarks_; }
  std::string Text() const;  // What is served now, in Prometheus's text format.

  void RequestStarted() { in_flight_.fetch_add(1, std::memory_order_relaxed); }
  void RequestFinished(absl::string_view rpc, absl::string_view code, double seconds);
  void ObserveQueue(double seconds);
  void ObservePrefill(const ModelLabels& labels, double seconds, double ttft_seconds, int64_t prompt_tokens);
  void ObserveStep(const ModelLabels& labels, double seconds);
  void ObserveDecode(const ModelLabels& labels, double seconds, double tpot_seconds, int64_t tokens);
  void ObserveCompile(const ModelLabels& labels, double seconds);
  void CountBenchmarkResult(absl::string_view outcome);
  void CountDenial(absl::string_view rpc, absl::string_view code);
  void CountDatabaseFailure() { db_write_failures_->Increment(); }

  // Of the requests started and not finished, `waiting` wait for the engine and the others run.
  void SetWaiting(int64_t waiting);
  void SetSessions(double sessions, double kv_used_bytes, double kv_capacity_bytes);
  void SetDeviceMemory(absl::string_view backend, double bytes);
  // What the above cannot pass.
  void SetLimits(double waiting, double sessions);
  void SetKvCacheLimit(double bytes) { kv_limit_->Set(bytes); }
  void SetDeviceCapacity(absl::string_view backend, double bytes);
  void SetDeviceAvailable(absl::string_view backend, double bytes);
  // How long the engine has worked since it started; never less than before.
  void SetEngineBusy(double seconds);

 private:
  using Histograms = prometheus::Family<prometheus::Histogram>;

  const BucketEdges edges_;
  prometheus::Registry registry_;
  DeviceGauges device_;
  BenchmarkGauges benchmarks_;
  std::string address_;
  std::atomic<int64_t> in_flight_{0};
  Histograms &ttft_, &inter_token_, &tpot_, &request_duration_, &queue_duration_, &prefill_duration_, &decode_duration_,
      &compile_duration_;
  prometheus::Family<prometheus::Counter>&prompt_tokens_, &generated_tokens_, &requests_, &denied_requests_,
      &benchmark_results_;
  prometheus::Family<prometheus::Gauge>&device_memory_, &device_capacity_, &device_available_;
  prometheus::Counter *db_write_failures_, *engine_busy_;
  prometheus::Gauge *requests_running_, *requests_waiting_, *waiting_limit_, *sessions_, *sessions_limit_, *kv_used_,
      *kv_capacity_, *kv_limit_, *kv_ratio_;
  std::unique_ptr<MetricsListener> listener_;  // Last: it asks for all of the above until it ends.
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_METRICS_METRICS_H_
