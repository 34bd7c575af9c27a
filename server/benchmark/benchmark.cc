#include "server/benchmark/benchmark.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "compiler/frontend/catalogue.h"
#include "kernels/base/memory_shortage.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/encoding/utf8.h"
#include "server/benchmark/latency.h"
#include "server/benchmark/scaling.h"
#include "server/benchmark/spec.h"
#include "server/benchmark/statistics.h"
#include "server/daemon/environment.h"
#include "server/rpc/grpc_status.h"

namespace metronome::server {
namespace {

constexpr double kForeignLoadWorthANote = 0.1;
constexpr size_t kMaxErrorTextBytes = 8192;
constexpr double kBandwidthMoveWorthANote = 0.1;

// Of the samples there are.
void SummariseResult(v1::BenchmarkResult& result) {
  SummariseSamples(result);
  SetRates(result);
}

void RecordForeignLoad(Measurement& m) {
  const std::optional<double> fraction = m.foreign_load.has_value() ? m.foreign_load->Fraction() : std::nullopt;
  if (!fraction.has_value()) return;
  m.result.set_foreign_cpu_fraction(*fraction);
  if (*fraction > kForeignLoadWorthANote)
    m.AddNote(absl::StrCat("others took ", std::lround(*fraction * 100), "% of the CPUs while this was measured"));
}

void RecordTelemetry(Measurement& m) {
  if (!m.telemetry.has_value()) return;
  m.telemetry->Finish(m.result);
  if (!m.result.throttle_reasons().empty()) {
    m.AddNote(absl::StrCat("throttled: ", absl::StrReplaceAll(m.result.throttle_reasons(), {{",", ", "}}),
                           " while this was measured"));
  }
}

// What is measured then is not what the path promises.
void RecordRefusal(Measurement& m, LoadedModel& model) {
  if (const absl::Status refusal = model.executor().recording_refusal(); !refusal.ok())
    m.AddNote(absl::StrCat("steps were launched kernel by kernel: ", text::ToUtf8Lossy(refusal.message())));
}

// The step that step_bytes speaks of; 0 when there was none.
double StepMs(const v1::BenchmarkResult& result) {
  if (result.positions_size() > 0) return result.positions(result.positions_size() - 1).step_ms().median();
  return result.tpot_ms().n() > 0 ? result.tpot_ms().median() : 0;
}

// The probe takes memory of its own; what it took before counts no more in later peaks of the process.
absl::StatusOr<double> ProbeBandwidth(Measurement& m) {
  m.progress("bandwidth", 0);
  absl::StatusOr<double> bandwidth = m.engine.backend().MeasureReadBandwidth();
  ResetPeakResidentBytes();
  return bandwidth;
}

// Where the model left no room for a probe, the times measured stand.
void CompareWithBandwidth(Measurement& m, const absl::StatusOr<double>& before, const absl::StatusOr<double>& after) {
  v1::BenchmarkResult& result = m.result;
  if (before.ok()) result.set_bandwidth_before_bytes_per_second(*before);
  if (after.ok()) result.set_bandwidth_after_bytes_per_second(*after);
  if (!before.ok() && !after.ok()) {
    m.AddNote(absl::StrCat("bandwidth not measured: ", text::ToUtf8Lossy(after.status().message())));
    return;
  }
  const double bandwidth = before.ok() && after.ok() ? (*before + *after) / 2 : before.ok() ? *before : *after;
  result.set_bandwidth_bytes_per_second(bandwidth);
  if (const double ms = StepMs(result); ms > 0)
    result.set_bandwidth_fraction(static_cast<double>(result.step_bytes()) / (ms * 1e-3) / bandwidth);
  if (before.ok() && after.ok() &&
      std::max(*before, *after) > (1 + kBandwidthMoveWorthANote) * std::min(*before, *after)) {
    m.AddNote(absl::StrFormat("a plain read went from %.1f to %.1f GB/s meanwhile, so %% bandwidth is a guess",
                              *before * 1e-9, *after * 1e-9));
  }
}

// Of the process where the device is the host; else what is taken of the device's memory now, which only grows while a
// model is measured.
int64_t PeakMemoryBytes(const kernels::Backend& backend) {
  if (backend.host_addressable()) return PeakResidentBytes();
  return backend.Describe().memory_total_bytes - backend.MemoryAvailableBytes();
}

void RaisePeakMemory(Measurement& m) {
  m.result.set_peak_memory_bytes(std::max(m.result.peak_memory_bytes(), PeakMemoryBytes(m.engine.backend())));
}

absl::Status Measure(Measurement& m) {
  ASSIGN_OR_RETURN(const ModelRequest request, ModelRequestOf(m.spec, m.engine.backend().name()));
  ASSIGN_OR_RETURN(LoadedModel * model, m.engine.Load(request, m.progress, m.token));
  const LoadedModel::Facts& facts = model->facts();
  m.result.set_compile_ms(facts.compile_ms);
  m.result.set_load_ms(facts.load_ms);
  m.result.set_weight_bytes(facts.weight_bytes);
  m.result.set_plan_hash(facts.plan_hash);
  m.result.set_weights_provenance(facts.weights_provenance);
  m.result.set_model_layers(static_cast<int32_t>(facts.model_layers));
  RaisePeakMemory(m);
  const absl::StatusOr<double> before = ProbeBandwidth(m);
  const absl::Status measured = m.spec.scenario() == kScaling ? MeasureScaling(*model, m) : MeasureLatency(*model, m);
  RecordTelemetry(m);
  RecordRefusal(m, *model);
  RaisePeakMemory(m);
  RETURN_IF_ERROR(measured);
  RETURN_IF_ERROR(model->CheckUnchanged());  // Else some of it was measured with other weights.
  RecordForeignLoad(m);
  SummariseResult(m.result);
  CompareWithBandwidth(m, before, ProbeBandwidth(m));
  return absl::OkStatus();
}

// The memory that a skipped model lacks, whatever it was skipped for: one that is not supported may not fit either.
std::optional<MemoryShortage> ShortageFor(const Engine& engine, const v1::BenchmarkSpec& spec,
                                          const absl::Status& status) {
  const compiler::CatalogueEntry* entry = compiler::FindModel(spec.model());
  const std::optional<kernels::DType> dtype = kernels::ParseDType(spec.dtype());
  if (!absl::IsUnimplemented(status) || entry == nullptr || !dtype.has_value()) return ShortageOf(status);
  const MemoryShortage weights = {.bytes_needed = entry->parameters * static_cast<int64_t>(kernels::SizeOf(*dtype)),
                                  .bytes_available = engine.backend().MemoryAvailableBytes()};
  if (weights.bytes_needed <= weights.bytes_available) return std::nullopt;
  return weights;
}

// What this machine or build cannot do is skipped; what went wrong has failed.
bool IsSkip(const absl::Status& status) { return absl::IsResourceExhausted(status) || absl::IsUnimplemented(status); }

void RecordError(const Engine& engine, const absl::Status& status, v1::BenchmarkResult& result) {
  result.set_outcome(IsSkip(status) ? "skipped" : "failed");
  result.set_error_kind(absl::StatusCodeToString(status.code()));
  result.set_error_text(BoundedText(status.message(), kMaxErrorTextBytes));  // It may quote bytes of a file.
  if (const std::optional<MemoryShortage> shortage = ShortageFor(engine, result.spec(), status)) {
    result.set_bytes_needed(shortage->bytes_needed);
    result.set_bytes_available(shortage->bytes_available);
  }
}

}  // namespace

v1::BenchmarkResult RunBenchmark(Engine& engine, const v1::BenchmarkSpec& spec, const CancelToken& token,
                                 const BenchmarkProgress& progress) {
  const LoadedModel* const loaded = engine.Loaded(spec.model());
  const bool loaded_before = loaded != nullptr, changed = loaded_before && !loaded->CheckCurrent().ok();
  ResetPeakResidentBytes();
  Measurement measurement = {.engine = engine, .spec = spec, .token = token, .progress = progress};
  v1::BenchmarkResult& result = measurement.result;
  *result.mutable_spec() = spec;
  result.set_provenance("server");
  result.set_memory_available_before_bytes(engine.backend().MemoryAvailableBytes());
  if (changed) measurement.AddNote("the model was loaded again: its files had changed");
  absl::Status status = Measure(measurement);
  if (!status.ok()) {
    SummariseResult(result);                                                               // What there is.
    if (absl::Status stopped = token.Check(); !stopped.ok()) status = std::move(stopped);  // Says best why.
  }
  if (result.peak_memory_bytes() == 0) RaisePeakMemory(measurement);
  if (!loaded_before && engine.Loaded(spec.model()) != nullptr) engine.Unload(spec.model()).status().IgnoreError();
  result.set_memory_available_after_bytes(engine.backend().MemoryAvailableBytes());
  if (status.ok()) {
    result.set_outcome("ok");
  } else {
    RecordError(engine, status, result);
  }
  return std::move(result);
}

}  // namespace metronome::server
