#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/commands/commands.h"
#include "client/pages/finish_page.h"
#include "kernels/base/status_macros.h"
#include "server/pages/documents/history.h"
#include "server/pages/page.h"

namespace metronome::client {
namespace {

// "2026-11-20 a new driver", the date with or without a time, UTC.
absl::StatusOr<pages::DatedNote> ParseNote(const std::string& text) {
  const size_t space = text.find(' ');
  const std::string date = text.substr(0, space);
  absl::Time time;
  std::string error;
  for (const char* format : {"%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"}) {
    if (space != text.npos && absl::ParseTime(format, date, absl::UTCTimeZone(), &time, &error))
      return pages::DatedNote{absl::ToUnixMicros(time), text.substr(space + 1)};
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--pin '", text, "' is not a date and a text, as '2026-11-20 a new driver'"));
}

absl::Status AddResults(Connection& connection, const v1::Run& run, pages::History& history) {
  v1::GetRunRequest request;
  request.set_run_id(run.run_id());
  do {
    grpc::ClientContext context;
    v1::Run page;
    RETURN_IF_ERROR(FromGrpcStatus(connection.benchmark().GetRun(&context, request, &page)));
    history.Add(page);
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

// The newest runs with their results, page by page, so that none but the numbers of a chart stay here.
absl::StatusOr<pages::History> Collect(Connection& connection, int runs_at_most) {
  pages::History history;
  v1::ListRunsRequest request;
  int left = runs_at_most;
  do {
    request.set_limit(left);
    grpc::ClientContext context;
    v1::ListRunsResponse response;
    RETURN_IF_ERROR(FromGrpcStatus(connection.benchmark().ListRuns(&context, request, &response)));
    for (const v1::Run& run : response.runs()) RETURN_IF_ERROR(AddResults(connection, run, history));
    left -= response.runs_size();
    request.set_page_token(response.next_page_token());
  } while (left > 0 && !request.page_token().empty());
  return history;
}

}  // namespace

ExitCode WriteDashboard(const ServerOptions& server, const DashboardOptions& options) {
  pages::HistoryOptions history_options;
  for (const std::string& pin : options.pins) {
    absl::StatusOr<pages::DatedNote> note = ParseNote(pin);
    if (!note.ok()) return Report(note.status());
    history_options.notes.push_back(*std::move(note));
  }
  const auto connection = Connection::Open(server);
  if (!connection.ok()) return Report(connection.status());
  const absl::StatusOr<pages::History> history = Collect(**connection, options.limit);
  if (!history.ok()) return Report(history.status());
  if (!options.page.title.empty()) history_options.title = options.page.title;
  history_options.now_unix_micros = absl::ToUnixMicros(absl::Now());
  const std::string page = pages::Page(history->Document(history_options), pages::PageKind::kFile);
  return FinishPage(options.page, "dashboard.html", page);
}

}  // namespace metronome::client
