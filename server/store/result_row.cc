#include "server/store/result_row.h"

#include "kernels/base/status_macros.h"

namespace metronome::server {
namespace {

// The numbers of a telemetry, in the order of their columns.
struct TelemetryNumber {
  bool (v1::DeviceTelemetry::*has)() const;
  double (v1::DeviceTelemetry::*get)() const;
  void (v1::DeviceTelemetry::*set)(double);
};
constexpr TelemetryNumber kTelemetryNumbers[] = {
    {&v1::DeviceTelemetry::has_sm_clock_hertz, &v1::DeviceTelemetry::sm_clock_hertz,
     &v1::DeviceTelemetry::set_sm_clock_hertz},
    {&v1::DeviceTelemetry::has_memory_clock_hertz, &v1::DeviceTelemetry::memory_clock_hertz,
     &v1::DeviceTelemetry::set_memory_clock_hertz},
    {&v1::DeviceTelemetry::has_sm_clock_max_hertz, &v1::DeviceTelemetry::sm_clock_max_hertz,
     &v1::DeviceTelemetry::set_sm_clock_max_hertz},
    {&v1::DeviceTelemetry::has_memory_clock_max_hertz, &v1::DeviceTelemetry::memory_clock_max_hertz,
     &v1::DeviceTelemetry::set_memory_clock_max_hertz},
    {&v1::DeviceTelemetry::has_temperature_celsius, &v1::DeviceTelemetry::temperature_celsius,
     &v1::DeviceTelemetry::set_temperature_celsius},
    {&v1::DeviceTelemetry::has_power_watts, &v1::DeviceTelemetry::power_watts, &v1::DeviceTelemetry::set_power_watts},
    {&v1::DeviceTelemetry::has_power_limit_watts, &v1::DeviceTelemetry::power_limit_watts,
     &v1::DeviceTelemetry::set_power_limit_watts},
    {&v1::DeviceTelemetry::has_utilisation, &v1::DeviceTelemetry::utilisation, &v1::DeviceTelemetry::set_utilisation},
};

template <typename Value>
std::optional<Value> If(bool known, const Value& value) {
  return known ? std::make_optional(value) : std::nullopt;
}

void BindTelemetry(Statement& statement, const v1::DeviceTelemetry& telemetry) {
  for (const TelemetryNumber& number : kTelemetryNumbers)
    statement.Bind(If((telemetry.*number.has)(), (telemetry.*number.get)()));
  statement.BindOptionalText(If(telemetry.has_throttle_reasons(), telemetry.throttle_reasons()));
}

}  // namespace

void BindResult(Statement& statement, const v1::BenchmarkResult& result) {
  const v1::BenchmarkSpec& spec = result.spec();
  statement.Bind(result.provenance()).Bind(result.outcome()).Bind(result.error_kind()).Bind(result.error_text());
  statement.Bind(result.bytes_needed())
      .Bind(result.bytes_available())
      .Bind(spec.model())
      .Bind(spec.config())
      .Bind(spec.scenario());
  statement.Bind(spec.path())
      .Bind(spec.dtype())
      .Bind(spec.prompt())
      .Bind(spec.prefill_mode())
      .Bind(result.prompt_tokens_requested());
  statement.Bind(result.prompt_tokens())
      .Bind(result.prompt_tokens_padded())
      .Bind(int64_t{spec.iters()})
      .Bind(int64_t{spec.warmups()});
  statement.Bind(spec.decode_tokens())
      .Bind(int64_t{spec.search_iterations()})
      .Bind(static_cast<int64_t>(spec.seed()))
      .Bind(spec.max_cache_len());
  statement.Bind(result.ttft_ms().median())
      .Bind(result.tpot_ms().median())
      .Bind(result.step_ms().median())
      .Bind(result.compile_ms());
  statement.Bind(result.load_ms())
      .Bind(result.prefill_tokens_per_second())
      .Bind(result.decode_tokens_per_second())
      .Bind(result.weight_bytes());
  statement.Bind(result.kv_bytes())
      .Bind(result.peak_memory_bytes())
      .Bind(result.plan_hash())
      .Bind(result.weights_provenance());
  statement.Bind(result.kv_state())
      .Bind(result.output_digest())
      .Bind(result.step_bytes())
      .Bind(result.bandwidth_bytes_per_second());
  statement.Bind(result.bandwidth_fraction()).Bind(result.note());
  statement
      .Bind(result.has_foreign_cpu_fraction() ? std::optional<double>(result.foreign_cpu_fraction()) : std::nullopt)
      .Bind(result.memory_available_before_bytes())
      .Bind(result.memory_available_after_bytes())
      .Bind(spec.prompt_tokens())
      .Bind(spec.weights());
  const v1::Sampling& sampling = spec.sampling();
  statement.Bind(int64_t{spec.layers()})
      .Bind(int64_t{result.model_layers()})
      .Bind(sampling.temperature())
      .Bind(sampling.top_k())
      .Bind(sampling.has_top_p() ? std::optional<double>(sampling.top_p()) : std::nullopt)
      .Bind(sampling.min_p())
      .Bind(sampling.has_repetition_penalty() ? std::optional<double>(sampling.repetition_penalty()) : std::nullopt)
      .Bind(static_cast<int64_t>(sampling.seed()))
      .Bind(sampling.has_logprobs() ? std::optional<int64_t>(sampling.logprobs()) : std::nullopt)
      .Bind(result.sampling_ms().median())
      .Bind(int64_t{spec.streamed()})
      .Bind(int64_t{result.tokens_on_device()});
  BindTelemetry(statement, result.telemetry_before());
  BindTelemetry(statement, result.telemetry_after());
  statement.Bind(If(result.has_sm_clock_min_hertz(), result.sm_clock_min_hertz()))
      .Bind(If(result.has_temperature_max_celsius(), result.temperature_max_celsius()))
      .Bind(If(result.has_power_max_watts(), result.power_max_watts()))
      .BindOptionalText(If(result.has_throttle_reasons(), result.throttle_reasons()))
      .BindBlob(StatisticsOf(result))
      .Bind(result.sample_count())
      .Bind(result.bandwidth_before_bytes_per_second())
      .Bind(result.bandwidth_after_bytes_per_second());
}

std::string StatisticsOf(const v1::BenchmarkResult& result) {
  v1::BenchmarkResult statistics;
  if (result.has_ttft_ms()) *statistics.mutable_ttft_ms() = result.ttft_ms();
  if (result.has_tpot_ms()) *statistics.mutable_tpot_ms() = result.tpot_ms();
  if (result.has_step_ms()) *statistics.mutable_step_ms() = result.step_ms();
  if (result.has_sampling_ms()) *statistics.mutable_sampling_ms() = result.sampling_ms();
  *statistics.mutable_positions() = result.positions();
  return statistics.SerializeAsString();
}

namespace {

// What was not measured is stored as 0 and stays absent.
void ReadMedian(Statement& row, v1::Statistics* (v1::BenchmarkResult::*field)(), v1::BenchmarkResult& result) {
  if (const double median = row.Double(); median != 0) (result.*field)()->set_median(median);
}

// A spec without sampling and one with all defaults are the same request.
void ReadSampling(Statement& row, v1::BenchmarkSpec& spec) {
  v1::Sampling sampling;
  sampling.set_temperature(row.Double());
  sampling.set_top_k(row.Int());
  if (const std::optional<double> top_p = row.OptionalDouble(); top_p.has_value()) sampling.set_top_p(*top_p);
  sampling.set_min_p(row.Double());
  if (const std::optional<double> penalty = row.OptionalDouble(); penalty.has_value())
    sampling.set_repetition_penalty(*penalty);
  sampling.set_seed(static_cast<uint64_t>(row.Int()));
  if (const std::optional<int64_t> logprobs = row.OptionalInt(); logprobs.has_value())
    sampling.set_logprobs(static_cast<int32_t>(*logprobs));
  if (sampling.ByteSizeLong() > 0) *spec.mutable_sampling() = sampling;
}

// One of which nothing is known was none.
void ReadTelemetry(Statement& row, v1::DeviceTelemetry* (v1::BenchmarkResult::*field)(), v1::BenchmarkResult& result) {
  v1::DeviceTelemetry telemetry;
  for (const TelemetryNumber& number : kTelemetryNumbers) {
    if (const std::optional<double> value = row.OptionalDouble(); value.has_value()) (telemetry.*number.set)(*value);
  }
  if (std::optional<std::string> reasons = row.OptionalText(); reasons.has_value())
    telemetry.set_throttle_reasons(*std::move(reasons));
  if (telemetry.ByteSizeLong() > 0) *(result.*field)() = std::move(telemetry);
}

void ReadExtremes(Statement& row, v1::BenchmarkResult& result) {
  if (const std::optional<double> clock = row.OptionalDouble(); clock.has_value())
    result.set_sm_clock_min_hertz(*clock);
  if (const std::optional<double> temperature = row.OptionalDouble(); temperature.has_value())
    result.set_temperature_max_celsius(*temperature);
  if (const std::optional<double> power = row.OptionalDouble(); power.has_value()) result.set_power_max_watts(*power);
  if (std::optional<std::string> reasons = row.OptionalText(); reasons.has_value())
    result.set_throttle_reasons(*std::move(reasons));
}

}  // namespace

v1::BenchmarkResult ReadResult(Statement& row) {
  v1::BenchmarkResult result;
  v1::BenchmarkSpec& spec = *result.mutable_spec();
  result.set_result_id(row.Int());
  result.set_provenance(row.Text());
  result.set_outcome(row.Text());
  result.set_error_kind(row.Text());
  result.set_error_text(row.Text());
  result.set_bytes_needed(row.Int());
  result.set_bytes_available(row.Int());
  spec.set_model(row.Text());
  spec.set_config(row.Text());
  spec.set_scenario(row.Text());
  spec.set_path(row.Text());
  spec.set_dtype(row.Text());
  spec.set_prompt(row.Text());
  spec.set_prefill_mode(row.Text());
  result.set_prompt_tokens_requested(row.Int());
  result.set_prompt_tokens(row.Int());
  result.set_prompt_tokens_padded(row.Int());
  spec.set_iters(static_cast<int32_t>(row.Int()));
  spec.set_warmups(static_cast<int32_t>(row.Int()));
  spec.set_decode_tokens(row.Int());
  spec.set_search_iterations(static_cast<int32_t>(row.Int()));
  spec.set_seed(static_cast<uint64_t>(row.Int()));
  spec.set_max_cache_len(row.Int());
  ReadMedian(row, &v1::BenchmarkResult::mutable_ttft_ms, result);
  ReadMedian(row, &v1::BenchmarkResult::mutable_tpot_ms, result);
  ReadMedian(row, &v1::BenchmarkResult::mutable_step_ms, result);
  result.set_compile_ms(row.Double());
  result.set_load_ms(row.Double());
  result.set_prefill_tokens_per_second(row.Double());
  result.set_decode_tokens_per_second(row.Double());
  result.set_weight_bytes(row.Int());
  result.set_kv_bytes(row.Int());
  result.set_peak_memory_bytes(row.Int());
  result.set_plan_hash(row.Text());
  result.set_weights_provenance(row.Text());
  result.set_kv_state(row.Text());
  result.set_output_digest(row.Text());
  result.set_step_bytes(row.Int());
  result.set_bandwidth_bytes_per_second(row.Double());
  result.set_bandwidth_fraction(row.Double());
  result.set_note(row.Text());
  if (const std::optional<double> foreign = row.OptionalDouble(); foreign.has_value())
    result.set_foreign_cpu_fraction(*foreign);
  result.set_memory_available_before_bytes(row.Int());
  result.set_memory_available_after_bytes(row.Int());
  spec.set_prompt_tokens(row.Int());
  spec.set_weights(row.Text());
  spec.set_layers(static_cast<int32_t>(row.Int()));
  result.set_model_layers(static_cast<int32_t>(row.Int()));
  ReadSampling(row, spec);
  ReadMedian(row, &v1::BenchmarkResult::mutable_sampling_ms, result);
  spec.set_streamed(row.Int() != 0);
  result.set_tokens_on_device(row.Int() != 0);
  ReadTelemetry(row, &v1::BenchmarkResult::mutable_telemetry_before, result);
  ReadTelemetry(row, &v1::BenchmarkResult::mutable_telemetry_after, result);
  ReadExtremes(row, result);
  if (const std::optional<std::string> statistics = row.OptionalBlob(); statistics.has_value())
    result.MergeFromString(*statistics);
  result.set_sample_count(row.Int());
  result.set_bandwidth_before_bytes_per_second(row.Double());
  result.set_bandwidth_after_bytes_per_second(row.Double());
  return result;
}

absl::Status InsertBlocks(Sqlite& database, int64_t result_key, absl::Span<const SampleBlock> blocks) {
  Statement insert(database, "INSERT INTO sample_blocks (result_key, first, count, data) VALUES (?, ?, ?, ?)");
  for (const SampleBlock& block : blocks)
    RETURN_IF_ERROR(insert.Bind(result_key).Bind(block.first).Bind(block.count).BindBlob(block.data).Run());
  return absl::OkStatus();
}

}  // namespace metronome::server
