#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <thread>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "tests/server/served_daemon.h"

namespace metronome::server {
namespace {

using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

class InferenceServiceTest : public ServedDaemon {};

TEST_F(InferenceServiceTest, CompileReportsProgressAndThenTheModel) {
  Context context;
  std::vector<v1::CompileResponse> messages;
  const grpc::Status status = ReadAll(inference_->Compile(&context, TinyRequest()), &messages);

  ASSERT_TRUE(status.ok()) << status.error_message();
  std::set<std::string> phases;
  for (size_t i = 0; i + 1 < messages.size(); ++i) phases.insert(messages[i].progress().phase());
  EXPECT_THAT(phases, testing::IsSupersetOf({"graph", "compile", "weights", "bind"}));
  const v1::ModelInfo& info = messages.back().model();
  EXPECT_EQ(info.key(), "tiny-llama");
  EXPECT_EQ(info.backend(), "cpu");
  EXPECT_EQ(info.dtype(), "float32");
  EXPECT_EQ(info.path(), "compiled");
  EXPECT_EQ(info.weights_provenance(), "synthetic:7");
  EXPECT_EQ(info.parameters(), 180'800);
  EXPECT_EQ(info.weight_bytes(), 4 * 180'800);
  EXPECT_EQ(info.vocab_size(), 257);
  // Keys and values of 3 layers, 2 heads of 24, float32.
  EXPECT_EQ(info.kv_bytes_per_token(), 2 * 3 * 2 * 24 * 4);
  EXPECT_EQ(info.max_cache_len(), 2048);
  EXPECT_EQ(info.plan_hash().size(), 16u);
  EXPECT_FALSE(info.has_tokenizer());
  EXPECT_GT(info.compile_ms(), 0);
}

TEST_F(InferenceServiceTest, CatalogueShowsWhatIsLoadedAndWhatIsNotSupported) {
  ASSERT_TRUE(Compile(TinyRequest()).ok());
  Context context;
  v1::ListModelsResponse response;
  ASSERT_TRUE(inference_->ListModels(&context, {}, &response).ok());
  std::map<std::string, v1::CatalogueModel> models;
  for (const v1::CatalogueModel& model : response.models()) models[model.key()] = model;
  for (const char* key : {"llama-3-8b", "qwen3-4b", "gemma3-4b", "gemma4-26b-a4b", "qwen3-30b-a3b", "llama-3.2-1b",
                          "qwen3-1.7b", "gemma3-1b", "qwen2.5-1.5b"}) {
    EXPECT_TRUE(models.contains(key)) << key;
  }
  EXPECT_TRUE(models["tiny-llama"].tiny());
  EXPECT_EQ(models["tiny-llama"].loaded().dtype(), "float32");
  EXPECT_FALSE(models["tiny-qwen3"].has_loaded());
}

TEST_F(InferenceServiceTest, DecodeContinuesWhatPrefillBegan) {
  ASSERT_TRUE(Compile(TinyRequest()).ok());
  v1::PrefillResponse prefilled;
  ASSERT_TRUE(Prefill(TinyPrefill(), &prefilled).ok());
  EXPECT_EQ(prefilled.prompt_tokens(), 5);
  EXPECT_EQ(prefilled.prompt_tokens_requested(), 5);
  EXPECT_EQ(prefilled.first_token().position(), 5);
  EXPECT_GT(prefilled.kv_bytes(), 0);
  const v1::Timeline& timeline = prefilled.timeline();
  EXPECT_LE(timeline.queue_ns(), timeline.tokenize_ns());
  EXPECT_LE(timeline.tokenize_ns(), timeline.prefill_ns());
  EXPECT_LE(timeline.prefill_ns(), timeline.sample_ns());
  EXPECT_LE(timeline.sample_ns(), timeline.first_write_ns());

  std::vector<int32_t> ids = {prefilled.first_token().id()};
  v1::DecodeSummary summary;
  ASSERT_TRUE(Decode(prefilled.session(), 3, &ids, &summary).ok());
  ASSERT_TRUE(Decode(prefilled.session(), 4, &ids).ok());

  EXPECT_EQ(summary.tokens(), 3);
  EXPECT_EQ(summary.finish_reason(), "length");
  EXPECT_GT(summary.tpot_ms(), 0);
  // The same in one call.
  Context context;
  v1::GenerateRequest generate;
  generate.set_model("tiny-llama");
  *generate.mutable_prompt() = TinyPrefill().prompt();
  generate.set_max_tokens(8);
  std::vector<v1::DecodeResponse> messages;
  ASSERT_TRUE(ReadAll(inference_->Generate(&context, generate), &messages).ok());
  ASSERT_EQ(messages.size(), 9u);
  std::vector<int32_t> generated;
  for (int i = 0; i < 8; ++i) {
    generated.push_back(messages[i].token().id());
    EXPECT_EQ(messages[i].token().position(), 5 + i);
  }
  EXPECT_THAT(generated, ElementsAreArray(ids));
  EXPECT_GT(messages.back().summary().ttft_ms(), 0);
  EXPECT_EQ(messages.back().summary().digest().size(), 16u);
  EXPECT_EQ(ServerInfo().sessions(), 1);  // The first; Generate closed its own.
}

TEST_F(InferenceServiceTest, ChunkedAndSequentialPrefillAgree) {
  ASSERT_TRUE(Compile(TinyRequest("tiny-gemma3")).ok());
  std::vector<int32_t> tokens[2];
  for (const bool sequential : {false, true}) {
    v1::PrefillRequest request = TinyPrefill("tiny-gemma3");
    request.clear_prompt();
    request.mutable_prompt()->mutable_synthetic()->set_tokens(37);
    request.mutable_prompt()->mutable_synthetic()->set_seed(4);
    request.set_mode(sequential ? "sequential" : "chunked");
    ASSERT_TRUE(Decode(OpenSession(request), 12, &tokens[sequential]).ok());
  }
  EXPECT_EQ(tokens[0], tokens[1]);
}

TEST_F(InferenceServiceTest, CompiledAndEagerPathsAgreeAndSoDoTheirPlans) {
  std::vector<int32_t> tokens[2];
  std::string plans[2];
  for (const bool eager : {false, true}) {
    v1::CompileRequest request = TinyRequest("tiny-qwen3");
    request.set_path(eager ? "eager" : "compiled");
    v1::ModelInfo info;
    ASSERT_TRUE(Compile(request, &info).ok());
    plans[eager] = info.plan_hash();
    ASSERT_TRUE(Decode(OpenSession(TinyPrefill("tiny-qwen3")), 12, &tokens[eager]).ok());
  }
  EXPECT_EQ(tokens[0], tokens[1]);
  EXPECT_NE(plans[0], plans[1]);
}

TEST_F(InferenceServiceTest, StopTokensEndAGenerationAndAreItsLastToken) {
  ASSERT_TRUE(Compile(TinyRequest()).ok());
  std::vector<int32_t> ids;
  v1::PrefillResponse prefilled;
  ASSERT_TRUE(Prefill(TinyPrefill(), &prefilled).ok());
  ids.push_back(prefilled.first_token().id());
  ASSERT_TRUE(Decode(prefilled.session(), 20, &ids).ok());
  // The first id that has not come before its place stops there, in both calls.
  size_t at = 4;
  while (std::find(ids.begin(), ids.begin() + static_cast<int64_t>(at), ids[at]) !=
         ids.begin() + static_cast<int64_t>(at))
    ASSERT_LT(++at, ids.size());

  Context context;
  v1::GenerateRequest generate;
  generate.set_model("tiny-llama");
  *generate.mutable_prompt() = TinyPrefill().prompt();
  generate.set_max_tokens(21);
  generate.add_stop_token_ids(ids[at]);
  generate.add_stop_token_ids(ids[at]);
  std::vector<v1::DecodeResponse> messages;
  ASSERT_TRUE(ReadAll(inference_->Generate(&context, generate), &messages).ok());
  EXPECT_EQ(messages.back().summary().finish_reason(), "stop");
  ASSERT_EQ(messages.size(), at + 2);
  EXPECT_EQ(messages[at].token().id(), ids[at]);

  ASSERT_TRUE(Prefill(TinyPrefill(), &prefilled).ok());
  Context decode_context;
  v1::DecodeRequest decode;
  decode.set_session(prefilled.session());
  decode.set_max_tokens(20);
  decode.add_stop_token_ids(ids[at]);
  messages.clear();
  ASSERT_TRUE(ReadAll(inference_->Decode(&decode_context, decode), &messages).ok());
  EXPECT_EQ(messages.back().summary().finish_reason(), "stop");
  EXPECT_EQ(messages.size(), at + 1);

  for (const int32_t bad : {-1, 257}) {
    Context bad_context, bad_generate_context;
    decode.set_stop_token_ids(0, bad);
    const grpc::Status status = ReadAll(inference_->Decode(&bad_context, decode), &messages);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::OUT_OF_RANGE);
    EXPECT_THAT(status.error_message(), HasSubstr("not in [0, 257)"));
    generate.set_stop_token_ids(0, bad);
    EXPECT_EQ(ReadAll(inference_->Generate(&bad_generate_context, generate), &messages).error_code(),
              grpc::StatusCode::OUT_OF_RANGE);
  }
  EXPECT_TRUE(Decode(prefilled.session(), 2, &ids).ok());  // Refusals change nothing.
}

TEST_F(InferenceServiceTest, TokensWantedTogetherAreTheSameTokens) {
  ASSERT_TRUE(Compile(TinyRequest()).ok());
  v1::GenerateRequest generate;
  generate.set_model("tiny-llama");
  *generate.mutable_prompt() = TinyPrefill().prompt();
  generate.set_max_tokens(9);
  std::vector<std::string> digests;
  for (const int32_t count : {0, 1, 4, 1024}) {
    Context context;
    generate.set_tokens_at_once(count);
    std::vector<v1::DecodeResponse> messages;
    ASSERT_TRUE(ReadAll(inference_->Generate(&context, generate), &messages).ok());
    EXPECT_EQ(messages.size(), 10u);
    digests.push_back(messages.back().summary().digest());
  }
  EXPECT_EQ(digests, std::vector<std::string>(4, digests[0]));
  v1::DecodeRequest decode;
  decode.set_session(OpenSession(TinyPrefill()));
  decode.set_max_tokens(2);
  for (const int32_t bad : {-1, 1025}) {
    Context generate_context, decode_context;
    std::vector<v1::DecodeResponse> messages;
    generate.set_tokens_at_once(bad);
    const grpc::Status status = ReadAll(inference_->Generate(&generate_context, generate), &messages);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr(absl::StrCat("tokens_at_once is ", bad, ", not in [0, 1024]")));
    decode.set_tokens_at_once(bad);
    EXPECT_EQ(ReadAll(inference_->Decode(&decode_context, decode), &messages).error_code(),
              grpc::StatusCode::INVALID_ARGUMENT);
  }
  Context context;
  std::vector<v1::DecodeResponse> messages;
  decode.set_tokens_at_once(2);
  EXPECT_TRUE(ReadAll(inference_->Decode(&context, decode), &messages).ok());
}

// Greedy: the token chosen is the most likely, whatever its log-probability; and these sum to at most one.
TEST_F(InferenceServiceTest, LogProbabilitiesComeWithEveryToken) {
  ASSERT_TRUE(Compile(TinyRequest()).ok());
  Context context;
  v1::GenerateRequest generate;
  generate.set_model("tiny-llama");
  *generate.mutable_prompt() = TinyPrefill().prompt();
  generate.set_max_tokens(6);
  generate.mutable_sampling()->set_logprobs(20);
  std::vector<v1::DecodeResponse> messages;
  ASSERT_TRUE(ReadAll(inference_->Generate(&context, generate), &messages).ok());
  ASSERT_EQ(messages.size(), 7u);
  for (int i = 0; i < 6; ++i) {
    const v1::Token& token = messages[i].token();
    ASSERT_TRUE(token.has_logprob());
    ASSERT_EQ(token.top_logprobs_size(), 20);
    EXPECT_EQ(token.top_logprobs(0).id(), token.id());
    EXPECT_EQ(token.top_logprobs(0).logprob(), token.logprob());
    double sum = 0;
    for (int j = 0; j < 20; ++j) {
      sum += std::exp(token.top_logprobs(j).logprob());
      EXPECT_LE(token.top_logprobs(j).logprob(), token.top_logprobs(std::max(0, j - 1)).logprob());
    }
    EXPECT_LE(sum, 1);
    EXPECT_GT(sum, 20.0 / 257);
  }

  Context bare_context, refused_context;
  generate.mutable_sampling()->set_logprobs(0);
  messages.clear();
  ASSERT_TRUE(ReadAll(inference_->Generate(&bare_context, generate), &messages).ok());
  EXPECT_TRUE(messages[0].token().has_logprob());
  EXPECT_EQ(messages[0].token().top_logprobs_size(), 0);
  generate.mutable_sampling()->set_logprobs(21);
  const grpc::Status status = ReadAll(inference_->Generate(&refused_context, generate), &messages);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("logprobs is 21, not in [0, 20]"));
}

TEST_F(InferenceServiceTest, SampledTokensDependOnTheSeedAlone) {
  ASSERT_TRUE(Compile(TinyRequest()).ok());
  const auto sample = [&](uint64_t seed) {
    v1::PrefillRequest request = TinyPrefill();
    request.mutable_sampling()->set_temperature(1.5);
    request.mutable_sampling()->set_top_k(50);
    request.mutable_sampling()->set_seed(seed);
    std::vector<int32_t> ids;
    EXPECT_TRUE(Decode(OpenSession(request), 24, &ids).ok());
    return ids;
  };
  const std::vector<int32_t> first = sample(1);
  EXPECT_EQ(sample(1), first);
  EXPECT_NE(sample(2), first);
}

TEST_F(InferenceServiceTest, ForkedSessionGoesItsOwnWay) {
  ASSERT_TRUE(Compile(TinyRequest()).ok());
  const std::string origin = OpenSession(TinyPrefill());
  Context context;
  v1::ForkSessionRequest request;
  request.set_session(origin);
  v1::ForkSessionResponse fork;
  ASSERT_TRUE(inference_->ForkSession(&context, request, &fork).ok());
  EXPECT_EQ(fork.length(), 5);
  std::vector<int32_t> of_origin, of_fork;
  ASSERT_TRUE(Decode(origin, 6, &of_origin).ok());
  ASSERT_TRUE(CloseSession(origin).ok());
  ASSERT_TRUE(Decode(fork.session(), 6, &of_fork).ok());
  EXPECT_EQ(of_origin, of_fork);
}

TEST_F(InferenceServiceTest, ConcurrentClientsGetWhatEachWouldAlone) {
  ASSERT_TRUE(Compile(TinyRequest()).ok());
  const auto prompt_of = [](int client) {
    v1::PrefillRequest request = TinyPrefill();
    request.mutable_prompt()->mutable_tokens()->set_ids(0, 10 + client);
    return request;
  };
  constexpr int kClients = 6;
  std::vector<std::vector<int32_t>> alone(kClients), together(kClients);
  for (int c = 0; c < kClients; ++c) ASSERT_TRUE(Decode(OpenSession(prompt_of(c)), 40, &alone[c]).ok());

  std::vector<std::thread> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] {
      const grpc::Status status = Decode(OpenSession(prompt_of(c)), 40, &together[c]);
      EXPECT_TRUE(status.ok()) << status.error_message();
    });
  }
  for (std::thread& client : clients) client.join();

  EXPECT_EQ(together, alone);
}

TEST_F(InferenceServiceTest, LongDecodesTakeTurns) {
  ASSERT_TRUE(Compile(TinyRequest()).ok());
  const std::string slow = OpenSession(TinyPrefill()), quick = OpenSession(TinyPrefill());
  Context context;
  v1::DecodeRequest request;
  request.set_session(slow);
  request.set_max_tokens(2000);
  const auto reader = inference_->Decode(&context, request);
  v1::DecodeResponse message;
  ASSERT_TRUE(reader->Read(&message));

  std::vector<int32_t> ids;
  ASSERT_TRUE(Decode(quick, 2, &ids).ok());
  EXPECT_EQ(ServerInfo().sessions(), 2);
  const grpc::Status fork_of_busy = [&] {
    Context fork_context;
    v1::ForkSessionRequest fork;
    fork.set_session(slow);
    v1::ForkSessionResponse response;
    return inference_->ForkSession(&fork_context, fork, &response);
  }();

  int64_t tokens = 1;
  bool ended = false;
  while (reader->Read(&message)) {
    tokens += message.has_token();
    ended = message.has_summary();
  }
  ASSERT_TRUE(reader->Finish().ok());
  EXPECT_EQ(tokens, 2000);
  EXPECT_TRUE(ended);
  EXPECT_EQ(fork_of_busy.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

// The decode of two thousand tokens through the eager path takes seconds; the client leaves after the first.
TEST_F(InferenceServiceTest, CancelledDecodeStopsAndFreesItsSession) {
  v1::CompileRequest compile = TinyRequest("tiny-gemma3");
  compile.set_path("eager");
  ASSERT_TRUE(Compile(compile).ok());
  const std::string session = OpenSession(TinyPrefill("tiny-gemma3"));
  {
    Context context;
    v1::DecodeRequest request;
    request.set_session(session);
    request.set_max_tokens(2000);
    const auto reader = inference_->Decode(&context, request);
    v1::DecodeResponse message;
    ASSERT_TRUE(reader->Read(&message));
    context.TryCancel();
    while (reader->Read(&message)) EXPECT_FALSE(message.has_summary());
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  // The engine sees it at the next token.
  const absl::Time give_up = absl::Now() + absl::Seconds(30);
  while (ServerInfo().sessions() > 0 && absl::Now() < give_up) std::this_thread::yield();
  EXPECT_EQ(ServerInfo().sessions(), 0);
  EXPECT_EQ(CloseSession(session).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(InferenceServiceTest, DeadlineEndsADecode) {
  v1::CompileRequest compile = TinyRequest("tiny-gemma3");
  compile.set_path("eager");
  ASSERT_TRUE(Compile(compile).ok());
  const std::string session = OpenSession(TinyPrefill("tiny-gemma3"));
  Context context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
  v1::DecodeRequest request;
  request.set_session(session);
  request.set_max_tokens(2000);
  std::vector<v1::DecodeResponse> messages;
  const grpc::Status status = ReadAll(inference_->Decode(&context, request), &messages);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_LT(messages.size(), 2000u);
}

TEST_F(InferenceServiceTest, ServerInfoNamesBackendsAndWhyOneIsMissing) {
  const v1::GetServerInfoResponse info = ServerInfo();
  ASSERT_EQ(info.backends_size(), 2);
  EXPECT_EQ(info.backends(0).name(), "cpu");
  EXPECT_TRUE(info.backends(0).available());
  EXPECT_EQ(info.backends(0).threads(), 2);
  EXPECT_EQ(info.backends(0).calibration(), "off");
  EXPECT_EQ(info.backends(0).tuning(), "");
  EXPECT_GT(info.backends(0).memory_total_bytes(), info.backends(0).memory_available_bytes());
  EXPECT_FALSE(info.backends(1).available());
  EXPECT_NE(info.backends(1).reason(), "");
  EXPECT_NE(info.version(), "");
  EXPECT_THAT(info.database(), HasSubstr("runs.db"));
}

}  // namespace
}  // namespace metronome::server
