#include "server/store/run_store.h"

#include <climits>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "runtime/base/status_macros.h"
#include "server/benchmark/statistics.h"
#include "server/store/page.h"
#include "server/store/result_row.h"
#include "server/store/schema.h"

namespace metronome {
namespace {

// "?, ?, ?", one for each column.
std::string Placeholders(absl::string_view columns) {
  std::string text = "?";
  for (const char c : columns) {
    if (c == ',') text += ", ?";
  }
  return text;
}

constexpr absl::string_view kRunColumns =
    "run_id, mode, state, started_unix_micros, finished_unix_micros, note, caller_git_commit, caller_git_branch, "
    "caller_host, build_commit, host, os, "
    "cpu_model, threads, instruction_set, gpu_name, gpu_driver, cuda_version, memory_total_bytes, "
    "memory_available_bytes, load_average";

const std::string& RunQuery() {
  static const auto& query = *new std::string(absl::StrCat(
      "SELECT ", kRunColumns, ", (SELECT count(*) FROM results WHERE results.run_id = runs.run_id) FROM runs"));
  return query;
}

std::string RunIdAt(int64_t unix_micros) {
  return absl::FormatTime("%Y%m%dT%H%M%E6SZ", absl::FromUnixMicros(unix_micros), absl::UTCTimeZone());
}

v1::Run ReadRun(Statement& row) {
  v1::Run run;
  run.set_run_id(row.Text());
  run.set_mode(row.Text());
  run.set_state(row.Text());
  run.set_started_unix_micros(row.Int());
  run.set_finished_unix_micros(row.Int());
  run.set_note(row.Text());
  run.mutable_caller()->set_git_commit(row.Text());
  run.mutable_caller()->set_git_branch(row.Text());
  run.mutable_caller()->set_host(row.Text());
  v1::ServerEnvironment& server = *run.mutable_server();
  server.set_build_commit(row.Text());
  server.set_host(row.Text());
  server.set_os(row.Text());
  server.set_cpu_model(row.Text());
  server.set_threads(static_cast<int32_t>(row.Int()));
  server.set_instruction_set(row.Text());
  server.set_gpu_name(row.Text());
  server.set_gpu_driver(row.Text());
  server.set_cuda_version(row.Text());
  server.set_memory_total_bytes(row.Int());
  server.set_memory_available_bytes(row.Int());
  server.set_load_average(row.Double());
  run.set_result_count(static_cast<int32_t>(row.Int()));
  return run;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RunStore>> RunStore::Open(const std::string& path, const Clock& clock) {
  std::error_code error;
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  if (!directory.empty()) std::filesystem::create_directories(directory, error);
  if (error)
    return absl::FailedPreconditionError(
        absl::StrCat("cannot create directory ", directory.string(), ": ", error.message()));
  ASSIGN_OR_RETURN(Lease lease, Lease::Take(path));
  ASSIGN_OR_RETURN(Sqlite database, Sqlite::Open(path));
  const auto prepare = [&]() -> absl::Status {
    RETURN_IF_ERROR(database.Execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON"));
    RETURN_IF_ERROR(MigrateSchema(database));
    // Alone here, so whoever started them is dead.
    if (!lease.alone()) return absl::OkStatus();
    RETURN_IF_ERROR(database.Execute("UPDATE runs SET state = 'interrupted' WHERE state = 'running'"));
    return lease.Share();
  };
  if (absl::Status status = prepare(); !status.ok()) {
    return absl::FailedPreconditionError(absl::StrCat("cannot use database ", path, ": ", status.message()));
  }
  return std::unique_ptr<RunStore>(new RunStore(std::move(lease), std::move(database), path, clock));
}

absl::StatusOr<std::string> RunStore::StartRun(const v1::StartRunRequest& request,
                                               const v1::ServerEnvironment& server) {
  const std::string sql = absl::StrCat("INSERT INTO runs (", kRunColumns, ") VALUES (", Placeholders(kRunColumns),
                                       ") ON CONFLICT DO NOTHING");
  // Two runs started in one microsecond take the next free ones.
  for (int64_t started = clock_.UnixMicros();; ++started) {
    const std::string id = RunIdAt(started);
    Statement insert(database_, sql);
    insert.Bind(id)
        .Bind(request.mode().empty() ? "latency" : request.mode())
        .Bind("running")
        .Bind(started)
        .Bind(int64_t{0})
        .Bind(request.note());
    insert.Bind(request.caller().git_commit()).Bind(request.caller().git_branch()).Bind(request.caller().host());
    insert.Bind(server.build_commit())
        .Bind(server.host())
        .Bind(server.os())
        .Bind(server.cpu_model())
        .Bind(int64_t{server.threads()});
    insert.Bind(server.instruction_set()).Bind(server.gpu_name()).Bind(server.gpu_driver()).Bind(server.cuda_version());
    insert.Bind(server.memory_total_bytes()).Bind(server.memory_available_bytes()).Bind(server.load_average());
    RETURN_IF_ERROR(insert.Run());
    if (sqlite3_changes(database_.handle()) == 1) return id;
  }
}

absl::Status RunStore::CheckRunning(const std::string& run_id) {
  Statement query(database_, "SELECT state FROM runs WHERE run_id = ?");
  ASSIGN_OR_RETURN(const bool found, query.Bind(run_id).Step());
  if (!found) return absl::NotFoundError(absl::StrCat("no run '", run_id, "'"));
  const std::string state = query.Text();
  if (state != "running")
    return absl::FailedPreconditionError(absl::StrCat("run ", run_id, " is ", state, ", not running"));
  return absl::OkStatus();
}

absl::StatusOr<int64_t> RunStore::AddResult(const std::string& run_id, const v1::BenchmarkResult& result) {
  RETURN_IF_ERROR(CheckRunning(run_id));
  Transaction transaction(database_);
  RETURN_IF_ERROR(transaction.status());
  Statement insert(database_, absl::StrCat("INSERT INTO results (run_id, created_unix_micros, ", kResultColumns,
                                           ") VALUES (?, ?, ", Placeholders(kResultColumns), ")"));
  insert.Bind(run_id).Bind(clock_.UnixMicros());
  BindResult(insert, result);
  RETURN_IF_ERROR(insert.Run());
  const int64_t id = database_.last_insert_id();
  Statement sample_insert(database_, "INSERT INTO samples VALUES (?, ?, ?, ?, ?)");
  for (const v1::Sample& sample : result.samples()) {
    sample_insert.Bind(id)
        .Bind(sample.metric())
        .Bind(int64_t{sample.index()})
        .Bind(sample.position())
        .Bind(sample.value());
    RETURN_IF_ERROR(sample_insert.Run());
  }
  RETURN_IF_ERROR(transaction.Commit());
  return id;
}

absl::Status RunStore::FinishRun(const std::string& run_id, const std::string& state) {
  if (state != "complete" && state != "failed")
    return absl::InvalidArgumentError(absl::StrCat("state is '", state, "', not complete or failed"));
  RETURN_IF_ERROR(CheckRunning(run_id));
  Statement update(database_, "UPDATE runs SET state = ?, finished_unix_micros = ? WHERE run_id = ?");
  return update.Bind(state).Bind(clock_.UnixMicros()).Bind(run_id).Run();
}

absl::StatusOr<v1::ListRunsResponse> RunStore::ListRuns(int limit, const std::string& page_token) {
  ASSIGN_OR_RETURN(const int64_t before, PlaceOfToken(page_token, INT64_MAX));
  Statement query(database_,
                  absl::StrCat(RunQuery(), " WHERE started_unix_micros < ? ORDER BY started_unix_micros DESC"));
  query.Bind(before);
  v1::ListRunsResponse response;
  PageBudget budget;
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return response;
    v1::Run run = ReadRun(query);
    if (response.runs_size() == limit || !budget.Take(run.ByteSizeLong())) {
      response.set_next_page_token(absl::StrCat(response.runs().rbegin()->started_unix_micros()));
      return response;
    }
    *response.add_runs() = std::move(run);
  }
}

absl::StatusOr<v1::Run> RunStore::GetRun(const std::string& run_id, const std::string& page_token) {
  ASSIGN_OR_RETURN(const int64_t after, PlaceOfToken(page_token, 0));
  Statement query(database_, absl::StrCat(RunQuery(), " WHERE run_id = ?"));
  ASSIGN_OR_RETURN(const bool found, query.Bind(run_id).Step());
  if (!found) return absl::NotFoundError(absl::StrCat("no run '", run_id, "'"));
  v1::Run run = ReadRun(query);
  Statement results(database_, absl::StrCat("SELECT result_id, ", kResultColumns,
                                            " FROM results WHERE run_id = ? AND result_id > ? ORDER BY result_id"));
  results.Bind(run_id).Bind(after);
  PageBudget budget;
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, results.Step());
    if (!row) break;
    StoredResult stored = ReadResult(results);
    if (!stored.has_statistics) RETURN_IF_ERROR(Summarise(stored.result));
    if (!budget.Take(stored.result.ByteSizeLong())) {
      run.set_next_page_token(absl::StrCat(run.results().rbegin()->result_id()));
      break;
    }
    *run.add_results() = std::move(stored.result);
  }
  return run;
}

absl::StatusOr<v1::ListSamplesResponse> RunStore::ListSamples(int64_t result_id, int limit,
                                                              const std::string& page_token) {
  ASSIGN_OR_RETURN(const int64_t after, PlaceOfToken(page_token, 0));
  Statement known(database_, "SELECT 1 FROM results WHERE result_id = ?");
  ASSIGN_OR_RETURN(const bool found, known.Bind(result_id).Step());
  if (!found) return absl::NotFoundError(absl::StrCat("no result ", result_id));
  Statement query(database_,
                  "SELECT rowid, metric, sample_index, position, value FROM samples WHERE result_id = ? AND rowid > ? "
                  "ORDER BY rowid LIMIT ?");
  query.Bind(result_id).Bind(after).Bind(int64_t{limit} + 1);
  v1::ListSamplesResponse response;
  for (int64_t last = after;;) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return response;
    if (response.samples_size() == limit) {
      response.set_next_page_token(absl::StrCat(last));
      return response;
    }
    last = query.Int();
    v1::Sample& sample = *response.add_samples();
    sample.set_metric(query.Text());
    sample.set_index(static_cast<int32_t>(query.Int()));
    sample.set_position(query.Int());
    sample.set_value(query.Double());
  }
}

// Databases of before statistics were stored get them from their samples, once.
absl::Status RunStore::Summarise(v1::BenchmarkResult& result) {
  ASSIGN_OR_RETURN(v1::ListSamplesResponse all, ListSamples(result.result_id(), INT_MAX - 1));
  result.mutable_samples()->Swap(all.mutable_samples());
  SummariseSamples(result);
  result.set_sample_count(result.samples_size());
  result.clear_samples();
  Statement update(database_, "UPDATE results SET statistics = ?, sample_count = ? WHERE result_id = ?");
  return update.BindBlob(StatisticsOf(result)).Bind(result.sample_count()).Bind(result.result_id()).Run();
}

}  // namespace metronome
