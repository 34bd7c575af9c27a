#ifndef METRONOME_SERVER_SERVICE_INFERENCE_SERVICE_H_
#define METRONOME_SERVER_SERVICE_INFERENCE_SERVICE_H_

#include <string>

#include "metronome/v1/inference.grpc.pb.h"
#include "server/access/access_control.h"
#include "server/engine/engine.h"
#include "server/rpc/admission.h"
#include "server/rpc/stream_reactor.h"
#include "server/rpc/unary_call.h"

namespace metronome::server {

// The Inference RPCs: each checks what it can, queues its work on the engine, and returns.
class InferenceService final : public v1::Inference::CallbackService {
 public:
  struct ServerFacts {
    std::string database;
    std::string metrics_address;
    std::string other_backend;  // That this daemon could have and does not run on, and why.
    std::string other_backend_reason;
    std::string calibration;  // BackendChoice::calibration.
  };

  // Calls pass `admission` first; `prompt` limits requests that carry one.
  InferenceService(Engine& engine, Admission& admission, const RequestLimit& prompt, AccessControl& access,
                   ServerFacts facts);

  grpc::ServerWriteReactor<v1::CompileResponse>* Compile(grpc::CallbackServerContext*,
                                                         const v1::CompileRequest*) override;
  grpc::ServerUnaryReactor* Unload(grpc::CallbackServerContext*, const v1::UnloadRequest*,
                                   v1::UnloadResponse*) override;
  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext*, const v1::ListModelsRequest*,
                                       v1::ListModelsResponse*) override;
  grpc::ServerUnaryReactor* Prefill(grpc::CallbackServerContext*, const v1::PrefillRequest*,
                                    v1::PrefillResponse*) override;
  grpc::ServerWriteReactor<v1::DecodeResponse>* Decode(grpc::CallbackServerContext*, const v1::DecodeRequest*) override;
  grpc::ServerUnaryReactor* CloseSession(grpc::CallbackServerContext*, const v1::CloseSessionRequest*,
                                         v1::CloseSessionResponse*) override;
  grpc::ServerUnaryReactor* ForkSession(grpc::CallbackServerContext*, const v1::ForkSessionRequest*,
                                        v1::ForkSessionResponse*) override;
  grpc::ServerWriteReactor<v1::DecodeResponse>* Generate(grpc::CallbackServerContext*,
                                                         const v1::GenerateRequest*) override;
  grpc::ServerUnaryReactor* Explain(grpc::CallbackServerContext*, const v1::ExplainRequest*,
                                    v1::ExplainResponse*) override;
  grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext*, const v1::GetServerInfoRequest*,
                                          v1::GetServerInfoResponse*) override;

 private:
  CallMeter Meter(absl::string_view rpc) const { return CallMeter(rpc, engine_.metrics(), engine_.clock()); }

  Engine& engine_;
  AccessControl& access_;
  const ServerFacts facts_;
  const int64_t started_ns_;
};

}  // namespace metronome::server

#endif  // METRONOME_SERVER_SERVICE_INFERENCE_SERVICE_H_
