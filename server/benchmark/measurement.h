#ifndef METRONOME_SERVER_BENCHMARK_MEASUREMENT_H_
#define METRONOME_SERVER_BENCHMARK_MEASUREMENT_H_

#include <functional>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "kernels/base/cancel_token.h"
#include "metronome/v1/benchmark.pb.h"
#include "server/benchmark/foreign_load.h"
#include "server/benchmark/telemetry_recorder.h"
#include "server/engine/engine.h"

namespace metronome::server {

using BenchmarkProgress = std::function<void(absl::string_view phase, double fraction)>;

// What a scenario works with while it measures, and what it fills. Used on the engine's thread.
struct Measurement {
  Engine& engine;
  const v1::BenchmarkSpec& spec;  // Normalised.
  const CancelToken& token;       // Asked between steps.
  const BenchmarkProgress& progress;
  v1::BenchmarkResult result;
  // From when samples count.
  std::optional<ForeignLoadProbe> foreign_load;
  std::optional<TelemetryRecorder> telemetry;

  void StartCounting();  // Before every iteration that counts; only the first call does anything.
  void AddSample(const char* metric, int iteration, int64_t position, double value);
  void AddNote(const std::string& note);  // After those there are.
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_BENCHMARK_MEASUREMENT_H_
