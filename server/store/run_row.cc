#include "server/store/run_row.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace metronome::server {
namespace {

constexpr absl::string_view kRunColumns =
    "run_id, mode, state, started_unix_micros, finished_unix_micros, note, caller_git_commit, caller_git_branch, "
    "caller_host, build_commit, host, os, "
    "cpu_model, threads, instruction_set, gpu_name, gpu_driver, cuda_version, memory_total_bytes, "
    "memory_available_bytes, load_average";

}  // namespace

absl::Status InsertRun(Sqlite& database, const v1::Run& run, int64_t owner) {
  Statement insert(database, absl::StrCat("INSERT INTO runs (", kRunColumns, ", owner) VALUES (",
                                          Placeholders(kRunColumns), ", ?) ON CONFLICT DO NOTHING"));
  insert.Bind(run.run_id())
      .Bind(run.mode())
      .Bind(run.state())
      .Bind(run.started_unix_micros())
      .Bind(run.finished_unix_micros())
      .Bind(run.note());
  insert.Bind(run.caller().git_commit()).Bind(run.caller().git_branch()).Bind(run.caller().host());
  const v1::ServerEnvironment& server = run.server();
  insert.Bind(server.build_commit())
      .Bind(server.host())
      .Bind(server.os())
      .Bind(server.cpu_model())
      .Bind(int64_t{server.threads()});
  insert.Bind(server.instruction_set()).Bind(server.gpu_name()).Bind(server.gpu_driver()).Bind(server.cuda_version());
  insert.Bind(server.memory_total_bytes()).Bind(server.memory_available_bytes()).Bind(server.load_average());
  return insert.Bind(owner).Run();
}

const std::string& RunQuery() {
  static const auto& query = *new std::string(absl::StrCat(
      "SELECT ", kRunColumns, ", (SELECT count(*) FROM results WHERE results.run_id = runs.run_id) FROM runs"));
  return query;
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

}  // namespace metronome::server
