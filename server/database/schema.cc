#include "server/database/schema.h"

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "server/database/sample_migration.h"

namespace metronome::server {
namespace {

// Never edit one that was released; append.
constexpr const char* kMigrations[] = {
    R"(
CREATE TABLE runs (
  run_id TEXT PRIMARY KEY,                -- UTC start with microseconds.
  mode TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('running', 'complete', 'interrupted', 'failed')),
  started_unix_micros INTEGER NOT NULL,
  finished_unix_micros INTEGER NOT NULL DEFAULT 0,
  note TEXT NOT NULL,
  caller_git_commit TEXT NOT NULL,
  caller_git_branch TEXT NOT NULL,
  caller_host TEXT NOT NULL,
  build_commit TEXT NOT NULL,
  host TEXT NOT NULL,
  os TEXT NOT NULL,
  cpu_model TEXT NOT NULL,
  threads INTEGER NOT NULL,
  instruction_set TEXT NOT NULL,
  gpu_name TEXT NOT NULL,
  gpu_driver TEXT NOT NULL,
  cuda_version TEXT NOT NULL,
  memory_total_bytes INTEGER NOT NULL,
  memory_available_bytes INTEGER NOT NULL,
  load_average REAL NOT NULL
) STRICT;

CREATE TABLE results (
  result_id INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  created_unix_micros INTEGER NOT NULL,
  provenance TEXT NOT NULL CHECK (provenance IN ('server', 'external')),
  outcome TEXT NOT NULL CHECK (outcome IN ('ok', 'skipped', 'failed')),
  error_kind TEXT NOT NULL,
  error_text TEXT NOT NULL,
  bytes_needed INTEGER NOT NULL,
  bytes_available INTEGER NOT NULL,
  model TEXT NOT NULL,
  config TEXT NOT NULL,
  scenario TEXT NOT NULL,
  path TEXT NOT NULL,
  dtype TEXT NOT NULL,
  prompt TEXT NOT NULL,
  prefill_mode TEXT NOT NULL,
  prompt_tokens_requested INTEGER NOT NULL,
  prompt_tokens INTEGER NOT NULL,
  prompt_tokens_padded INTEGER NOT NULL,
  iters INTEGER NOT NULL,
  warmups INTEGER NOT NULL,
  decode_tokens INTEGER NOT NULL,
  search_iterations INTEGER NOT NULL,
  seed INTEGER NOT NULL,
  max_cache_len INTEGER NOT NULL,
  ttft_ms REAL NOT NULL,                  -- Medians; every sample is in samples.
  tpot_ms REAL NOT NULL,
  step_ms REAL NOT NULL,
  compile_ms REAL NOT NULL,
  load_ms REAL NOT NULL,
  prefill_tokens_per_second REAL NOT NULL,
  decode_tokens_per_second REAL NOT NULL,
  weight_bytes INTEGER NOT NULL,
  kv_bytes INTEGER NOT NULL,
  peak_memory_bytes INTEGER NOT NULL,
  plan_hash TEXT NOT NULL,
  weights_provenance TEXT NOT NULL,
  kv_state TEXT NOT NULL,
  output_digest TEXT NOT NULL,
  step_bytes INTEGER NOT NULL,
  bandwidth_bytes_per_second REAL NOT NULL,
  bandwidth_fraction REAL NOT NULL,
  note TEXT NOT NULL
) STRICT;
CREATE INDEX results_by_run ON results (run_id);
CREATE INDEX results_by_model ON results (model, path, created_unix_micros);

CREATE TABLE samples (
  result_id INTEGER NOT NULL REFERENCES results (result_id) ON DELETE CASCADE,
  metric TEXT NOT NULL,
  sample_index INTEGER NOT NULL,
  position INTEGER NOT NULL,
  value REAL NOT NULL
) STRICT;
CREATE INDEX samples_by_result ON samples (result_id);
)",
    // What surrounded the measurement, and what was asked for.
    R"(
ALTER TABLE results ADD COLUMN foreign_cpu_fraction REAL;  -- NULL: not known.
ALTER TABLE results ADD COLUMN memory_available_before_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE results ADD COLUMN memory_available_after_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE results ADD COLUMN synthetic_prompt_tokens INTEGER NOT NULL DEFAULT 0;  -- Asked for.
ALTER TABLE results ADD COLUMN weights TEXT NOT NULL DEFAULT '';  -- Asked for; weights_provenance: used.
)",
    // How tokens were chosen, and how much of the model was there: results with layers > 0 and layers < model_layers
    // are not the model's.
    R"(
ALTER TABLE results ADD COLUMN layers INTEGER NOT NULL DEFAULT 0;        -- Asked for; 0: all.
ALTER TABLE results ADD COLUMN model_layers INTEGER NOT NULL DEFAULT 0;  -- Of the model; 0: not known.
ALTER TABLE results ADD COLUMN temperature REAL NOT NULL DEFAULT 0;
ALTER TABLE results ADD COLUMN top_k INTEGER NOT NULL DEFAULT 0;
ALTER TABLE results ADD COLUMN top_p REAL;  -- NULL: off, as of repetition_penalty.
ALTER TABLE results ADD COLUMN min_p REAL NOT NULL DEFAULT 0;
ALTER TABLE results ADD COLUMN repetition_penalty REAL;
ALTER TABLE results ADD COLUMN sampling_seed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE results ADD COLUMN logprobs INTEGER;  -- NULL: none were computed.
ALTER TABLE results ADD COLUMN sampling_ms REAL NOT NULL DEFAULT 0;  -- Median.
)",
    // Whether the host saw each token before the next step. What the GPU said of itself around the measurement and, the
    // last four, over it. NULL: not known.
    R"(
ALTER TABLE results ADD COLUMN streamed INTEGER NOT NULL DEFAULT 0;          -- Asked for.
ALTER TABLE results ADD COLUMN tokens_on_device INTEGER NOT NULL DEFAULT 0;  -- Drawn there, one after the other.
ALTER TABLE results ADD COLUMN before_sm_clock_hertz REAL;
ALTER TABLE results ADD COLUMN before_memory_clock_hertz REAL;
ALTER TABLE results ADD COLUMN before_sm_clock_max_hertz REAL;
ALTER TABLE results ADD COLUMN before_memory_clock_max_hertz REAL;
ALTER TABLE results ADD COLUMN before_temperature_celsius REAL;
ALTER TABLE results ADD COLUMN before_power_watts REAL;
ALTER TABLE results ADD COLUMN before_power_limit_watts REAL;
ALTER TABLE results ADD COLUMN before_utilisation REAL;
ALTER TABLE results ADD COLUMN before_throttle_reasons TEXT;
ALTER TABLE results ADD COLUMN after_sm_clock_hertz REAL;
ALTER TABLE results ADD COLUMN after_memory_clock_hertz REAL;
ALTER TABLE results ADD COLUMN after_sm_clock_max_hertz REAL;
ALTER TABLE results ADD COLUMN after_memory_clock_max_hertz REAL;
ALTER TABLE results ADD COLUMN after_temperature_celsius REAL;
ALTER TABLE results ADD COLUMN after_power_watts REAL;
ALTER TABLE results ADD COLUMN after_power_limit_watts REAL;
ALTER TABLE results ADD COLUMN after_utilisation REAL;
ALTER TABLE results ADD COLUMN after_throttle_reasons TEXT;
ALTER TABLE results ADD COLUMN sm_clock_min_hertz REAL;
ALTER TABLE results ADD COLUMN temperature_max_celsius REAL;
ALTER TABLE results ADD COLUMN power_max_watts REAL;
ALTER TABLE results ADD COLUMN throttle_reasons TEXT;
)",
    // Statistics as they were computed from the samples, so that reading a result does not read its samples. NULL:
    // stored before, computed at the first reading.
    R"(
ALTER TABLE results ADD COLUMN statistics BLOB;  -- A serialized metronome.v1.BenchmarkResult with nothing else.
ALTER TABLE results ADD COLUMN sample_count INTEGER NOT NULL DEFAULT 0;
)",
    // The two plain reads that bandwidth_bytes_per_second is the mean of. 0: not measured.
    R"(
ALTER TABLE results ADD COLUMN bandwidth_before_bytes_per_second REAL NOT NULL DEFAULT 0;
ALTER TABLE results ADD COLUMN bandwidth_after_bytes_per_second REAL NOT NULL DEFAULT 0;
)",
    // Samples in blocks (sample_blocks.h says what a blob holds) that may come before their result does, in
    // transactions of their own; those of the table samples are moved here. result_key: drawn when a result is made, so
    // that storing it twice stores it once.
    R"(
ALTER TABLE runs ADD COLUMN owner INTEGER NOT NULL DEFAULT 0;  -- The place of the daemon that started it (lease.h).
ALTER TABLE results ADD COLUMN result_key INTEGER;
UPDATE results SET result_key = random();
CREATE UNIQUE INDEX results_by_key ON results (result_key);
CREATE TABLE sample_blocks (
  result_key INTEGER NOT NULL,
  first INTEGER NOT NULL,                 -- Samples of the result before this block.
  count INTEGER NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (result_key, first)
) STRICT;
CREATE TABLE unfinished_results (         -- Of which some blocks are stored and the rest is not.
  result_key INTEGER PRIMARY KEY,
  owner INTEGER NOT NULL                  -- As in runs.
) STRICT;
CREATE TRIGGER samples_go_with_results AFTER DELETE ON results
BEGIN
  DELETE FROM sample_blocks WHERE result_key = OLD.result_key;
END;
)",
    "DROP TABLE samples",
};

// The step whose SQL is followed by MoveSamplesToBlocks.
constexpr int64_t kSamplesToBlocks = 6;

absl::StatusOr<int64_t> VersionOf(Sqlite& database) {
  Statement query(database, "PRAGMA user_version");
  RETURN_IF_ERROR(query.Step().status());
  return query.Int();
}

}  // namespace

absl::Span<const char* const> SchemaMigrations() { return kMigrations; }

absl::Status MigrateSchema(Sqlite& database) {
  const auto known = static_cast<int64_t>(SchemaMigrations().size());
  for (;;) {
    ASSIGN_OR_RETURN(const int64_t version, VersionOf(database));
    if (version == known) return absl::OkStatus();
    if (version > known) {
      return absl::FailedPreconditionError(absl::StrCat("the database has schema version ", version,
                                                        "; this program knows up to ", known,
                                                        ", so a newer one wrote it"));
    }
    Transaction transaction(database);
    RETURN_IF_ERROR(transaction.status());
    ASSIGN_OR_RETURN(const int64_t step, VersionOf(database));
    if (step != version) continue;  // Another daemon was faster.
    RETURN_IF_ERROR(database.Execute(SchemaMigrations()[static_cast<size_t>(step)]));
    if (step == kSamplesToBlocks) RETURN_IF_ERROR(MoveSamplesToBlocks(database));
    RETURN_IF_ERROR(database.Execute(absl::StrCat("PRAGMA user_version = ", step + 1)));
    RETURN_IF_ERROR(transaction.Commit());
  }
}

}  // namespace metronome::server
