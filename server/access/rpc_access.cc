#include "server/access/rpc_access.h"

namespace metronome::server {

const std::vector<RpcAccess>& RpcAccessTable() {
  // A benchmark compiles by itself, and Explain measures: both take the engine for themselves. Compile and RunBenchmark
  // ask for an admin besides where they name a directory that is not loaded (NamesNewDirectory).
  static const auto* const kTable = new std::vector<RpcAccess>{
      {"/metronome.v1.Inference/ListModels", Role::kRead | Role::kInfer | Role::kBenchmark},
      {"/metronome.v1.Inference/GetServerInfo", Role::kRead},
      {"/metronome.v1.Inference/Compile", Role::kInfer | Role::kBenchmark},
      {"/metronome.v1.Inference/Prefill", Role::kInfer},
      {"/metronome.v1.Inference/Decode", Role::kInfer},
      {"/metronome.v1.Inference/Generate", Role::kInfer},
      {"/metronome.v1.Inference/ForkSession", Role::kInfer},
      {"/metronome.v1.Inference/CloseSession", Role::kInfer},
      {"/metronome.v1.Inference/Explain", Role::kBenchmark},
      {"/metronome.v1.Inference/Unload", Role::kAdmin},
      {"/metronome.v1.Benchmark/ListRuns", Role::kRead},
      {"/metronome.v1.Benchmark/GetRun", Role::kRead},
      {"/metronome.v1.Benchmark/ListSamples", Role::kRead},
      {"/metronome.v1.Benchmark/StartRun", Role::kBenchmark},
      {"/metronome.v1.Benchmark/RunBenchmark", Role::kBenchmark},
      {"/metronome.v1.Benchmark/FinishRun", Role::kBenchmark},
      {"/metronome.v1.Benchmark/RecordResult", Role::kAdmin},
      // A probe has no secret, and learns no more than that the daemon serves. A Watch holds a stream.
      {"/grpc.health.v1.Health/Check", RoleSet(), /*needs_no_token=*/true},
      {"/grpc.health.v1.Health/Watch", Role::kRead},
      {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", Role::kRead},
  };
  return *kTable;
}

const RpcAccess& FindRpcAccess(absl::string_view path) {
  static const RpcAccess kOther = {"other", Role::kAdmin};
  for (const RpcAccess& rpc : RpcAccessTable()) {
    if (rpc.path == path) return rpc;
  }
  return kOther;
}

}  // namespace metronome::server
