// What clients may take of the daemon's memory, and what they are told beyond it.
#include <grpcpp/generic/generic_stub.h>

#include "gmock/gmock.h"
#include "server/daemon/serving_limits.h"
#include "tests/server/served_daemon.h"

namespace metronome::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr size_t kMiB = size_t{1} << 20;

class LimitsTest : public ServedDaemon {
 protected:
  LimitsTest()
      : ServedDaemon([](DaemonConfig& config) {
          config.prompt_request_mib = 2;
          config.record_request_mib = 2;
          config.client_request_memory_mib = 1;
          config.client_answer_memory_mib = 1;
          config.client_session_limit = 2;
          config.client_session_memory_mib = 3;
        }) {}

  // Calls a method with bytes that need be no message.
  grpc::Status CallRaw(const std::string& method, const std::string& bytes) {
    Context context;
    grpc::CompletionQueue queue;
    grpc::GenericStub stub(channel_);
    const grpc::Slice slice(bytes);
    const auto call = stub.PrepareUnaryCall(&context, method, grpc::ByteBuffer(&slice, 1), &queue);
    grpc::ByteBuffer answer;
    grpc::Status status;
    call->StartCall();
    call->Finish(&answer, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    queue.Shutdown();
    while (queue.Next(&tag, &ok)) {
    }
    return status;
  }
  static std::vector<std::string> AllMethods() {
    std::vector<std::string> methods;
    for (const auto* file : {v1::CompileRequest::descriptor()->file(), v1::StartRunRequest::descriptor()->file()}) {
      for (int s = 0; s < file->service_count(); ++s) {
        const auto* service = file->service(s);
        for (int m = 0; m < service->method_count(); ++m)
          methods.push_back(absl::StrCat("/", service->full_name(), "/", service->method(m)->name()));
      }
    }
    return methods;
  }
  // About 2 kB of memory a token.
  static v1::GenerateRequest LongAnswer(int64_t tokens) {
    v1::GenerateRequest request;
    request.set_model("tiny-llama");
    *request.mutable_prompt() = TinyPrefill().prompt();
    request.set_max_tokens(tokens);
    request.mutable_sampling()->set_logprobs(20);
    return request;
  }
};

TEST_F(LimitsTest, EveryMethodRefusesRequestsBeyondItsSizeBeforeItReadsThem) {
  const std::vector<std::string> methods = AllMethods();
  EXPECT_GE(methods.size(), 17u);
  for (const std::string& method : methods) {
    const grpc::Status status = CallRaw(method, std::string(2 * kMiB + 1, 'x'));
    EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << method;
    EXPECT_THAT(status.error_message(), AllOf(HasSubstr("the request has 2097153 bytes"), HasSubstr("send less")))
        << method;
  }
  const std::string plain = CallRaw("/metronome.v1.Inference/GetServerInfo", std::string(kMiB, 'x')).error_message();
  EXPECT_THAT(plain, HasSubstr("takes 262144"));
  const std::string prompt =
      CallRaw("/metronome.v1.Inference/Generate", std::string(2 * kMiB + 1, 'x')).error_message();
  EXPECT_THAT(prompt, HasSubstr("takes 2097152; send less, or raise prompt_request_mib"));
}

TEST_F(LimitsTest, EveryMethodRefusesWhatIsNoMessage) {
  for (const std::string& method : AllMethods()) {
    EXPECT_EQ(CallRaw(method, std::string(7, '\xFF')).error_code(), grpc::StatusCode::INVALID_ARGUMENT) << method;
  }
}

TEST_F(LimitsTest, RequestsCountAsWhatTheyTakeInMemoryUntilTheirCallsEnd) {
  ASSERT_TRUE(Compile(TinyRequest()).ok());
  v1::PrefillRequest large = TinyPrefill();  // A byte each on the wire, four in memory.
  for (size_t i = 0; i < 400'000; ++i) large.mutable_prompt()->mutable_tokens()->add_ids(1);
  ASSERT_LT(large.ByteSizeLong(), kMiB / 2);
  v1::PrefillResponse response;
  for (int i = 0; i < 5; ++i) {
    const grpc::Status status = Prefill(large, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_THAT(status.error_message(), AllOf(HasSubstr("memory of requests in flight: this client holds"),
                                              HasSubstr("of 1048576"), HasSubstr("client_request_memory_mib")));
  }
  const grpc::Status small = Prefill(TinyPrefill(), &response);
  EXPECT_TRUE(small.ok()) << small.error_message();
}

TEST_F(LimitsTest, StreamsThatNobodyReadsEndAndOthersGoOn) {
  ASSERT_TRUE(Compile(TinyRequest()).ok());
  Context unread_context, read_context;
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);  // The connection takes 64 kB ahead of the reader, no more.
  const auto stub = v1::Inference::NewStub(grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", daemon_->grpc_port()),
                                                                     grpc::InsecureChannelCredentials(), arguments));
  auto unread = stub->Generate(&unread_context, LongAnswer(2000));
  v1::DecodeResponse message;
  ASSERT_TRUE(unread->Read(&message)) << unread->Finish().error_message();
  while (ServerInfo().sessions() > 0) {  // It ends, long before its deadline, though nobody reads.
  }

  std::vector<v1::DecodeResponse> messages;
  EXPECT_TRUE(ReadAll(inference_->Generate(&read_context, LongAnswer(300)), &messages).ok());
  EXPECT_EQ(messages.size(), 301u);
  int received = 1;
  while (unread->Read(&message)) ++received;
  const grpc::Status status = unread->Finish();
  EXPECT_LT(received, 2000);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(),
              AllOf(HasSubstr("answers that nobody has read yet"), HasSubstr("client_answer_memory_mib")));
}

TEST_F(LimitsTest, SessionsOfAClientAreCounted) {
  ASSERT_TRUE(Compile(TinyRequest()).ok());
  v1::PrefillRequest request = TinyPrefill();
  request.set_max_cache_len(64);
  const std::string first = OpenSession(request), second = OpenSession(request);
  v1::PrefillResponse response;
  const grpc::Status third = Prefill(request, &response);
  EXPECT_EQ(third.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(third.error_message(), AllOf(HasSubstr("open sessions: this client holds 2 sessions of 2"),
                                           HasSubstr("close some"), HasSubstr("client_session_limit")));
  Context context;
  v1::ForkSessionRequest fork;
  fork.set_session(first);
  v1::ForkSessionResponse forked;
  EXPECT_EQ(inference_->ForkSession(&context, fork, &forked).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);

  ASSERT_TRUE(CloseSession(second).ok());

  Context again;
  EXPECT_TRUE(inference_->ForkSession(&again, fork, &forked).ok());
}

// A full session of 1024 positions takes 1.18 MB.
TEST_F(LimitsTest, CachesOfAClientAreCountedAsIfTheyWereFull) {
  ASSERT_TRUE(Compile(TinyRequest()).ok());
  v1::PrefillRequest request = TinyPrefill();
  request.set_max_cache_len(1400);
  const std::string first = OpenSession(request);
  v1::PrefillResponse response;
  const grpc::Status refused = Prefill(request, &response);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), AllOf(HasSubstr("KV caches of open sessions: this client holds"),
                                             HasSubstr("client_session_memory_mib")));
  request.set_max_cache_len(256);
  EXPECT_TRUE(Prefill(request, &response).ok());
}

TEST(ServingLimitsTest, WhatIsNotSetIsAShareOfTheMemory) {
  constexpr int64_t kGiB = int64_t{1} << 30;
  const ServingLimits limits = LimitsOf(DaemonConfig(), 64 * kGiB, 80 * kGiB);
  EXPECT_EQ(limits.requests.total, 2 * kGiB);
  EXPECT_EQ(limits.requests.per_client, kGiB);
  EXPECT_EQ(limits.answers.total, kGiB);
  EXPECT_EQ(limits.caches.total, 60 * kGiB);
  EXPECT_EQ(limits.caches.per_client, 40 * kGiB);
  EXPECT_EQ(LimitsOf(DaemonConfig(), kGiB, kGiB).requests.total, kGiB / 2);
}

}  // namespace
}  // namespace metronome::server
