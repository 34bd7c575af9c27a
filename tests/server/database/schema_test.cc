#include "server/database/schema.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/store/run_store.h"
#include "tests/server/fake_clock.h"
#include "tests/server/store/store_test_results.h"
#include "tests/temp_directory.h"

namespace metronome::server {
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
  EXPECT_EQ(QueryInt(database, "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND strict = 1"), 4);
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

// Samples move to blocks; results that were stored before statistics were get theirs from them.
TEST_F(SchemaTest, SamplesOfOldResultsAreMovedWithTheirStatistics) {
  {
    Sqlite database = OpenRaw();
    for (size_t step = 0; step < 4; ++step) ASSERT_TRUE(database.Execute(SchemaMigrations()[step]).ok());
    const std::string columns =
        "run_id, created_unix_micros, provenance, outcome, error_kind, error_text, bytes_needed, bytes_available, "
        "model, "
        "config, scenario, path, dtype, prompt, prefill_mode, prompt_tokens_requested, prompt_tokens, "
        "prompt_tokens_padded, iters, warmups, decode_tokens, search_iterations, seed, max_cache_len, ttft_ms, "
        "tpot_ms, "
        "step_ms, compile_ms, load_ms, prefill_tokens_per_second, decode_tokens_per_second, weight_bytes, kv_bytes, "
        "peak_memory_bytes, plan_hash, weights_provenance, kv_state, output_digest, step_bytes, "
        "bandwidth_bytes_per_second, bandwidth_fraction, note";
    const auto insert = [&](int id, const std::string& scenario) {
      return absl::StrCat(
          "INSERT INTO results (result_id, ", columns, ") VALUES (", id,
          ", 'r1', 5, 'server', 'ok', '', '', 0, 0, 'tiny-llama', '', '", scenario,
          "', 'compiled', 'float32', '', 'chunked', 3, 3, 3, 2, 0, 5, 0, 0, 8, 2, 0, 0, 0, 0, 0, 0, 0, 0, "
          "0, 'hash', '', 'cold', '', 0, 0, 0, '');");
    };
    ASSERT_TRUE(
        database
            .Execute(absl::StrCat(
                "INSERT INTO runs VALUES ('r1', 'latency', 'complete', 5, 6, '', '', '', '', '', '', '', '', 0, "
                "'', '', '', '', 0, 0, 0.5);",
                insert(7, "latency"), insert(8, "scaling"), insert(9, "latency"),
                "INSERT INTO samples VALUES (7, 'ttft_ms', 0, 0, 1.0), (8, 'step_ms', 0, 16, 5.0), "
                "(7, 'ttft_ms', 1, 0, 3.0), (8, 'step_bytes', 0, 16, 900.0);"
                "PRAGMA user_version = 4"))
            .ok());
  }

  const auto store = RunStore::Open(path_, clock_);

  ASSERT_TRUE(store.ok()) << store.status();
  const auto run = (*store)->GetRun("r1");
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_EQ(run->results_size(), 3);
  EXPECT_EQ(run->results(0).ttft_ms().n(), 2);
  EXPECT_EQ(run->results(0).ttft_ms().mean(), 2);
  EXPECT_EQ(run->results(0).sample_count(), 2);
  ASSERT_EQ(run->results(1).positions_size(), 1);
  EXPECT_EQ(run->results(1).positions(0).step_ms().median(), 5);
  EXPECT_EQ(run->results(2).ttft_ms().median(), 2);  // Without samples the medians are all there is.
  const auto samples = (*store)->ListSamples(7, 10);
  ASSERT_TRUE(samples.ok()) << samples.status();
  ASSERT_EQ(samples->samples_size(), 2);
  EXPECT_EQ(samples->samples(1).value(), 3.0);
  EXPECT_EQ((*store)->ListSamples(8, 10)->samples(0).position(), 16);
  EXPECT_EQ((*store)->ListSamples(9, 10)->samples_size(), 0);
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

TEST_F(SchemaTest, ResultsAndSamplesGoWithTheirRun) {
  {
    const auto store = RunStore::Open(path_, clock_);
    ASSERT_TRUE(store.ok()) << store.status();
    const std::string run = StartRun(**store);
    ASSERT_TRUE((*store)->AddResult(run, SmallResult(1)).ok());
  }
  Sqlite database = OpenRaw();
  ASSERT_TRUE(database.Execute("PRAGMA foreign_keys = ON").ok());
  EXPECT_EQ(QueryInt(database, "SELECT count(*) FROM sample_blocks"), 1);
  const absl::Status orphan = database.Execute("UPDATE results SET run_id = 'nobody'");
  EXPECT_EQ(orphan.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(orphan.message()), HasSubstr("FOREIGN KEY"));

  ASSERT_TRUE(database.Execute("DELETE FROM runs").ok());

  EXPECT_EQ(QueryInt(database, "SELECT count(*) FROM results"), 0);
  EXPECT_EQ(QueryInt(database, "SELECT count(*) FROM sample_blocks"), 0);
}

TEST_F(SchemaTest, FailedMigrationLeavesTheOldVersion) {
  Sqlite database = OpenRaw();
  ASSERT_TRUE(database.Execute("CREATE TABLE samples (in_the_way)").ok());
  EXPECT_FALSE(MigrateSchema(database).ok());
  EXPECT_EQ(QueryInt(database, "PRAGMA user_version"), 0);
  EXPECT_EQ(QueryInt(database, "SELECT count(*) FROM sqlite_schema WHERE name = 'runs'"), 0);
}

}  // namespace
}  // namespace metronome::server
