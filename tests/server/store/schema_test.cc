#include "server/store/schema.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/run_store.h"
#include "tests/server/fake_clock.h"
#include "tests/temp_directory.h"

namespace metronome {
namespace {

using ::testing::HasSubstr;

int64_t QueryInt(Sqlite& database, const std::string& sql) {
  Statement query(database, sql);
  const absl::StatusOr<bool> row = query.Step();
  EXPECT_TRUE(row.ok() && *row) << sql;
  return query.Int();
}

class SchemaTest : public testing::Test {
 protected:
  Sqlite OpenRaw() {
    absl::StatusOr<Sqlite> database = Sqlite::Open(path_);
    EXPECT_TRUE(database.ok()) << database.status();
    return *std::move(database);
  }

  const TempDirectory directory_;
  const std::string path_ = directory_.File("runs.db");
  const FakeClock clock_;
};

TEST_F(SchemaTest, NewDatabaseHasTheNewestVersion) {
  ASSERT_TRUE(RunStore::Open(path_, clock_).ok());
  Sqlite database = OpenRaw();
  EXPECT_EQ(QueryInt(database, "PRAGMA user_version"), static_cast<int64_t>(SchemaMigrations().size()));
}

TEST_F(SchemaTest, EveryTableIsStrict) {
  ASSERT_TRUE(RunStore::Open(path_, clock_).ok());
  Sqlite database = OpenRaw();
  EXPECT_EQ(
      QueryInt(
          database,
          "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite%' AND strict = 0"),
      0);
  EXPECT_EQ(QueryInt(database, "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND strict = 1"), 3);
}

TEST_F(SchemaTest, DatabaseOfTheFirstVersionIsMigratedWithItsRows) {
  {
    Sqlite database = OpenRaw();
    ASSERT_TRUE(database.Execute(SchemaMigrations()[0]).ok());
    ASSERT_TRUE(
        database
            .Execute(
                "INSERT INTO runs VALUES ('r1', 'latency', 'complete', 5, 6, '', '', '', '', '', '', '', '', 0, '', "
                "'', "
                "'', '', 0, 0, 0.5);"
                "INSERT INTO results VALUES (7, 'r1', 5, 'server', 'ok', '', '', 0, 0, 'tiny-llama', '', 'latency', "
                "'compiled', 'float32', '', 'chunked', 3, 3, 3, 1, 0, 5, 0, 0, 8, 1.5, 0, 0, 0, 0, 0, 0, 0, 0, 0, "
                "'hash', '', 'cold', '', 0, 0, 0, 'old');"
                "PRAGMA user_version = 1")
            .ok());
  }

  const auto store = RunStore::Open(path_, clock_);

  ASSERT_TRUE(store.ok()) << store.status();
  const auto run = (*store)->GetRun("r1");
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_EQ(run->results_size(), 1);
  EXPECT_EQ(run->results(0).result_id(), 7);
  EXPECT_EQ(run->results(0).note(), "old");
  EXPECT_EQ(run->results(0).ttft_ms().median(), 1.5);
  EXPECT_FALSE(run->results(0).has_foreign_cpu_fraction());
  EXPECT_FALSE(run->results(0).has_telemetry_before());
  EXPECT_FALSE(run->results(0).has_sm_clock_min_hertz());
  EXPECT_FALSE(run->results(0).has_throttle_reasons());
}

// Those that were stored before statistics were have them from their samples, once.
TEST_F(SchemaTest, StatisticsOfOldResultsAreComputedAtTheFirstReading) {
  {
    Sqlite database = OpenRaw();
    for (size_t step = 0; step < 4; ++step) ASSERT_TRUE(database.Execute(SchemaMigrations()[step]).ok());
    ASSERT_TRUE(
        database
            .Execute(
                "INSERT INTO runs VALUES ('r1', 'latency', 'complete', 5, 6, '', '', '', '', '', '', '', '', 0, '', "
                "'', '', '', 0, 0, 0.5);"
                "INSERT INTO results (result_id, run_id, created_unix_micros, provenance, outcome, error_kind, "
                "error_text, bytes_needed, bytes_available, model, config, scenario, path, dtype, prompt, "
                "prefill_mode, prompt_tokens_requested, prompt_tokens, prompt_tokens_padded, iters, warmups, "
                "decode_tokens, search_iterations, seed, max_cache_len, ttft_ms, tpot_ms, step_ms, compile_ms, "
                "load_ms, prefill_tokens_per_second, decode_tokens_per_second, weight_bytes, kv_bytes, "
                "peak_memory_bytes, plan_hash, weights_provenance, kv_state, output_digest, step_bytes, "
                "bandwidth_bytes_per_second, bandwidth_fraction, note) VALUES (7, 'r1', 5, 'server', 'ok', '', '', 0, "
                "0, 'tiny-llama', '', 'latency', 'compiled', 'float32', '', 'chunked', 3, 3, 3, 2, 0, 5, 0, 0, 8, 2, "
                "0, 0, 0, 0, 0, 0, 0, 0, 0, 'hash', '', 'cold', '', 0, 0, 0, '');"
                "INSERT INTO samples VALUES (7, 'ttft_ms', 0, 0, 1.0), (7, 'ttft_ms', 1, 0, 3.0);"
                "PRAGMA user_version = 4")
            .ok());
  }
  const auto store = RunStore::Open(path_, clock_);
  ASSERT_TRUE(store.ok()) << store.status();

  const auto first = (*store)->GetRun("r1");
  Sqlite database = OpenRaw();
  ASSERT_TRUE(database.Execute("DELETE FROM samples").ok());
  const auto second = (*store)->GetRun("r1");

  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->results(0).ttft_ms().n(), 2);
  EXPECT_EQ(first->results(0).ttft_ms().mean(), 2);
  EXPECT_EQ(first->results(0).sample_count(), 2);
  EXPECT_EQ(first->results(0).samples_size(), 0);
  EXPECT_EQ(second->results(0).SerializeAsString(), first->results(0).SerializeAsString());
}

TEST_F(SchemaTest, NewerDatabaseIsRefusedAndLeftAlone) {
  {
    Sqlite database = OpenRaw();
    ASSERT_TRUE(database.Execute("CREATE TABLE future (x); PRAGMA user_version = 99").ok());
  }
  const auto store = RunStore::Open(path_, clock_);
  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(store.status().message()), HasSubstr(path_));
  EXPECT_THAT(std::string(store.status().message()), HasSubstr("schema version 99"));
  Sqlite database = OpenRaw();
  EXPECT_EQ(QueryInt(database, "PRAGMA user_version"), 99);
  EXPECT_EQ(QueryInt(database, "SELECT count(*) FROM sqlite_schema WHERE name = 'runs'"), 0);
}

TEST_F(SchemaTest, ForeignKeysBindResultsToRunsAndSamplesToResults) {
  Sqlite database = OpenRaw();
  ASSERT_TRUE(database.Execute("PRAGMA foreign_keys = ON").ok());
  ASSERT_TRUE(MigrateSchema(database).ok());
  const absl::Status orphan = database.Execute("INSERT INTO samples VALUES (12345, 'ttft_ms', 0, 0, 1.0)");
  EXPECT_EQ(orphan.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(orphan.message()), HasSubstr("FOREIGN KEY"));
}

TEST_F(SchemaTest, FailedMigrationLeavesTheOldVersion) {
  Sqlite database = OpenRaw();
  ASSERT_TRUE(database.Execute("CREATE TABLE samples (in_the_way)").ok());
  EXPECT_FALSE(MigrateSchema(database).ok());
  EXPECT_EQ(QueryInt(database, "PRAGMA user_version"), 0);
  EXPECT_EQ(QueryInt(database, "SELECT count(*) FROM sqlite_schema WHERE name = 'runs'"), 0);
}

}  // namespace
}  // namespace metronome
