// What bad requests get: an exact code, a text that names object, value and limit, and a daemon that goes on.
#include <cmath>
#include <thread>

#include "gmock/gmock.h"
#include "tests/server/served_daemon.h"

namespace metronome::server {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class InferenceErrorsTest : public ServedDaemon {
 protected:
  void TearDown() override {  // Whatever happened, a good request is still served.
    std::vector<int32_t> ids;
    EXPECT_TRUE(Compile(TinyRequest("tiny-qwen2")).ok());
    EXPECT_TRUE(Decode(OpenSession(TinyPrefill("tiny-qwen2")), 2, &ids).ok());
    EXPECT_EQ(ids.size(), 2u);
  }

  void ExpectCompileError(const v1::CompileRequest& request, grpc::StatusCode code,
                          const testing::Matcher<std::string>& message) {
    const grpc::Status status = Compile(request);
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    EXPECT_THAT(status.error_message(), message);
    EXPECT_EQ(ServerInfo().models_size(), 0);
  }
  void ExpectPrefillError(const v1::PrefillRequest& request, grpc::StatusCode code,
                          const testing::Matcher<std::string>& message) {
    v1::PrefillResponse response;
    const grpc::Status status = Prefill(request, &response);
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    EXPECT_THAT(status.error_message(), message);
    EXPECT_EQ(ServerInfo().sessions(), 0);
  }
  // Copies a fixture to a directory of the test's own, to be spoilt.
  std::string CopyModel(const std::string& name) {
    const std::string directory = directory_.File(name);
    std::filesystem::copy(std::string(METRONOME_GOLDEN_DIR) + "/models/" + name, directory);
    return directory;
  }
};

TEST_F(InferenceErrorsTest, CompileNamesTheFieldThatIsWrong) {
  v1::CompileRequest request = TinyRequest("");
  ExpectCompileError(request, grpc::StatusCode::INVALID_ARGUMENT, HasSubstr("model is empty"));
  request = TinyRequest("llama-9");
  ExpectCompileError(request, grpc::StatusCode::NOT_FOUND, HasSubstr("'llama-9'"));
  request = TinyRequest();
  request.set_dtype("int3");
  ExpectCompileError(request, grpc::StatusCode::INVALID_ARGUMENT, AllOf(HasSubstr("'int3'"), HasSubstr("bfloat16")));
  request = TinyRequest();
  request.set_dtype("int32");
  ExpectCompileError(request, grpc::StatusCode::INVALID_ARGUMENT, HasSubstr("'int32'"));
  request = TinyRequest();
  request.set_path("scenic");
  ExpectCompileError(request, grpc::StatusCode::INVALID_ARGUMENT, HasSubstr("'scenic'"));
  request = TinyRequest();
  request.set_backend("cuda");
  ExpectCompileError(request, grpc::StatusCode::FAILED_PRECONDITION, HasSubstr("'cuda'"));
  request = TinyRequest();
  request.set_max_cache_len(-1);
  ExpectCompileError(request, grpc::StatusCode::INVALID_ARGUMENT, HasSubstr("max_cache_len is -1"));
  request = TinyRequest();
  request.set_max_cache_len(2049);
  ExpectCompileError(request, grpc::StatusCode::OUT_OF_RANGE, AllOf(HasSubstr("2049"), HasSubstr("2048")));
  request = TinyRequest();
  request.set_search_iterations(-5);
  ExpectCompileError(request, grpc::StatusCode::INVALID_ARGUMENT, HasSubstr("search_iterations is -5"));
}

TEST_F(InferenceErrorsTest, UnsupportedArchitectureIsUnimplemented) {
  std::filesystem::create_directory(directory_.File("mamba"));
  directory_.Write("mamba/config.json", R"({"model_type": "mamba"})");
  ExpectCompileError(TinyRequest(directory_.File("mamba")), grpc::StatusCode::UNIMPLEMENTED, HasSubstr("mamba"));
}

TEST_F(InferenceErrorsTest, MissingDirectoriesAndFilesAreNamed) {
  const std::string none = directory_.File("nonexistent/model");
  ExpectCompileError(TinyRequest(none), grpc::StatusCode::NOT_FOUND, HasSubstr(none));
  v1::CompileRequest request = TinyRequest();
  request.set_weights(none);
  ExpectCompileError(request, grpc::StatusCode::NOT_FOUND, HasSubstr(none));
  std::filesystem::create_directory(directory_.File("empty"));
  ExpectCompileError(TinyRequest(directory_.File("empty")), grpc::StatusCode::NOT_FOUND, HasSubstr("config.json"));
  const std::string model = CopyModel("llama-untied");
  std::filesystem::remove(model + "/model.safetensors");
  ExpectCompileError(TinyRequest(model), grpc::StatusCode::NOT_FOUND, HasSubstr(model));
}

TEST_F(InferenceErrorsTest, SpoiltCheckpointsAreRejected) {
  const std::string model = CopyModel("llama-untied"), file = model + "/model.safetensors";
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 1);
  ExpectCompileError(TinyRequest(model), grpc::StatusCode::INVALID_ARGUMENT, HasSubstr("model.safetensors"));
  std::filesystem::resize_file(file, 5);
  ExpectCompileError(TinyRequest(model), grpc::StatusCode::INVALID_ARGUMENT, HasSubstr("model.safetensors"));
  directory_.Write("llama-untied/config.json", "{\"model_type\": \"llama\"");
  ExpectCompileError(TinyRequest(model), grpc::StatusCode::INVALID_ARGUMENT, HasSubstr("config.json"));
}

TEST_F(InferenceErrorsTest, PrefillNamesTheModelItDoesNotHave) {
  ExpectPrefillError(TinyPrefill(), grpc::StatusCode::FAILED_PRECONDITION, HasSubstr("'tiny-llama' is not compiled"));
  ExpectPrefillError(TinyPrefill("llama-9"), grpc::StatusCode::NOT_FOUND, HasSubstr("'llama-9'"));
}

TEST_F(InferenceErrorsTest, PrefillRefusesBadPrompts) {
  ASSERT_TRUE(Compile(TinyRequest()).ok());
  v1::PrefillRequest request;
  request.set_model("tiny-llama");
  ExpectPrefillError(request, grpc::StatusCode::INVALID_ARGUMENT, HasSubstr("no prompt"));
  request.mutable_prompt()->mutable_tokens();
  ExpectPrefillError(request, grpc::StatusCode::INVALID_ARGUMENT, HasSubstr("the prompt is empty"));
  request.mutable_prompt()->mutable_tokens()->add_ids(257);
  ExpectPrefillError(request, grpc::StatusCode::OUT_OF_RANGE,
                     HasSubstr("token id 257 at position 0 is not in [0, 257)"));
  request.mutable_prompt()->mutable_tokens()->set_ids(0, -1);
  ExpectPrefillError(request, grpc::StatusCode::OUT_OF_RANGE, HasSubstr("token id -1"));
  request.mutable_prompt()->mutable_synthetic()->set_tokens(0);
  ExpectPrefillError(request, grpc::StatusCode::INVALID_ARGUMENT, HasSubstr("synthetic.tokens is 0"));
  request.mutable_prompt()->mutable_synthetic()->set_tokens(int64_t{1} << 60);
  ExpectPrefillError(request, grpc::StatusCode::OUT_OF_RANGE,
                     AllOf(HasSubstr("1152921504606846976"), HasSubstr("2048")));
  request.mutable_prompt()->set_text("Hello");
  ExpectPrefillError(request, grpc::StatusCode::FAILED_PRECONDITION, HasSubstr("no tokenizer"));
  request = TinyPrefill();
  request.set_mode("diagonal");
  ExpectPrefillError(request, grpc::StatusCode::INVALID_ARGUMENT, HasSubstr("'diagonal'"));
}

TEST_F(InferenceErrorsTest, PrefillRefusesBadCacheLengths) {
  ASSERT_TRUE(Compile(TinyRequest()).ok());
  v1::PrefillRequest request = TinyPrefill();
  request.set_max_cache_len(-3);
  ExpectPrefillError(request, grpc::StatusCode::INVALID_ARGUMENT, HasSubstr("max_cache_len is -3"));
  request.set_max_cache_len(4);  // Of a prompt of 5.
  ExpectPrefillError(request, grpc::StatusCode::OUT_OF_RANGE,
                     AllOf(HasSubstr("5 tokens"), HasSubstr("max_cache_len 4")));
  request.set_max_cache_len(2049);
  ExpectPrefillError(request, grpc::StatusCode::OUT_OF_RANGE, AllOf(HasSubstr("2049"), HasSubstr("2048")));
}

// Sizes that only the request speaks of are compared with the model's before anything is made of them.
TEST_F(InferenceErrorsTest, PrefillRefusesCountsThatNoMachineHolds) {
  ASSERT_TRUE(Compile(TinyRequest()).ok());
  for (const int64_t count : {int64_t{1} << 31, int64_t{1} << 62, INT64_MAX}) {
    v1::PrefillRequest request = TinyPrefill();
    request.mutable_prompt()->mutable_synthetic()->set_tokens(count);
    request.set_max_cache_len(count);
    ExpectPrefillError(request, grpc::StatusCode::OUT_OF_RANGE, AllOf(HasSubstr("max_cache_len"), HasSubstr("2048")));
    request.set_max_cache_len(0);
    ExpectPrefillError(request, grpc::StatusCode::OUT_OF_RANGE, HasSubstr("2048"));
  }
}

TEST_F(InferenceErrorsTest, PrefillRefusesBadSampling) {
  ASSERT_TRUE(Compile(TinyRequest()).ok());
  const auto with = [](const std::function<void(v1::Sampling&)>& set) {
    v1::PrefillRequest request = TinyPrefill();
    set(*request.mutable_sampling());
    return request;
  };
  const auto invalid = grpc::StatusCode::INVALID_ARGUMENT;
  ExpectPrefillError(with([](auto& s) { s.set_temperature(-1); }), invalid, HasSubstr("temperature"));
  ExpectPrefillError(with([](auto& s) { s.set_temperature(std::nan("")); }), invalid, HasSubstr("temperature"));
  ExpectPrefillError(with([](auto& s) { s.set_top_k(-1); }), invalid, HasSubstr("top_k"));
  ExpectPrefillError(with([](auto& s) { s.set_top_p(0); }), invalid, HasSubstr("top_p"));
  ExpectPrefillError(with([](auto& s) { s.set_top_p(1.5); }), invalid, HasSubstr("top_p"));
  ExpectPrefillError(with([](auto& s) { s.set_min_p(-0.1); }), invalid, HasSubstr("min_p"));
  ExpectPrefillError(with([](auto& s) { s.set_repetition_penalty(0); }), invalid, HasSubstr("repetition_penalty"));
}

TEST_F(InferenceErrorsTest, DecodeNamesItsSessionAndItsLimit) {
  ASSERT_TRUE(Compile(TinyRequest()).ok());
  v1::PrefillRequest request = TinyPrefill();
  request.set_max_cache_len(8);
  const std::string session = OpenSession(request);
  std::vector<int32_t> ids;

  const grpc::Status none = Decode(session, 0, &ids), negative = Decode(session, -4, &ids);
  const grpc::Status beyond = Decode(session, 4, &ids), unknown = Decode("s999", 1, &ids);
  const grpc::Status fits = Decode(session, 3, &ids);
  const grpc::Status full = Decode(session, 1, &ids);

  EXPECT_EQ(none.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(negative.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(negative.error_message(), HasSubstr("max_tokens is -4"));
  EXPECT_EQ(beyond.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_THAT(beyond.error_message(), HasSubstr("4 tokens after position 5 exceed max_cache_len 8"));
  EXPECT_EQ(unknown.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(unknown.error_message(), HasSubstr("'s999'"));
  EXPECT_TRUE(fits.ok()) << fits.error_message();
  EXPECT_EQ(full.error_code(), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(ids.size(), 3u);
}

TEST_F(InferenceErrorsTest, ClosedSessionIsNotFound) {
  ASSERT_TRUE(Compile(TinyRequest()).ok());
  const std::string session = OpenSession(TinyPrefill());
  ASSERT_TRUE(CloseSession(session).ok());
  std::vector<int32_t> ids;
  EXPECT_EQ(Decode(session, 1, &ids).error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(CloseSession(session).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(InferenceErrorsTest, UnloadClosesSessionsAndFindsNothingTwice) {
  ASSERT_TRUE(Compile(TinyRequest()).ok());
  const std::string session = OpenSession(TinyPrefill());
  v1::UnloadRequest request;
  request.set_model("tiny-llama");
  v1::UnloadResponse response;
  Context first, second;
  EXPECT_TRUE(inference_->Unload(&first, request, &response).ok());
  EXPECT_EQ(response.sessions_closed(), 1);
  EXPECT_EQ(inference_->Unload(&second, request, &response).error_code(), grpc::StatusCode::NOT_FOUND);
  std::vector<int32_t> ids;
  EXPECT_EQ(Decode(session, 1, &ids).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(InferenceErrorsTest, GenerateChecksBeforeItWorksAndLeavesNoSession) {
  ASSERT_TRUE(Compile(TinyRequest()).ok());
  const auto generate = [&](int64_t tokens) {
    Context context;
    v1::GenerateRequest request;
    request.set_model("tiny-llama");
    *request.mutable_prompt() = TinyPrefill().prompt();
    request.set_max_tokens(tokens);
    std::vector<v1::DecodeResponse> messages;
    const grpc::Status status = ReadAll(inference_->Generate(&context, request), &messages);
    EXPECT_TRUE(status.ok() || messages.empty());
    return status.error_code();
  };
  EXPECT_EQ(generate(0), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(generate(-1), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(generate(2048 - 5 + 2), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(generate(1), grpc::StatusCode::OK);
  EXPECT_EQ(ServerInfo().sessions(), 0);
}

class ShortQueueTest : public ServedDaemon {
 protected:
  ShortQueueTest() : ServedDaemon([](DaemonConfig& config) { config.queue_limit = 1; }) {}
};

// A benchmark holds the engine; one request may wait, the next is refused at once.
TEST_F(ShortQueueTest, FullQueueRefusesByName) {
  Context start_context;
  v1::StartRunResponse run;
  ASSERT_TRUE(benchmark_->StartRun(&start_context, {}, &run).ok());
  Context context;
  v1::RunBenchmarkRequest request;
  request.set_run_id(run.run_id());
  request.mutable_spec()->set_model("tiny-gemma3");
  request.mutable_spec()->set_path("eager");
  request.mutable_spec()->set_iters(1000);
  request.mutable_spec()->set_decode_tokens(1000);
  const auto reader = benchmark_->RunBenchmark(&context, request);
  v1::RunBenchmarkResponse message;
  while (reader->Read(&message) && message.progress().phase() != "measure") {
  }
  std::thread waiting([&] { EXPECT_EQ(CloseSession("s1").error_code(), grpc::StatusCode::NOT_FOUND); });
  while (ServerInfo().requests_waiting() == 0) std::this_thread::yield();

  const grpc::Status refused = CloseSession("s2");

  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), HasSubstr("engine queue is full: 1 requests wait"));
  context.TryCancel();
  waiting.join();
}

TEST_F(InferenceErrorsTest, RequestsBeyondTheMessageLimitAreRefused) {
  Context context;
  v1::RecordResultRequest request;
  request.set_run_id(std::string(size_t{65} << 20, 'x'));
  v1::RecordResultResponse response;
  EXPECT_EQ(benchmark_->RecordResult(&context, request, &response).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

}  // namespace
}  // namespace metronome::server
