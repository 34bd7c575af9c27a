#include "server/benchmark_service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/base/status_macros.h"
#include "server/access/new_directory.h"
#include "server/benchmark/benchmark.h"
#include "server/benchmark/external_result.h"
#include "server/benchmark/spec.h"
#include "server/benchmark/text_limits.h"
#include "server/environment.h"
#include "server/rpc/call_token.h"
#include "server/rpc/guard.h"
#include "server/rpc/progress_pacer.h"

namespace metronome {
namespace {

constexpr int kDefaultListLimit = 50;
constexpr int kMaxListLimit = 10000;
constexpr int kMaxSamplePage = 50000;  // 40 bytes each at most: 2 MB.

}  // namespace

grpc::ServerUnaryReactor* BenchmarkService::StartRun(grpc::CallbackServerContext* context,
                                                     const v1::StartRunRequest* request,
                                                     v1::StartRunResponse* response) {
  return AnswerFrom(database_, context, Meter("StartRun"), [this, request, response]() -> absl::Status {
    RETURN_IF_ERROR(CheckTextSizes(*request));
    absl::StatusOr<std::string> id = store_.StartRun(*request, DescribeEnvironment(engine_.backend()));
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
        absl::Status status = store_.CheckRunning(run_id);
        if (status.ok()) {
          status = engine_.queue().Submit(
              GuardedJob("RunBenchmark", stream,
                         [this, stream, token, run_id, spec] { Measure(stream, *token, run_id, spec); }),
              WorkQueue::JobKind::kWhole);
        }
        if (!status.ok()) stream->Finish(status);
      }));
  if (!queued.ok()) stream->Finish(queued);
  return reactor;
}

void BenchmarkService::Measure(const std::shared_ptr<Stream>& stream, const CancelToken& token,
                               const std::string& run_id, const v1::BenchmarkSpec& spec) {
  if (const absl::Status status = token.Check(); !status.ok()) return stream->Finish(status);
  const BenchmarkProgress progress = [&, pacer = ProgressPacer()](absl::string_view phase, double fraction) mutable {
    if (!pacer.Due(phase, fraction)) return;
    v1::RunBenchmarkResponse response;
    response.mutable_progress()->set_phase(std::string(phase));
    response.mutable_progress()->set_fraction(fraction);
    stream->Push(std::move(response));
  };
  v1::BenchmarkResult result = metronome::RunBenchmark(engine_, spec, token, progress);
  result.set_sample_count(result.samples_size());
  const auto shared = std::make_shared<v1::BenchmarkResult>(std::move(result));
  database_.Continue(GuardedJob("RunBenchmark", stream, [this, stream, run_id, shared] {
    v1::BenchmarkResult& result = *shared;
    const absl::StatusOr<int64_t> id = Store(run_id, result);
    if (!id.ok()) return stream->Finish(id.status());
    result.set_result_id(*id);
    result.clear_samples();
    v1::RunBenchmarkResponse response;
    *response.mutable_result() = std::move(result);
    stream->Push(std::move(response));
    stream->Finish(absl::OkStatus());
  }));
}

absl::StatusOr<int64_t> BenchmarkService::Store(const std::string& run_id, const v1::BenchmarkResult& result) {
  absl::StatusOr<int64_t> id = store_.AddResult(run_id, result);
  if (id.ok()) {
    engine_.metrics().CountBenchmarkResult(result.outcome());
  } else {
    engine_.metrics().CountDatabaseFailure();
  }
  return id;
}

grpc::ServerUnaryReactor* BenchmarkService::RecordResult(grpc::CallbackServerContext* context,
                                                         const v1::RecordResultRequest* request,
                                                         v1::RecordResultResponse* response) {
  return AnswerFrom(database_, context, Meter("RecordResult"), [this, request, response]() -> absl::Status {
    v1::BenchmarkResult result = request->result();
    RETURN_IF_ERROR(NormaliseExternalResult(result));
    const std::string& run_id = request->run_id();
    if (run_id.empty()) {
      return request->validate_only() ? absl::OkStatus() : absl::InvalidArgumentError("run_id is empty");
    }
    RETURN_IF_ERROR(store_.CheckRunning(run_id));
    if (request->validate_only()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const int64_t id, Store(run_id, result));
    response->set_result_id(id);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* BenchmarkService::FinishRun(grpc::CallbackServerContext* context,
                                                      const v1::FinishRunRequest* request, v1::FinishRunResponse*) {
  return AnswerFrom(database_, context, Meter("FinishRun"), [this, request] {
    return store_.FinishRun(request->run_id(), request->state().empty() ? "complete" : request->state());
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
    ASSIGN_OR_RETURN(*response, store_.ListRuns(request->limit() == 0 ? kDefaultListLimit : request->limit(),
                                                request->page_token()));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* BenchmarkService::GetRun(grpc::CallbackServerContext* context,
                                                   const v1::GetRunRequest* request, v1::Run* response) {
  return AnswerFrom(database_, context, Meter("GetRun"), [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(*response, store_.GetRun(request->run_id(), request->page_token()));
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
    ASSIGN_OR_RETURN(*response, store_.ListSamples(request->result_id(), page_size, request->page_token()));
    return absl::OkStatus();
  });
}

}  // namespace metronome
