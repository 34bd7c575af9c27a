#include "server/service/benchmark_service.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "server/access/new_directory.h"
#include "server/benchmark/benchmark.h"
#include "server/benchmark/external_result.h"
#include "server/benchmark/spec.h"
#include "server/benchmark/text_limits.h"
#include "server/daemon/environment.h"
#include "server/daemon/serving_limits.h"
#include "server/rpc/call_token.h"
#include "server/rpc/guard.h"
#include "server/rpc/progress_pacer.h"

namespace metronome::server {
namespace {

constexpr int kDefaultListLimit = 50;
constexpr int kMaxListLimit = 10000;
constexpr int kMaxSamplePage = 50000;  // 40 bytes each at most: 2 MB.
// Results of others that wait to be checked, a second for one with a million samples.
constexpr size_t kChecksLimit = 256;

}  // namespace

// What the jobs of a RunBenchmark stream share, until the last of them is done. Made on the database's thread.
class BenchmarkService::RunUse {
 public:
  RunUse(BenchmarkService& service, v1::Run run, std::shared_ptr<Stream> stream)
      : service_(service), run_(std::move(run)), stream_(std::move(stream)) {
    ++service_.streams_[run_.run_id()];
  }
  // A run whose client has left is interrupted once nothing is measured for it any more.
  ~RunUse() {
    service_.database_.Continue(
        [&service = service_, run_id = run_.run_id(), abandoned = !answered_ && stream_->cancelled()] {
          service.EndUse(run_id, abandoned);
        });
  }
  RunUse(const RunUse&) = delete;
  RunUse& operator=(const RunUse&) = delete;

  const v1::Run& run() const { return run_; }
  const std::shared_ptr<Stream>& stream() const { return stream_; }
  void Answer(v1::BenchmarkResult result) {
    answered_ = !stream_->cancelled();
    v1::RunBenchmarkResponse response;
    *response.mutable_result() = std::move(result);
    stream_->Push(std::move(response));
    stream_->Finish(absl::OkStatus());
  }

 private:
  BenchmarkService& service_;
  const v1::Run run_;
  const std::shared_ptr<Stream> stream_;
  bool answered_ = false;  // With a result, to a client that was there.
};

BenchmarkService::BenchmarkService(Engine& engine, Admission& admission, const RequestLimit& record,
                                   RunArchive& archive, WorkQueue& database, AccessControl& access)
    : engine_(engine), archive_(archive), database_(database), access_(access), checks_("result checks", kChecksLimit) {
  const auto admit = [&](const char* rpc, auto method, const RequestLimit& limit = {kPlainRequestBytes, ""}) {
    MarkMethodCallback(MethodIndex(*v1::StartRunRequest::descriptor()->file(), "Benchmark", rpc),
                       Admitted(admission, rpc, limit, this, method));
  };
  const RequestLimit texts = {kBenchmarkRequestBytes, ""};
  admit("StartRun", &BenchmarkService::StartRun, texts);
  admit("RunBenchmark", &BenchmarkService::RunBenchmark, texts);
  admit("RecordResult", &BenchmarkService::RecordResult, record);
  admit("FinishRun", &BenchmarkService::FinishRun);
  admit("ListRuns", &BenchmarkService::ListRuns);
  admit("GetRun", &BenchmarkService::GetRun);
  admit("ListSamples", &BenchmarkService::ListSamples);
}

void BenchmarkService::Housekeep() {
  if (!maintaining_.exchange(true)) database_.Continue([this] { Maintain(); });
}

void BenchmarkService::Maintain() {
  if (archive_.Maintain()) return database_.Continue([this] { Maintain(); });
  maintaining_ = false;
}

void BenchmarkService::EndUse(const std::string& run_id, bool abandoned) {
  const auto streams = streams_.find(run_id);
  if (--streams->second > 0) return;  // Somebody is still there.
  streams_.erase(streams);
  if (abandoned) archive_.Interrupt(run_id);
}

grpc::ServerUnaryReactor* BenchmarkService::StartRun(grpc::CallbackServerContext* context,
                                                     const v1::StartRunRequest* request,
                                                     v1::StartRunResponse* response) {
  return AnswerFrom(database_, context, Meter("StartRun"), [this, request, response]() -> absl::Status {
    RETURN_IF_ERROR(CheckTextSizes(*request));
    absl::StatusOr<std::string> id = archive_.store().StartRun(*request, DescribeEnvironment(engine_.backend()));
    if (!id.ok()) engine_.metrics().CountDatabaseFailure();
    RETURN_IF_ERROR(id.status());
    response->set_run_id(*std::move(id));
    return absl::OkStatus();
  });
}

// The run is looked up on the database's thread, the measurement made on the engine's, the result stored on the
// database's again.
grpc::ServerWriteReactor<v1::RunBenchmarkResponse>* BenchmarkService::RunBenchmark(
    grpc::CallbackServerContext* context, const v1::RunBenchmarkRequest* request) {
  const CallMeter meter = Meter("RunBenchmark");
  auto stream = Stream::Create(*context, [meter](absl::StatusCode code) { meter.Done(code); });
  auto* reactor = stream.get();
  v1::BenchmarkSpec spec = request->spec();
  absl::Status status = NormaliseSpec(spec);
  if (status.ok() && NamesNewDirectory(spec.model(), spec.weights(), engine_.Snapshot()))
    status = access_.RequireAdmin("/metronome.v1.Benchmark/RunBenchmark", *context);
  if (!status.ok()) {
    stream->Finish(status);
    return reactor;
  }
  const auto token = CallToken(meter, engine_.limits().benchmark, stream);
  const absl::Status queued =
      database_.Submit(GuardedJob("RunBenchmark", stream, [this, stream, token, run_id = request->run_id(), spec] {
        absl::StatusOr<v1::Run> run = archive_.store().GetRunning(run_id);
        if (!run.ok()) return stream->Finish(run.status());
        const auto use = std::make_shared<RunUse>(*this, *std::move(run), stream);
        const absl::Status status = engine_.queue().Submit(
            GuardedJob("RunBenchmark", stream, [this, use, token, spec] { Measure(use, *token, spec); }),
            WorkQueue::JobKind::kWhole);
        if (!status.ok()) stream->Finish(status);
      }));
  if (!queued.ok()) stream->Finish(queued);
  return reactor;
}

void BenchmarkService::Measure(const std::shared_ptr<RunUse>& use, const CancelToken& token,
                               const v1::BenchmarkSpec& spec) {
  const std::shared_ptr<Stream>& stream = use->stream();
  if (const absl::Status status = token.Check(); !status.ok()) return stream->Finish(status);
  const BenchmarkProgress progress = [&, pacer = ProgressPacer()](absl::string_view phase, double fraction) mutable {
    if (!pacer.Due(phase, fraction)) return;
    v1::RunBenchmarkResponse response;
    response.mutable_progress()->set_phase(std::string(phase));
    response.mutable_progress()->set_fraction(fraction);
    stream->Push(std::move(response));
  };
  v1::BenchmarkResult result = metronome::server::RunBenchmark(engine_, spec, token, progress);
  const auto prepared =
      std::make_shared<NewResult>(PrepareResult(use->run(), std::move(result), engine_.clock().UnixMicros()));
  database_.Continue(GuardedJob("RunBenchmark", stream, [this, use, prepared] { Keep(use, prepared); }));
}

// One part at a time, so that other calls come between. A result that cannot be stored is the client's all the same.
void BenchmarkService::Keep(const std::shared_ptr<RunUse>& use, const std::shared_ptr<NewResult>& prepared) {
  const std::optional<RunArchive::Kept> kept = archive_.KeepSome(*prepared);
  if (!kept.has_value()) {
    database_.Continue(GuardedJob("RunBenchmark", use->stream(), [this, use, prepared] { Keep(use, prepared); }));
    return;
  }
  v1::BenchmarkResult& result = prepared->result;
  CountStored(kept->status, result);
  result.set_result_id(kept->id);
  if (!kept->note.empty()) result.set_note(absl::StrCat(result.note(), result.note().empty() ? "" : "; ", kept->note));
  use->Answer(std::move(result));
}

void BenchmarkService::CountStored(const absl::Status& status, const v1::BenchmarkResult& result) {
  if (!status.ok()) return engine_.metrics().CountDatabaseFailure();
  engine_.metrics().CountBenchmarkResult(result.outcome());
  engine_.metrics().benchmarks().Record(result, engine_.backend().name(), engine_.clock().UnixMicros());
  Housekeep();  // What could not be stored before may be now.
}

grpc::ServerUnaryReactor* BenchmarkService::RecordResult(grpc::CallbackServerContext* context,
                                                         const v1::RecordResultRequest* request,
                                                         v1::RecordResultResponse* response) {
  const auto answer = std::make_shared<UnaryAnswer>(context, Meter("RecordResult"));
  answer->RunOn(checks_, [this, request, response, answer = answer.get()]() -> absl::Status {  // The job holds it.
    v1::BenchmarkResult result = request->result();
    RETURN_IF_ERROR(NormaliseExternalResult(result));
    if (request->run_id().empty() && !request->validate_only()) return absl::InvalidArgumentError("run_id is empty");
    const auto prepared =
        std::make_shared<NewResult>(PrepareResult({}, std::move(result), engine_.clock().UnixMicros()));
    answer->RunOn(database_, [this, request, response, answer, prepared]() -> absl::Status {
      if (!request->run_id().empty()) {
        ASSIGN_OR_RETURN(prepared->run, archive_.store().GetRunning(request->run_id()));
      }
      if (!request->validate_only()) return Store(answer->shared_from_this(), prepared, response);
      answer->Finish(absl::OkStatus());
      return absl::OkStatus();
    });
    return absl::OkStatus();
  });
  return answer->reactor();
}

// As Keep; but what cannot be stored is an error, since the client has the result and may try again.
absl::Status BenchmarkService::Store(const std::shared_ptr<UnaryAnswer>& answer,
                                     const std::shared_ptr<NewResult>& prepared, v1::RecordResultResponse* response) {
  const absl::StatusOr<std::optional<int64_t>> id = archive_.store().StoreSome(*prepared);
  if (!id.ok() || id->has_value()) CountStored(id.status(), prepared->result);
  RETURN_IF_ERROR(id.status());
  if (id->has_value()) {
    response->set_result_id(**id);
    answer->Finish(absl::OkStatus());
  } else {
    answer->ContinueOn(database_, [this, answer = answer.get(), prepared, response] {
      return Store(answer->shared_from_this(), prepared, response);
    });
  }
  return absl::OkStatus();
}

grpc::ServerUnaryReactor* BenchmarkService::FinishRun(grpc::CallbackServerContext* context,
                                                      const v1::FinishRunRequest* request, v1::FinishRunResponse*) {
  return AnswerFrom(database_, context, Meter("FinishRun"), [this, request] {
    return archive_.store().FinishRun(request->run_id(), request->state().empty() ? "complete" : request->state());
  });
}

grpc::ServerUnaryReactor* BenchmarkService::ListRuns(grpc::CallbackServerContext* context,
                                                     const v1::ListRunsRequest* request,
                                                     v1::ListRunsResponse* response) {
  return AnswerFrom(database_, context, Meter("ListRuns"), [this, request, response]() -> absl::Status {
    if (request->limit() < 0 || request->limit() > kMaxListLimit) {
      return absl::InvalidArgumentError(
          absl::StrCat("limit is ", request->limit(), ", not in [0, ", kMaxListLimit, "]"));
    }
    ASSIGN_OR_RETURN(*response, archive_.store().ListRuns(request->limit() == 0 ? kDefaultListLimit : request->limit(),
                                                          request->page_token()));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* BenchmarkService::GetRun(grpc::CallbackServerContext* context,
                                                   const v1::GetRunRequest* request, v1::Run* response) {
  return AnswerFrom(database_, context, Meter("GetRun"), [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(*response, archive_.store().GetRun(request->run_id(), request->page_token()));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* BenchmarkService::ListSamples(grpc::CallbackServerContext* context,
                                                        const v1::ListSamplesRequest* request,
                                                        v1::ListSamplesResponse* response) {
  return AnswerFrom(database_, context, Meter("ListSamples"), [this, request, response]() -> absl::Status {
    if (request->page_size() < 0 || request->page_size() > kMaxSamplePage) {
      return absl::InvalidArgumentError(
          absl::StrCat("page_size is ", request->page_size(), ", not in [0, ", kMaxSamplePage, "]"));
    }
    const int page_size = request->page_size() == 0 ? kMaxSamplePage : request->page_size();
    ASSIGN_OR_RETURN(*response, archive_.store().ListSamples(request->result_id(), page_size, request->page_token()));
    return absl::OkStatus();
  });
}

}  // namespace metronome::server
