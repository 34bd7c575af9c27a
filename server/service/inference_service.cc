#include "server/service/inference_service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/catalogue.h"
#include "compiler/frontend/hf_config.h"
#include "kernels/base/status_macros.h"
#include "server/access/new_directory.h"
#include "server/build_info.h"
#include "server/daemon/serving_limits.h"
#include "server/engine/decode_job.h"
#include "server/engine/explain.h"
#include "server/engine/prefill_job.h"
#include "server/rpc/call_token.h"
#include "server/rpc/guard.h"
#include "server/rpc/progress_pacer.h"
#include "server/service/messages.h"

namespace metronome::server {
namespace {

absl::Status CheckMaxTokens(int64_t max_tokens) {
  if (max_tokens >= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("max_tokens is ", max_tokens, ", not at least 1"));
}

// Room for `tokens` more, the last of which is never put into the cache.
absl::Status CheckRoom(const Generation& generation, int64_t tokens) {
  if (tokens <= generation.max_length() - generation.length()) return absl::OkStatus();
  return absl::OutOfRangeError(absl::StrCat(tokens, " tokens after position ", generation.length(),
                                            " exceed max_cache_len ", generation.max_length()));
}

absl::Status CheckStopTokens(const google::protobuf::RepeatedField<int32_t>& ids, const LoadedModel& model) {
  for (const int32_t id : ids) {
    if (id >= 0 && id < model.facts().vocab_size) continue;
    return absl::OutOfRangeError(
        absl::StrCat("stop_token_ids: token id ", id, " is not in [0, ", model.facts().vocab_size, ")"));
  }
  return absl::OkStatus();
}

absl::Status CheckTokensAtOnce(int64_t tokens) {
  if (tokens >= 0 && tokens <= runtime::DrawSequence::kMostDraws) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("tokens_at_once is ", tokens, ", not in [0, ", runtime::DrawSequence::kMostDraws, "]"));
}

// What a DecodeRequest and a GenerateRequest say alike.
template <typename Request>
DecodeJob::Options DecodeOptions(const Request& request, const std::string& session) {
  return {.session = session,
          .max_tokens = request.max_tokens(),
          .stop_at_eos = request.stop_at_eos(),
          .stop_token_ids = {request.stop_token_ids().begin(), request.stop_token_ids().end()},
          .tokens_at_once = std::max<int64_t>(1, request.tokens_at_once())};
}

v1::CompileResponse CompileProgressMessage(absl::string_view phase, double fraction) {
  v1::CompileResponse response;
  response.mutable_progress()->set_phase(std::string(phase));
  response.mutable_progress()->set_fraction(fraction);
  return response;
}

}  // namespace

InferenceService::InferenceService(Engine& engine, Admission& admission, const RequestLimit& prompt,
                                   AccessControl& access, ServerFacts facts)
    : engine_(engine), access_(access), facts_(std::move(facts)), started_ns_(engine.clock().MonotonicNs()) {
  const auto admit = [&](const char* rpc, auto method, const RequestLimit& limit = {kPlainRequestBytes, ""}) {
    MarkMethodCallback(MethodIndex(*v1::CompileRequest::descriptor()->file(), "Inference", rpc),
                       Admitted(admission, rpc, limit, this, method));
  };
  admit("Compile", &InferenceService::Compile);
  admit("Unload", &InferenceService::Unload);
  admit("ListModels", &InferenceService::ListModels);
  admit("Prefill", &InferenceService::Prefill, prompt);
  admit("Decode", &InferenceService::Decode);
  admit("CloseSession", &InferenceService::CloseSession);
  admit("ForkSession", &InferenceService::ForkSession);
  admit("Generate", &InferenceService::Generate, prompt);
  admit("Explain", &InferenceService::Explain);
  admit("GetServerInfo", &InferenceService::GetServerInfo);
}

grpc::ServerWriteReactor<v1::CompileResponse>* InferenceService::Compile(grpc::CallbackServerContext* context,
                                                                         const v1::CompileRequest* request) {
  const CallMeter meter = Meter("Compile");
  auto stream =
      StreamReactor<v1::CompileResponse>::Create(*context, [meter](absl::StatusCode code) { meter.Done(code); });
  auto* reactor = stream.get();
  const absl::StatusOr<ModelRequest> model_request = ToModelRequest(*request, engine_.backend().name());
  if (!model_request.ok()) {
    stream->Finish(model_request.status());
    return reactor;
  }
  if (NamesNewDirectory(model_request->model, model_request->weights, engine_.Snapshot())) {
    const absl::Status admin = access_.RequireAdmin("/metronome.v1.Inference/Compile", *context);
    if (!admin.ok()) {
      stream->Finish(admin);
      return reactor;
    }
  }
  const auto token = CallToken(meter, engine_.limits().compile, stream);
  const absl::Status queued = engine_.queue().Submit(
      GuardedJob(
          "Compile", stream,
          [this, stream, token, request = *model_request] {
            if (const absl::Status status = token->Check(); !status.ok()) return stream->Finish(status);
            const auto progress = [&, pacer = ProgressPacer()](absl::string_view phase, double fraction) mutable {
              if (!pacer.Due(phase, fraction)) return;
              stream->Push(CompileProgressMessage(phase, fraction));
            };
            const absl::StatusOr<LoadedModel*> model = engine_.Load(request, progress, *token);
            if (!model.ok()) return stream->Finish(model.status());
            v1::CompileResponse response;
            *response.mutable_model() = ToModelInfo(
                {(*model)->request(), (*model)->facts(), (*model)->tokenizer() != nullptr}, engine_.backend().name());
            stream->Push(std::move(response));
            stream->Finish(absl::OkStatus());
          }),
      WorkQueue::JobKind::kWhole);
  if (!queued.ok()) stream->Finish(queued);
  return reactor;
}

grpc::ServerUnaryReactor* InferenceService::Unload(grpc::CallbackServerContext* context,
                                                   const v1::UnloadRequest* request, v1::UnloadResponse* response) {
  return AnswerFrom(engine_.queue(), context, Meter("Unload"), [this, request, response]() -> absl::Status {
    ASSIGN_OR_RETURN(const int closed, engine_.Unload(request->model()));
    response->set_sessions_closed(closed);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* InferenceService::ListModels(grpc::CallbackServerContext* context,
                                                       const v1::ListModelsRequest*, v1::ListModelsResponse* response) {
  const CallMeter meter = Meter("ListModels");
  std::vector<LoadedModelSnapshot> loaded = engine_.Snapshot();
  const auto attach = [&](v1::CatalogueModel& model) {
    for (auto at = loaded.begin(); at != loaded.end(); ++at) {
      if (at->request.model != model.key()) continue;
      *model.mutable_loaded() = ToModelInfo(*at, engine_.backend().name());
      loaded.erase(at);
      return;
    }
  };
  for (const compiler::CatalogueEntry& entry : compiler::ModelCatalogue()) {
    v1::CatalogueModel& model = *response->add_models();
    model.set_key(std::string(entry.key));
    model.set_repository(std::string(entry.repository));
    model.set_parameters(entry.parameters);
    model.set_weight_bytes_bf16(2 * entry.parameters);
    model.set_tiny(entry.tiny);
    model.set_fits(2 * entry.parameters <= engine_.backend().MemoryAvailableBytes());
    attach(model);
  }
  while (!loaded.empty()) {  // Directories.
    v1::CatalogueModel& model = *response->add_models();
    model.set_key(loaded.front().request.model);
    model.set_parameters(loaded.front().facts.parameters);
    model.set_weight_bytes_bf16(2 * loaded.front().facts.parameters);
    model.set_fits(true);
    attach(model);
  }
  meter.Done(absl::StatusCode::kOk);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerUnaryReactor* InferenceService::Prefill(grpc::CallbackServerContext* context,
                                                    const v1::PrefillRequest* request, v1::PrefillResponse* response) {
  const CallMeter meter = Meter("Prefill");
  const auto answer = std::make_shared<UnaryAnswer>(context, meter);
  const auto job = std::make_shared<PrefillJob>(
      engine_,
      PrefillJob::Options{.client = CallContext::Of(*context).client,
                          .model = request->model(),
                          .prompt = request->prompt(),
                          .sampling = request->sampling(),
                          .mode = request->mode(),
                          .max_cache_len = request->max_cache_len(),
                          .received_ns = meter.received_ns(),
                          .token = CallToken(meter, engine_.limits().generation, context)},
      [this, response, meter, answer](absl::StatusOr<v1::PrefillResponse> prefilled) {
        if (!prefilled.ok()) return answer->Finish(prefilled.status());
        engine_.Release(prefilled->session());
        *response = *std::move(prefilled);
        response->mutable_timeline()->set_first_write_ns(engine_.clock().MonotonicNs() - meter.received_ns());
        answer->Finish(absl::OkStatus());
      });
  const absl::Status queued = engine_.queue().Submit([job] { job->Run(); });
  if (!queued.ok()) answer->Finish(queued);
  return answer->reactor();
}

grpc::ServerWriteReactor<v1::DecodeResponse>* InferenceService::Decode(grpc::CallbackServerContext* context,
                                                                       const v1::DecodeRequest* request) {
  const CallMeter meter = Meter("Decode");
  auto stream = DecodeStream::Create(*context, [meter](absl::StatusCode code) { meter.Done(code); });
  auto* reactor = stream.get();
  const absl::Status queued = engine_.queue().Submit(GuardedJob("Decode", stream, [this, stream, meter, request] {
    const auto start = [&]() -> absl::Status {
      RETURN_IF_ERROR(CheckMaxTokens(request->max_tokens()));
      RETURN_IF_ERROR(CheckTokensAtOnce(request->tokens_at_once()));
      ASSIGN_OR_RETURN(const Generation* generation, engine_.Acquire(request->session()));
      absl::Status status = CheckRoom(*generation, request->max_tokens());
      if (status.ok()) status = CheckStopTokens(request->stop_token_ids(), generation->model());
      if (!status.ok()) engine_.Release(request->session());
      return status;
    };
    if (absl::Status status = start(); !status.ok()) return stream->Finish(status);
    DecodeJob::Options options = DecodeOptions(*request, request->session());
    options.received_ns = meter.received_ns();
    options.token = CallToken(meter, engine_.limits().generation, stream);
    options.timeline.set_queue_ns(engine_.clock().MonotonicNs() - meter.received_ns());
    engine_.metrics().ObserveQueue(static_cast<double>(options.timeline.queue_ns()) * 1e-9);
    std::make_shared<DecodeJob>(engine_, stream, std::move(options))->Run();
  }));
  if (!queued.ok()) stream->Finish(queued);
  return reactor;
}

grpc::ServerWriteReactor<v1::DecodeResponse>* InferenceService::Generate(grpc::CallbackServerContext* context,
                                                                         const v1::GenerateRequest* request) {
  const CallMeter meter = Meter("Generate");
  auto stream = DecodeStream::Create(*context, [meter](absl::StatusCode code) { meter.Done(code); });
  auto* reactor = stream.get();
  const absl::Status queued = engine_.queue().Submit(
      GuardedJob("Generate", stream, [this, stream, meter, request, client = CallContext::Of(*context).client] {
        const auto check = [&]() -> absl::Status {
          RETURN_IF_ERROR(CheckMaxTokens(request->max_tokens()));
          RETURN_IF_ERROR(CheckTokensAtOnce(request->tokens_at_once()));
          ASSIGN_OR_RETURN(const LoadedModel* model, engine_.Find(request->model()));
          return CheckStopTokens(request->stop_token_ids(), *model);
        };
        if (absl::Status status = check(); !status.ok()) return stream->Finish(status);
        const auto token = CallToken(meter, engine_.limits().generation, stream);
        const auto decode = [this, stream, meter, request, token](absl::StatusOr<v1::PrefillResponse> prefilled) {
          if (!prefilled.ok()) return stream->Finish(prefilled.status());
          DecodeJob::Options options = DecodeOptions(*request, prefilled->session());
          options.close_session = true;
          options.received_ns = meter.received_ns();
          options.token = token;
          options.first_token = prefilled->first_token();
          options.first_known_ns = prefilled->timeline().sample_ns() + meter.received_ns();
          options.timeline = prefilled->timeline();
          std::make_shared<DecodeJob>(engine_, stream, std::move(options))->Run();
        };
        std::make_shared<PrefillJob>(engine_,
                                     PrefillJob::Options{.client = client,
                                                         .model = request->model(),
                                                         .prompt = request->prompt(),
                                                         .sampling = request->sampling(),
                                                         .mode = request->mode(),
                                                         .max_tokens = request->max_tokens(),
                                                         .received_ns = meter.received_ns(),
                                                         .token = token},
                                     decode)
            ->Run();
      }));
  if (!queued.ok()) stream->Finish(queued);
  return reactor;
}

grpc::ServerUnaryReactor* InferenceService::CloseSession(grpc::CallbackServerContext* context,
                                                         const v1::CloseSessionRequest* request,
                                                         v1::CloseSessionResponse*) {
  return AnswerFrom(engine_.queue(), context, Meter("CloseSession"),
                    [this, request] { return engine_.Close(request->session()); });
}

grpc::ServerUnaryReactor* InferenceService::ForkSession(grpc::CallbackServerContext* context,
                                                        const v1::ForkSessionRequest* request,
                                                        v1::ForkSessionResponse* response) {
  const CallMeter meter = Meter("ForkSession");
  const auto token = CallToken(meter, engine_.limits().generation, context);
  return AnswerFrom(engine_.queue(), context, meter, [this, context, request, response, token]() -> absl::Status {
    RETURN_IF_ERROR(token->Check());
    ASSIGN_OR_RETURN(const std::string id, engine_.Fork(request->session(), CallContext::Of(*context).client));
    if (const absl::Status status = token->Check(); !status.ok()) {
      engine_.Close(id).IgnoreError();  // Nobody would learn its name.
      return status;
    }
    response->set_session(id);
    response->set_length(engine_.Reacquire(id)->length());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* InferenceService::Explain(grpc::CallbackServerContext* context,
                                                    const v1::ExplainRequest* request, v1::ExplainResponse* response) {
  const CallMeter meter = Meter("Explain");
  const auto token = CallToken(meter, engine_.limits().benchmark, context);
  const auto explain = [this, request, response, token]() -> absl::Status {
    RETURN_IF_ERROR(token->Check());
    ASSIGN_OR_RETURN(LoadedModel * model, engine_.Find(request->model()));
    const absl::Status explained = metronome::server::Explain(*model, *request, *token, *response);
    RETURN_IF_ERROR(token->Check());  // Says best why it was stopped.
    RETURN_IF_ERROR(explained);
    *response->mutable_model() =
        ToModelInfo({model->request(), model->facts(), model->tokenizer() != nullptr}, engine_.backend().name());
    return absl::OkStatus();
  };
  return AnswerFrom(engine_.queue(), context, meter, explain, WorkQueue::JobKind::kWhole);
}

grpc::ServerUnaryReactor* InferenceService::GetServerInfo(grpc::CallbackServerContext* context,
                                                          const v1::GetServerInfoRequest*,
                                                          v1::GetServerInfoResponse* response) {
  const CallMeter meter = Meter("GetServerInfo");
  const kernels::DeviceInfo device = engine_.backend().Describe();
  response->set_version(kVersion);
  response->set_build_commit(kBuildCommit);
  response->set_uptime_seconds(static_cast<double>(engine_.clock().MonotonicNs() - started_ns_) * 1e-9);
  v1::Backend& backend = *response->add_backends();
  backend.set_name(std::string(engine_.backend().name()));
  backend.set_available(true);
  backend.set_device(device.name);
  backend.set_instruction_set(device.instruction_set);
  backend.set_threads(device.threads);
  backend.set_calibration(facts_.calibration);
  backend.set_tuning(device.tuning);
  backend.set_memory_total_bytes(device.memory_total_bytes);
  backend.set_memory_available_bytes(engine_.backend().MemoryAvailableBytes());
  if (const absl::StatusOr<kernels::DeviceTelemetry> telemetry = engine_.backend().Telemetry(); telemetry.ok())
    *backend.mutable_telemetry() = ToDeviceTelemetry(*telemetry);
  if (const absl::Status health = engine_.backend().Health(); !health.ok()) {
    backend.set_available(false);
    backend.set_reason(std::string(health.message()));
  }
  v1::Backend& other = *response->add_backends();
  other.set_name(facts_.other_backend);
  other.set_reason(facts_.other_backend_reason);
  for (const LoadedModelSnapshot& model : engine_.Snapshot())
    *response->add_models() = ToModelInfo(model, engine_.backend().name());
  response->set_sessions(static_cast<int32_t>(engine_.OpenSessions()));
  response->set_requests_waiting(static_cast<int32_t>(engine_.queue().waiting()));
  response->set_database(facts_.database);
  response->set_metrics_address(facts_.metrics_address);
  meter.Done(absl::StatusCode::kOk);
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace metronome::server
