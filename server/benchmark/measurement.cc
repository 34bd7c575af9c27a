#include "server/benchmark/measurement.h"

#include "absl/strings/str_cat.h"

namespace metronome::server {

void Measurement::StartCounting() {
  if (foreign_load.has_value()) return;
  telemetry.emplace(engine.backend(), engine.clock());
  foreign_load.emplace();
}

void Measurement::AddSample(const char* metric, int iteration, int64_t position, double value) {
  v1::Sample& sample = *result.add_samples();
  sample.set_metric(metric);
  sample.set_index(iteration);
  sample.set_position(position);
  sample.set_value(value);
}

void Measurement::AddNote(const std::string& note) {
  result.set_note(result.note().empty() ? note : absl::StrCat(result.note(), "; ", note));
}

}  // namespace metronome::server
