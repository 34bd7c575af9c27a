#ifndef METRONOME_TESTS_SERVER_SERVED_DAEMON_H_
#define METRONOME_TESTS_SERVER_SERVED_DAEMON_H_

#include <grpcpp/grpcpp.h>
#include <spdlog/spdlog.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "metronome/v1/benchmark.grpc.pb.h"
#include "metronome/v1/inference.grpc.pb.h"
#include "server/daemon/daemon.h"
#include "tests/temp_directory.h"

namespace metronome::server {

// A test with a daemon in its process and a client on a real channel.
class ServedDaemon : public testing::Test {
 protected:
  using Context = grpc::ClientContext;

  explicit ServedDaemon(std::function<void(DaemonConfig&)> adjust = nullptr) {
    spdlog::set_level(spdlog::level::warn);
    DaemonConfig config;
    config.listen = "127.0.0.1:0";
    config.metrics_listen = "";
    config.db = directory_.File("runs.db");
    config.plan_cache = directory_.File("plans");
    config.calibration = "off";
    config.backend = "cpu";
    config.threads = 2;
    config.model_root = {directory_.path(), METRONOME_GOLDEN_DIR};
    if (adjust) adjust(config);
    absl::StatusOr<std::unique_ptr<Daemon>> daemon = Daemon::Start(config);
    EXPECT_TRUE(daemon.ok()) << daemon.status();
    daemon_ = *std::move(daemon);
    channel_ =
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", daemon_->grpc_port()), grpc::InsecureChannelCredentials());
    inference_ = v1::Inference::NewStub(channel_);
    benchmark_ = v1::Benchmark::NewStub(channel_);
  }

  // All messages of a server stream and its status.
  template <typename Message>
  static grpc::Status ReadAll(std::unique_ptr<grpc::ClientReader<Message>> reader, std::vector<Message>* messages) {
    for (Message message; reader->Read(&message);) messages->push_back(message);
    return reader->Finish();
  }

  grpc::Status Compile(const v1::CompileRequest& request, v1::ModelInfo* info = nullptr) {
    Context context;
    std::vector<v1::CompileResponse> messages;
    grpc::Status status = ReadAll(inference_->Compile(&context, request), &messages);
    if (status.ok()) {
      EXPECT_TRUE(messages.back().has_model());
      if (info != nullptr) *info = messages.back().model();
    }
    return status;
  }
  static v1::CompileRequest TinyRequest(const std::string& model = "tiny-llama") {
    v1::CompileRequest request;
    request.set_model(model);
    request.set_dtype("float32");
    request.set_seed(7);
    return request;
  }

  static v1::PrefillRequest TinyPrefill(const std::string& model = "tiny-llama") {
    v1::PrefillRequest request;
    request.set_model(model);
    for (const int id : {3, 141, 59, 26, 5}) request.mutable_prompt()->mutable_tokens()->add_ids(id);
    return request;
  }
  grpc::Status Prefill(const v1::PrefillRequest& request, v1::PrefillResponse* response) {
    Context context;
    return inference_->Prefill(&context, request, response);
  }
  std::string OpenSession(const v1::PrefillRequest& request) {
    v1::PrefillResponse response;
    const grpc::Status status = Prefill(request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.session();
  }

  // Appends the ids to `ids`.
  grpc::Status Decode(const std::string& session, int64_t tokens, std::vector<int32_t>* ids,
                      v1::DecodeSummary* summary = nullptr) {
    Context context;
    v1::DecodeRequest request;
    request.set_session(session);
    request.set_max_tokens(tokens);
    std::vector<v1::DecodeResponse> messages;
    grpc::Status status = ReadAll(inference_->Decode(&context, request), &messages);
    for (const v1::DecodeResponse& message : messages) {
      if (message.has_token()) ids->push_back(message.token().id());
      if (message.has_summary() && summary != nullptr) *summary = message.summary();
    }
    return status;
  }

  grpc::Status CloseSession(const std::string& session) {
    Context context;
    v1::CloseSessionRequest request;
    request.set_session(session);
    v1::CloseSessionResponse response;
    return inference_->CloseSession(&context, request, &response);
  }

  v1::GetServerInfoResponse ServerInfo() {
    Context context;
    v1::GetServerInfoResponse response;
    const grpc::Status status = inference_->GetServerInfo(&context, {}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  const TempDirectory directory_;
  std::unique_ptr<Daemon> daemon_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Inference::Stub> inference_;
  std::unique_ptr<v1::Benchmark::Stub> benchmark_;
};

}  // namespace metronome::server

#endif  // METRONOME_TESTS_SERVER_SERVED_DAEMON_H_
