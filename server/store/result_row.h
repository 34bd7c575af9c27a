#ifndef METRONOME_SERVER_STORE_RESULT_ROW_H_
#define METRONOME_SERVER_STORE_RESULT_ROW_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "metronome/v1/benchmark.pb.h"
#include "server/database/sqlite.h"
#include "server/store/sample_blocks.h"

namespace metronome::server {

// The columns of `results` that a BenchmarkResult fills, in the order of the two functions below.
inline constexpr absl::string_view kResultColumns =
    "provenance, outcome, error_kind, error_text, bytes_needed, bytes_available, model, config, scenario, path, dtype, "
    "prompt, prefill_mode, "
    "prompt_tokens_requested, prompt_tokens, prompt_tokens_padded, iters, warmups, decode_tokens, search_iterations, "
    "seed, max_cache_len, ttft_ms, "
    "tpot_ms, step_ms, compile_ms, load_ms, prefill_tokens_per_second, decode_tokens_per_second, weight_bytes, "
    "kv_bytes, peak_memory_bytes, plan_hash, "
    "weights_provenance, kv_state, output_digest, step_bytes, bandwidth_bytes_per_second, bandwidth_fraction, note, "
    "foreign_cpu_fraction, memory_available_before_bytes, memory_available_after_bytes, synthetic_prompt_tokens, "
    "weights, layers, model_layers, temperature, top_k, top_p, min_p, repetition_penalty, sampling_seed, logprobs, "
    "sampling_ms, streamed, tokens_on_device, "
    "before_sm_clock_hertz, before_memory_clock_hertz, before_sm_clock_max_hertz, before_memory_clock_max_hertz, "
    "before_temperature_celsius, before_power_watts, before_power_limit_watts, before_utilisation, "
    "before_throttle_reasons, after_sm_clock_hertz, after_memory_clock_hertz, after_sm_clock_max_hertz, "
    "after_memory_clock_max_hertz, after_temperature_celsius, after_power_watts, after_power_limit_watts, "
    "after_utilisation, after_throttle_reasons, sm_clock_min_hertz, temperature_max_celsius, power_max_watts, "
    "throttle_reasons, statistics, sample_count, bandwidth_before_bytes_per_second, "
    "bandwidth_after_bytes_per_second";

// Binds all of them; statistics as their medians, and whole in a message of their own. The result has no samples any
// more, only their count.
void BindResult(Statement& statement, const v1::BenchmarkResult& result);

// Reads result_id and then all of them; without samples.
v1::BenchmarkResult ReadResult(Statement& row);

// Into sample_blocks.
absl::Status InsertBlocks(Sqlite& database, int64_t result_key, absl::Span<const SampleBlock> blocks);

// What the column statistics holds: a BenchmarkResult that has the statistics and positions of this one, serialized.
std::string StatisticsOf(const v1::BenchmarkResult& result);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_STORE_RESULT_ROW_H_
