#ifndef METRONOME_SERVER_BENCHMARK_SERVICE_H_
#define METRONOME_SERVER_BENCHMARK_SERVICE_H_

#include "metronome/v1/benchmark.grpc.pb.h"
#include "runtime/base/cancel_token.h"
#include "server/access/access_control.h"
#include "server/engine.h"
#include "server/rpc/stream_reactor.h"
#include "server/rpc/unary_call.h"
#include "server/store/run_store.h"

namespace metronome {

// The Benchmark RPCs: measurements run on the engine's queue, records are kept on the database's. Nothing blocks gRPC's
// threads.
class BenchmarkService final : public v1::Benchmark::CallbackService {
 public:
  // `store` is used on `database` alone.
  BenchmarkService(Engine& engine, RunStore& store, WorkQueue& database, AccessControl& access)
      : engine_(engine), store_(store), database_(database), access_(access) {}

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

  CallMeter Meter(absl::string_view rpc) const { return CallMeter(rpc, engine_.metrics(), engine_.clock()); }
  void Measure(const std::shared_ptr<Stream>& stream, const CancelToken& token, const std::string& run_id,
               const v1::BenchmarkSpec& spec);
  absl::StatusOr<int64_t> Store(const std::string& run_id, const v1::BenchmarkResult& result);

  Engine& engine_;
  RunStore& store_;
  WorkQueue& database_;
  AccessControl& access_;
};

}  // namespace metronome

#endif  // METRONOME_SERVER_BENCHMARK_SERVICE_H_
