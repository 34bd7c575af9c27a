#include "server/store/run_store.h"

#include <algorithm>
#include <climits>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "kernels/base/status_macros.h"
#include "server/store/page.h"
#include "server/store/result_row.h"
#include "server/store/run_row.h"
#include "server/store/sample_blocks.h"

namespace metronome::server {
namespace {

// 3 MB, some 40 ms: other calls wait no longer for the database.
constexpr size_t kBlocksPerTransaction = 64;

std::string RunIdAt(int64_t unix_micros) {
  return absl::FormatTime("%Y%m%dT%H%M%E6SZ", absl::FromUnixMicros(unix_micros), absl::UTCTimeZone());
}

// Whether nobody else has a place. Later ones are only taken when all before are, and their files stay.
absl::StatusOr<bool> IsAlone(const std::string& path, int64_t own) {
  for (int64_t place = 0; place < Lease::kPlaces; ++place) {
    if (place == own) continue;
    if (!std::filesystem::exists(PathOfPlace(path, "lock", place))) return true;
    ASSIGN_OR_RETURN(const std::optional<Lease> lease, Lease::TakePlace(path, place));
    if (!lease.has_value()) return false;
  }
  return true;
}

// Leaves nothing that a daemon at this place had begun. Whoever calls holds the place.
absl::Status InterruptRunsOf(Sqlite& database, int64_t owner) {
  Transaction transaction(database);
  RETURN_IF_ERROR(transaction.status());
  for (const char* sql : {"UPDATE runs SET state = 'interrupted' WHERE state = 'running' AND owner = ?",
                          "DELETE FROM sample_blocks WHERE result_key IN "
                          "(SELECT result_key FROM unfinished_results WHERE owner = ?)",
                          "DELETE FROM unfinished_results WHERE owner = ?"}) {
    Statement statement(database, sql);
    RETURN_IF_ERROR(statement.Bind(owner).Run());
  }
  return transaction.Commit();
}

absl::StatusOr<std::optional<int64_t>> FindResult(Sqlite& database, int64_t key) {
  Statement query(database, "SELECT result_id FROM results WHERE result_key = ?");
  ASSIGN_OR_RETURN(const bool found, query.Bind(key).Step());
  return found ? std::optional<int64_t>(query.Int()) : std::nullopt;
}

// What comes before the first block: no blocks of an earlier try, the run, and, where one transaction does not do, a
// mark for those who come after a crash.
absl::Status BeginResult(Sqlite& database, const NewResult& result, bool in_parts, int64_t owner) {
  v1::Run run = result.run;
  run.set_state("interrupted");
  RETURN_IF_ERROR(InsertRun(database, run, owner));
  Statement clear(database, "DELETE FROM sample_blocks WHERE result_key = ?");
  RETURN_IF_ERROR(clear.Bind(result.key).Run());
  if (!in_parts) return absl::OkStatus();
  Statement mark(database, "INSERT INTO unfinished_results VALUES (?, ?) ON CONFLICT DO NOTHING");
  return mark.Bind(result.key).Bind(owner).Run();
}

absl::StatusOr<int64_t> FinishResult(Sqlite& database, const NewResult& result) {
  Statement insert(database, absl::StrCat("INSERT INTO results (run_id, created_unix_micros, result_key, ",
                                          kResultColumns, ") VALUES (?, ?, ?, ", Placeholders(kResultColumns), ")"));
  insert.Bind(result.run.run_id()).Bind(result.created_unix_micros).Bind(result.key);
  BindResult(insert, result.result);
  RETURN_IF_ERROR(insert.Run());
  const int64_t id = database.last_insert_id();
  Statement unmark(database, "DELETE FROM unfinished_results WHERE result_key = ?");
  RETURN_IF_ERROR(unmark.Bind(result.key).Run());
  return id;
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
  const auto unusable = [&](const absl::Status& status) {
    return absl::FailedPreconditionError(absl::StrCat("cannot use database ", path, ": ", status.message()));
  };
  ASSIGN_OR_RETURN(const bool alone, IsAlone(path, lease.place()));
  absl::StatusOr<std::unique_ptr<DatabaseFile>> file = DatabaseFile::Open(path, alone);
  if (!file.ok()) return unusable(file.status());
  auto store = std::unique_ptr<RunStore>(new RunStore(std::move(lease), *std::move(file), clock));
  if (absl::Status status = store->InterruptRunsOfTheDead(); !status.ok()) return unusable(status);
  return store;
}

RunStore::~RunStore() {
  if (const absl::StatusOr<Sqlite*> database = file_->Use(); database.ok())
    InterruptRunsOf(**database, place()).IgnoreError();  // Else whoever has this place next does.
}

absl::Status RunStore::InterruptRunsOfTheDead() {
  ASSIGN_OR_RETURN(Sqlite * database, file_->Use());
  std::vector<int64_t> owners;
  {
    Statement query(*database,
                    "SELECT owner FROM runs WHERE state = 'running' UNION SELECT owner FROM unfinished_results");
    for (;;) {
      ASSIGN_OR_RETURN(const bool row, query.Step());
      if (!row) break;
      owners.push_back(query.Int());
    }
  }
  for (const int64_t owner : owners) {
    if (owner == place()) {  // Whoever had it before.
      RETURN_IF_ERROR(InterruptRunsOf(*database, owner));
      continue;
    }
    ASSIGN_OR_RETURN(const std::optional<Lease> dead, Lease::TakePlace(path(), owner));
    if (dead.has_value()) RETURN_IF_ERROR(InterruptRunsOf(*database, owner));
  }
  return absl::OkStatus();
}

void RunStore::WaitForLocks(int timeout_ms) {
  if (const absl::StatusOr<Sqlite*> database = file_->Use(); database.ok())
    sqlite3_busy_timeout((*database)->handle(), timeout_ms);
}

absl::StatusOr<std::string> RunStore::StartRun(const v1::StartRunRequest& request,
                                               const v1::ServerEnvironment& server) {
  ASSIGN_OR_RETURN(Sqlite * database, file_->Use());
  v1::Run run;
  run.set_mode(request.mode().empty() ? "latency" : request.mode());
  run.set_state("running");
  run.set_note(request.note());
  *run.mutable_caller() = request.caller();
  *run.mutable_server() = server;
  // Two runs started in one microsecond take the next free ones.
  for (int64_t started = clock_.UnixMicros();; ++started) {
    run.set_run_id(RunIdAt(started));
    run.set_started_unix_micros(started);
    RETURN_IF_ERROR(InsertRun(*database, run, place()));
    if (sqlite3_changes(database->handle()) == 1) return run.run_id();
  }
}

absl::StatusOr<v1::Run> RunStore::GetRunning(const std::string& run_id) {
  ASSIGN_OR_RETURN(Sqlite * database, file_->Use());
  Statement query(*database, absl::StrCat(RunQuery(), " WHERE run_id = ?"));
  ASSIGN_OR_RETURN(const bool found, query.Bind(run_id).Step());
  if (!found) return absl::NotFoundError(absl::StrCat("no run '", run_id, "'"));
  v1::Run run = ReadRun(query);
  if (run.state() != "running")
    return absl::FailedPreconditionError(absl::StrCat("run ", run_id, " is ", run.state(), ", not running"));
  return run;
}

absl::StatusOr<std::optional<int64_t>> RunStore::StoreSome(NewResult& result) {
  const size_t from = std::exchange(result.blocks_stored, 0);
  ASSIGN_OR_RETURN(Sqlite * database, file_->Use());
  if (from == 0) {
    ASSIGN_OR_RETURN(const std::optional<int64_t> stored, FindResult(*database, result.key));
    if (stored.has_value()) return stored;
  }
  const size_t count = std::min(kBlocksPerTransaction, result.blocks.size() - from);
  const bool last = from + count == result.blocks.size();
  Transaction transaction(*database);
  RETURN_IF_ERROR(transaction.status());
  if (from == 0) RETURN_IF_ERROR(BeginResult(*database, result, !last, place()));
  RETURN_IF_ERROR(InsertBlocks(*database, result.key, absl::MakeConstSpan(result.blocks).subspan(from, count)));
  std::optional<int64_t> id;
  if (last) {
    ASSIGN_OR_RETURN(id, FinishResult(*database, result));
  }
  RETURN_IF_ERROR(transaction.Commit());
  result.blocks_stored = from + count;
  return id;
}

absl::StatusOr<int64_t> RunStore::AddResult(const std::string& run_id, const v1::BenchmarkResult& result) {
  ASSIGN_OR_RETURN(v1::Run run, GetRunning(run_id));
  NewResult prepared = PrepareResult(std::move(run), result, clock_.UnixMicros());
  for (;;) {
    ASSIGN_OR_RETURN(const std::optional<int64_t> id, StoreSome(prepared));
    if (id.has_value()) return *id;
  }
}

absl::Status RunStore::FinishRun(const std::string& run_id, const std::string& state) {
  if (state != "complete" && state != "failed")
    return absl::InvalidArgumentError(absl::StrCat("state is '", state, "', not complete or failed"));
  RETURN_IF_ERROR(GetRunning(run_id).status());
  ASSIGN_OR_RETURN(Sqlite * database, file_->Use());
  Statement update(*database, "UPDATE runs SET state = ?, finished_unix_micros = ? WHERE run_id = ?");
  return update.Bind(state).Bind(clock_.UnixMicros()).Bind(run_id).Run();
}

absl::Status RunStore::InterruptRun(const std::string& run_id) {
  ASSIGN_OR_RETURN(Sqlite * database, file_->Use());
  Statement update(*database, "UPDATE runs SET state = 'interrupted' WHERE run_id = ? AND state = 'running'");
  return update.Bind(run_id).Run();
}

absl::StatusOr<v1::ListRunsResponse> RunStore::ListRuns(int limit, const std::string& page_token) {
  ASSIGN_OR_RETURN(const int64_t before, PlaceOfToken(page_token, INT64_MAX));
  ASSIGN_OR_RETURN(Sqlite * database, file_->Use());
  Statement query(*database,
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
  ASSIGN_OR_RETURN(Sqlite * database, file_->Use());
  Statement query(*database, absl::StrCat(RunQuery(), " WHERE run_id = ?"));
  ASSIGN_OR_RETURN(const bool found, query.Bind(run_id).Step());
  if (!found) return absl::NotFoundError(absl::StrCat("no run '", run_id, "'"));
  v1::Run run = ReadRun(query);
  Statement results(*database, absl::StrCat("SELECT result_id, ", kResultColumns,
                                            " FROM results WHERE run_id = ? AND result_id > ? ORDER BY result_id"));
  results.Bind(run_id).Bind(after);
  PageBudget budget;
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, results.Step());
    if (!row) break;
    v1::BenchmarkResult result = ReadResult(results);
    if (!budget.Take(result.ByteSizeLong())) {
      run.set_next_page_token(absl::StrCat(run.results().rbegin()->result_id()));
      break;
    }
    *run.add_results() = std::move(result);
  }
  return run;
}

// A page's place is the number of samples before it.
absl::StatusOr<v1::ListSamplesResponse> RunStore::ListSamples(int64_t result_id, int limit,
                                                              const std::string& page_token) {
  ASSIGN_OR_RETURN(const int64_t from, PlaceOfToken(page_token, 0));
  ASSIGN_OR_RETURN(Sqlite * database, file_->Use());
  Statement known(*database, "SELECT result_key FROM results WHERE result_id = ?");
  ASSIGN_OR_RETURN(const bool found, known.Bind(result_id).Step());
  if (!found) return absl::NotFoundError(absl::StrCat("no result ", result_id));
  Statement query(
      *database,
      "SELECT first, count, data FROM sample_blocks WHERE result_key = ?1 AND first >= "
      "(SELECT ifnull(max(first), 0) FROM sample_blocks WHERE result_key = ?1 AND first <= ?2) ORDER BY first");
  query.Bind(known.Int()).Bind(from);
  v1::ListSamplesResponse response;
  for (;;) {
    ASSIGN_OR_RETURN(const bool row, query.Step());
    if (!row) return response;
    const int64_t first = query.Int(), count = query.Int();
    const int64_t begin = std::max<int64_t>(0, std::min(count, from - first));
    const int64_t end = std::min(count, begin + limit - response.samples_size());
    if (begin < count && end == begin) {
      response.set_next_page_token(absl::StrCat(from + response.samples_size()));
      return response;
    }
    RETURN_IF_ERROR(DecodeSamples(query.OptionalBlob().value_or(""), count, begin, end, *response.mutable_samples()));
    if (end < count) {
      response.set_next_page_token(absl::StrCat(from + response.samples_size()));
      return response;
    }
  }
}

}  // namespace metronome::server
