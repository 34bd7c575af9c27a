// Checkpoints that are written to, truncated or replaced while a model from them is resident.
#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "tests/server/served_daemon.h"

namespace metronome::server {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

// The model is float32 and stored so: its weights are the mapped file itself.
class ChangedFilesTest : public ServedDaemon {
 protected:
  ChangedFilesTest() : model_(directory_.File("qwen3")), weights_(model_ + "/model.safetensors") {
    fs::copy(Golden("qwen3"), model_);
    EXPECT_TRUE(Compile(TinyRequest(model_)).ok());
  }
  static std::string Golden(const std::string& name) { return std::string(METRONOME_GOLDEN_DIR) + "/models/" + name; }

  // Adds to every byte of the weights' second half, where it stands, and sees to it that the time differs.
  void OverwriteInPlace() const {
    std::fstream file(weights_, std::ios::in | std::ios::out | std::ios::binary);
    const auto half = static_cast<std::streamoff>(fs::file_size(weights_) / 2);
    file.seekp(half) << std::string(static_cast<size_t>(half), '\x3c');
    file.close();
    fs::last_write_time(weights_, fs::last_write_time(weights_) + std::chrono::seconds(1));
  }

  v1::PrefillRequest Prompt() const {
    v1::PrefillRequest request = TinyPrefill(model_);
    request.mutable_prompt()->mutable_tokens()->set_ids(1, 41);  // This vocabulary is smaller than tiny-llama's.
    return request;
  }
  std::vector<int32_t> Generate() {
    std::vector<int32_t> ids;
    EXPECT_TRUE(Decode(OpenSession(Prompt()), 5, &ids).ok());
    return ids;
  }
  void ExpectDataLoss(const grpc::Status& status) const {
    EXPECT_EQ(status.error_code(), grpc::StatusCode::DATA_LOSS) << status.error_message();
    EXPECT_THAT(status.error_message(), HasSubstr(weights_));
  }
  // Every way to use the model, and the status of it.
  void ExpectUnusable(const std::string& session) {
    v1::PrefillResponse prefilled;
    ExpectDataLoss(Prefill(Prompt(), &prefilled));
    EXPECT_THAT(prefilled.session(), "");
    std::vector<int32_t> ids;
    ExpectDataLoss(Decode(session, 3, &ids));
    EXPECT_TRUE(ids.empty());
    Context fork_context, explain_context;
    v1::ForkSessionRequest fork;
    fork.set_session(session);
    v1::ForkSessionResponse forked;
    ExpectDataLoss(inference_->ForkSession(&fork_context, fork, &forked));
    v1::ExplainRequest explain;
    explain.set_model(model_);
    v1::ExplainResponse explained;
    ExpectDataLoss(inference_->Explain(&explain_context, explain, &explained));
    ASSERT_EQ(ServerInfo().models_size(), 1);
    EXPECT_THAT(ServerInfo().models(0).error(), HasSubstr(weights_));
  }
  v1::BenchmarkResult Benchmark() {
    Context start_context, context;
    v1::StartRunResponse run;
    EXPECT_TRUE(benchmark_->StartRun(&start_context, {}, &run).ok());
    v1::RunBenchmarkRequest request;
    request.set_run_id(run.run_id());
    request.mutable_spec()->set_model(model_);
    request.mutable_spec()->set_dtype("float32");
    request.mutable_spec()->set_prompt_tokens(4);
    std::vector<v1::RunBenchmarkResponse> messages;
    EXPECT_TRUE(ReadAll(benchmark_->RunBenchmark(&context, request), &messages).ok());
    return messages.back().result();
  }

  const std::string model_, weights_;
};

TEST_F(ChangedFilesTest, OverwrittenInPlaceIsDataLossUntilItIsCompiledAgain) {
  const std::vector<int32_t> before = Generate();
  const std::string session = OpenSession(Prompt());
  OverwriteInPlace();

  ExpectUnusable(session);

  ASSERT_TRUE(Compile(TinyRequest(model_)).ok());
  EXPECT_EQ(ServerInfo().models(0).error(), "");
  EXPECT_NE(Generate(), before);
}

TEST_F(ChangedFilesTest, TruncatedIsDataLossUntilItIsWholeAndCompiledAgain) {
  const std::vector<int32_t> before = Generate();
  const std::string session = OpenSession(Prompt());
  fs::resize_file(weights_, 4096);

  ExpectUnusable(session);
  EXPECT_EQ(Compile(TinyRequest(model_)).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  ExpectUnusable(session);  // A compile that failed changes nothing.

  fs::copy(Golden("qwen3"), model_, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const grpc::Status whole = Compile(TinyRequest(model_));
  ASSERT_TRUE(whole.ok()) << whole.error_message();
  EXPECT_EQ(Generate(), before);
}

TEST_F(ChangedFilesTest, ReplacedByAnotherFileGoesOnWithTheOldUntilItIsCompiledAgain) {
  const std::vector<int32_t> before = Generate();
  fs::copy_file(weights_, weights_ + ".new");
  fs::rename(weights_ + ".new", weights_);

  EXPECT_EQ(Generate(), before);
  const std::string session = OpenSession(Prompt());

  ASSERT_TRUE(Compile(TinyRequest(model_)).ok());
  std::vector<int32_t> ids;
  EXPECT_EQ(Decode(session, 1, &ids).error_code(), grpc::StatusCode::NOT_FOUND);  // Loaded anew.
  EXPECT_EQ(Generate(), before);
}

TEST_F(ChangedFilesTest, CompileReadsSmallFilesAnewWhenTheyChanged) {
  directory_.Write("qwen3/generation_config.json", R"({"eos_token_id": [9]})");
  v1::ModelInfo info;
  ASSERT_TRUE(Compile(TinyRequest(model_), &info).ok());
  ASSERT_EQ(info.eos_token_ids_size(), 1);
  EXPECT_EQ(info.eos_token_ids(0), 9);
}

TEST_F(ChangedFilesTest, ABenchmarkLoadsChangedFilesAgainAndSaysSo) {
  const v1::BenchmarkResult before = Benchmark();
  EXPECT_EQ(before.outcome(), "ok") << before.error_text();
  EXPECT_EQ(before.note().find("loaded again"), std::string::npos);
  OverwriteInPlace();

  const v1::BenchmarkResult after = Benchmark();

  EXPECT_EQ(after.outcome(), "ok") << after.error_text();
  EXPECT_THAT(after.note(), HasSubstr("the model was loaded again: its files had changed"));
  EXPECT_NE(after.output_digest(), before.output_digest());
  EXPECT_EQ(ServerInfo().models_size(), 1);  // It was resident before, and is.
}

TEST_F(ChangedFilesTest, ABenchmarkOfATruncatedCheckpointFails) {
  fs::resize_file(weights_, 4096);
  const v1::BenchmarkResult result = Benchmark();
  EXPECT_EQ(result.outcome(), "failed");
  EXPECT_THAT(result.error_text(), HasSubstr("model.safetensors"));
}

}  // namespace
}  // namespace metronome::server
