#ifndef METRONOME_SERVER_SERVICE_BENCHMARK_SERVICE_H_
#define METRONOME_SERVER_SERVICE_BENCHMARK_SERVICE_H_

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "kernels/base/cancel_token.h"
#include "metronome/v1/benchmark.grpc.pb.h"
#include "server/access/access_control.h"
#include "server/engine/engine.h"
#include "server/rpc/admission.h"
#include "server/rpc/stream_reactor.h"
#include "server/rpc/unary_call.h"
#include "server/store/run_archive.h"

namespace metronome::server {

// The Benchmark RPCs: measurements run on the engine's queue, records are kept on the database's, and what others
// measured is checked on a queue of its own. Nothing blocks gRPC's threads.
class BenchmarkService final : public v1::Benchmark::CallbackService {
 public:
  // Calls pass `admission` first; `record` limits requests of RecordResult. `archive` is used on `database` alone.
  BenchmarkService(Engine& engine, Admission& admission, const RequestLimit& record, RunArchive& archive,
                   WorkQueue& database, AccessControl& access);

  // Looks after the database: notices when it is gone or back, and stores what waits in spools. Call about once a
  // second.
  void Housekeep();
  // Whether results can be stored. Thread-safe.
  bool ready() const { return archive_.ready(); }

  grpc::ServerUnaryReactor* StartRun(grpc::CallbackServerContext*, const v1::StartRunRequest*,
                                     v1::StartRunResponse*) override;
  grpc::ServerWriteReactor<v1::RunBenchmarkResponse>* RunBenchmark(grpc::CallbackServerContext*,
                                                                   const v1::RunBenchmarkRequest*) override;
  grpc::ServerUnaryReactor* RecordResult(grpc::CallbackServerContext*, const v1::RecordResultRequest*,
                                         v1::RecordResultResponse*) override;
  grpc::ServerUnaryReactor* FinishRun(grpc::CallbackServerContext*, const v1::FinishRunRequest*,
                                      v1::FinishRunResponse*) override;
  grpc::ServerUnaryReactor* ListRuns(grpc::CallbackServerContext*, const v1::ListRunsRequest*,
                                     v1::ListRunsResponse*) override;
  grpc::ServerUnaryReactor* GetRun(grpc::CallbackServerContext*, const v1::GetRunRequest*, v1::Run*) override;
  grpc::ServerUnaryReactor* ListSamples(grpc::CallbackServerContext*, const v1::ListSamplesRequest*,
                                        v1::ListSamplesResponse*) override;

 private:
  using Stream = StreamReactor<v1::RunBenchmarkResponse>;
  class RunUse;

  CallMeter Meter(absl::string_view rpc) const { return CallMeter(rpc, engine_.metrics(), engine_.clock()); }
  void Measure(const std::shared_ptr<RunUse>& use, const CancelToken& token, const v1::BenchmarkSpec& spec);
  void Keep(const std::shared_ptr<RunUse>& use, const std::shared_ptr<NewResult>& result);
  absl::Status Store(const std::shared_ptr<UnaryAnswer>& answer, const std::shared_ptr<NewResult>& result,
                     v1::RecordResultResponse* response);
  void CountStored(const absl::Status& status, const v1::BenchmarkResult& result);
  void EndUse(const std::string& run_id, bool abandoned);
  void Maintain();

  Engine& engine_;
  RunArchive& archive_;
  WorkQueue& database_;
  AccessControl& access_;
  WorkQueue checks_;
  std::map<std::string, int> streams_;  // Of RunBenchmark, by run. Used on the database's thread.
  std::atomic<bool> maintaining_{false};
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_SERVICE_BENCHMARK_SERVICE_H_
