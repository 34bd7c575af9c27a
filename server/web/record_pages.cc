#include "server/web/record_pages.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "kernels/base/status_macros.h"
#include "server/pages/documents/earlier_run.h"
#include "server/rpc/guard.h"

namespace metronome::server {
namespace {

constexpr int kRunPage = 200;        // Runs read at once.
constexpr int kSamplePage = 50'000;  // Samples.
constexpr size_t kMostRuns = 1000;   // Of the dashboard: the newest.
constexpr int kRunningSeconds = 2, kIdleSeconds = 10;

std::string Quoted(const std::string& tag) { return absl::StrCat("\"", tag, "\""); }

}  // namespace

absl::Status RecordPages::Read(const std::function<absl::Status()>& read) {
  struct Answer {
    absl::Notification done;
    absl::Status status;
  };
  const auto answer = std::make_shared<Answer>();
  RETURN_IF_ERROR(database_.Submit([&read, answer] {
    answer->status = Guarded("web", read);
    answer->done.Notify();
  }));
  answer->done.WaitForNotification();
  return answer->status;
}

absl::StatusOr<v1::ListRunsResponse> RecordPages::Runs(int limit, const std::string& page_token) {
  v1::ListRunsResponse response;
  RETURN_IF_ERROR(Read([&]() -> absl::Status {
    ASSIGN_OR_RETURN(response, archive_.store().ListRuns(limit, page_token));
    return absl::OkStatus();
  }));
  return response;
}

absl::StatusOr<v1::Run> RecordPages::RunWith(const std::string& run_id, bool samples) {
  v1::Run run;
  std::string token;
  do {
    v1::Run page;
    RETURN_IF_ERROR(Read([&]() -> absl::Status {
      ASSIGN_OR_RETURN(page, archive_.store().GetRun(run_id, token));
      return absl::OkStatus();
    }));
    token = page.next_page_token();
    page.clear_next_page_token();
    run.MergeFrom(page);
  } while (!token.empty());
  if (samples) {
    for (v1::BenchmarkResult& result : *run.mutable_results()) RETURN_IF_ERROR(ReadSamples(result));
  }
  return run;
}

absl::Status RecordPages::ReadSamples(v1::BenchmarkResult& result) {
  std::string token;
  do {
    v1::ListSamplesResponse page;
    RETURN_IF_ERROR(Read([&]() -> absl::Status {
      ASSIGN_OR_RETURN(page, archive_.store().ListSamples(result.result_id(), kSamplePage, token));
      return absl::OkStatus();
    }));
    token = page.next_page_token();
    result.mutable_samples()->MergeFrom(page.samples());
  } while (!token.empty());
  return absl::OkStatus();
}

absl::StatusOr<PageDocument> RecordPages::Report(const std::string& run_id, const std::string& known_tag) {
  ASSIGN_OR_RETURN(const v1::ListRunsResponse runs, Runs(pages::kEarlierRuns));
  pages::ReportSources sources;
  const bool latest = run_id == "latest";
  if (latest && runs.runs().empty()) return absl::NotFoundError("no runs have been recorded");
  ASSIGN_OR_RETURN(sources.run, RunWith(latest ? runs.runs(0).run_id() : run_id, /*samples=*/false));
  PageDocument document;
  document.tag = Quoted(absl::StrCat(sources.run.run_id(), "-", sources.run.state(), "-", sources.run.results_size()));
  if (document.tag == known_tag) return document;
  for (v1::BenchmarkResult& result : *sources.run.mutable_results()) RETURN_IF_ERROR(ReadSamples(result));
  if (const std::string earlier = pages::EarlierRun(sources.run, runs); !earlier.empty()) {
    ASSIGN_OR_RETURN(sources.earlier, RunWith(earlier, /*samples=*/true));
  }
  sources.now_unix_micros = absl::ToUnixMicros(absl::Now());
  sources.live = pages::Live{.document = absl::StrCat("/documents/runs/", run_id),
                             .tag = document.tag,
                             .seconds = sources.run.state() == "running" ? kRunningSeconds
                                        : latest                         ? kIdleSeconds
                                                                         : 0};
  document.text = pages::ReportDocument(std::move(sources));
  return document;
}

// Results of a run only become more. A run that is gone takes the whole history with it, which is then read anew.
absl::Status RecordPages::Update() {
  v1::ListRunsResponse all;
  std::string token;
  do {
    ASSIGN_OR_RETURN(v1::ListRunsResponse page, Runs(kRunPage, token));
    token = page.next_page_token();
    all.mutable_runs()->MergeFrom(page.runs());
  } while (!token.empty() && static_cast<size_t>(all.runs_size()) < kMostRuns);
  std::set<std::string> there;
  int64_t oldest = std::numeric_limits<int64_t>::max();
  for (const v1::Run& run : all.runs()) {
    there.insert(run.run_id());
    oldest = std::min(oldest, run.started_unix_micros());
  }
  if (token.empty()) oldest = 0;
  // What is older than all that were listed may still be there.
  const bool lost = std::any_of(known_.begin(), known_.end(), [&](const auto& one) {
    return one.second.started_unix_micros >= oldest && there.count(one.first) == 0;
  });
  if (history_ == nullptr || lost) {
    history_ = std::make_unique<pages::History>();
    known_.clear();
    ++version_;
  }
  for (const v1::Run& listed : all.runs()) {
    Known& known = known_[listed.run_id()];
    if (known.state == listed.state() && known.results == listed.result_count()) continue;
    ASSIGN_OR_RETURN(v1::Run run, RunWith(listed.run_id(), /*samples=*/false));
    known.started_unix_micros = run.started_unix_micros();
    known.state = run.state();
    known.results = run.results_size();
    v1::Run added = run;
    added.clear_results();
    for (v1::BenchmarkResult& result : *run.mutable_results()) {
      if (result.result_id() <= known.newest) continue;
      known.newest = result.result_id();
      *added.add_results() = std::move(result);
    }
    history_->Add(added);
    ++version_;
  }
  return absl::OkStatus();
}

absl::StatusOr<PageDocument> RecordPages::Dashboard(const std::string& known_tag) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(Update());
  const int64_t now = absl::ToUnixMicros(absl::Now());
  // The tag of another daemon's life must not match.
  static const int64_t kStart = now;
  const std::string tag = Quoted(absl::StrCat(kStart, "-", version_));
  if (tag == known_tag) return PageDocument{.tag = tag};
  if (tag != dashboard_.tag) {
    pages::HistoryOptions options;
    options.now_unix_micros = now;
    options.live = pages::Live{.document = "/documents/history", .tag = tag, .seconds = kIdleSeconds};
    dashboard_ = {.tag = tag, .text = history_->Document(options)};
  }
  return dashboard_;
}

}  // namespace metronome::server
