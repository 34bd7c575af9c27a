// What clients may have the daemon read: model directories, their files and nothing else.
#include <sys/stat.h>

#include <filesystem>

#include "gmock/gmock.h"
#include "tests/server/served_daemon.h"

namespace metronome::server {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kSecret[] = "hunter2-and-more";

// A daemon that reads models from `models` below the test's directory, whose home and cache are there too.
class ModelRootsTest : public ServedDaemon {
 protected:
  ModelRootsTest()
      : ServedDaemon([this](DaemonConfig& config) {
          setenv("HOME", directory_.File("home").c_str(), 1);
          setenv("HF_HUB_CACHE", directory_.File("cache").c_str(), 1);
          config.model_root = {directory_.File("models")};
        }) {
    fs::create_directories(directory_.File("models"));
    fs::create_directories(directory_.File("outside"));
    fs::copy(std::string(METRONOME_GOLDEN_DIR) + "/models/qwen3", directory_.File("models/qwen3"));
    directory_.Write("outside/secret.json", kSecret);
  }
  ~ModelRootsTest() override {
    unsetenv("HOME");
    unsetenv("HF_HUB_CACHE");
  }

  void CopyModel(const std::string& to) const {
    fs::create_directories(fs::path(directory_.File(to)).parent_path());
    fs::copy(directory_.File("models/qwen3"), directory_.File(to), fs::copy_options::recursive);
  }
  grpc::Status CompileDirectory(const std::string& name) { return Compile(TinyRequest(directory_.File(name))); }

  // What each call that names a model or weights says of this one.
  std::vector<grpc::Status> CallsNaming(const std::string& model) {
    std::vector<grpc::Status> answers = {Compile(TinyRequest(model))};
    v1::CompileRequest weights = TinyRequest();
    weights.set_weights(model);
    answers.push_back(Compile(weights));
    v1::PrefillResponse prefilled;
    answers.push_back(Prefill(TinyPrefill(model), &prefilled));
    v1::GenerateRequest generate;
    generate.set_model(model);
    generate.set_max_tokens(1);
    generate.mutable_prompt()->mutable_synthetic()->set_tokens(1);
    Context context, explain_context;
    std::vector<v1::DecodeResponse> tokens;
    answers.push_back(ReadAll(inference_->Generate(&context, generate), &tokens));
    v1::ExplainRequest explain;
    explain.set_model(model);
    v1::ExplainResponse explained;
    answers.push_back(inference_->Explain(&explain_context, explain, &explained));
    return answers;
  }
  // As Benchmark has it, where a model that cannot be measured is a result.
  grpc::Status Benchmark(const std::string& model, const std::string& weights) {
    Context start_context, context;
    v1::StartRunResponse run;
    EXPECT_TRUE(benchmark_->StartRun(&start_context, {}, &run).ok());
    v1::RunBenchmarkRequest request;
    request.set_run_id(run.run_id());
    request.mutable_spec()->set_model(model);
    request.mutable_spec()->set_weights(weights);
    std::vector<v1::RunBenchmarkResponse> messages;
    EXPECT_TRUE(ReadAll(benchmark_->RunBenchmark(&context, request), &messages).ok());
    const v1::BenchmarkResult& result = messages.back().result();
    return {
        result.error_kind() == "PERMISSION_DENIED" ? grpc::StatusCode::PERMISSION_DENIED : grpc::StatusCode::UNKNOWN,
        result.error_text()};
  }
};

TEST_F(ModelRootsTest, ModelsInTheRootsTheHomeAndTheCacheAreServed) {
  CopyModel("home");
  CopyModel("cache/models--org--name/snapshots/0123456789abcdef0123456789abcdef01234567");
  fs::create_directories(directory_.File("cache/models--org--name/blobs"));
  const std::string snapshot = "cache/models--org--name/snapshots/0123456789abcdef0123456789abcdef01234567";
  fs::rename(directory_.File(snapshot + "/model.safetensors"), directory_.File("cache/models--org--name/blobs/abc"));
  fs::create_symlink("../../blobs/abc", directory_.File(snapshot + "/model.safetensors"));

  for (const std::string& model :
       {directory_.File("models/qwen3"), directory_.File("models/qwen3/"), directory_.File("home"),
        directory_.File(snapshot), std::string("org/name@0123456789abcdef0123456789abcdef01234567")}) {
    const grpc::Status status = Compile(TinyRequest(model));
    EXPECT_TRUE(status.ok()) << model << ": " << status.error_message();
  }
}

TEST_F(ModelRootsTest, PathsOutsideAreRefusedAlikeWhetherOrNotAnythingIsThere) {
  CopyModel("outside/qwen3");
  ASSERT_EQ(mkfifo(directory_.File("outside/fifo").c_str(), 0600), 0);
  for (const char* name : {"outside/qwen3", "outside/none", "outside/secret.json", "outside/fifo", "models/../outside",
                           "models/../outside/none", "models2"}) {
    const std::string model = directory_.File(name);
    const std::string said = "'" + model + "' does not lie, links followed, in a folder";
    std::vector<grpc::Status> answers = CallsNaming(model);
    answers.push_back(Benchmark(model, "auto"));
    answers.push_back(Benchmark("tiny-llama", model));
    for (const grpc::Status& status : answers) {
      EXPECT_EQ(status.error_code(), grpc::StatusCode::PERMISSION_DENIED) << model << ": " << status.error_message();
      EXPECT_THAT(status.error_message(), HasSubstr(said));
    }
  }
}

TEST_F(ModelRootsTest, LinksOutAreRefusedAndNothingOfTheirEndsIsSaid) {
  fs::create_directory_symlink(directory_.File("outside"), directory_.File("models/link"));
  EXPECT_EQ(CompileDirectory("models/link").error_code(), grpc::StatusCode::PERMISSION_DENIED);
  for (const char* file : {"config.json", "model.safetensors", "generation_config.json", "chat_template.jinja",
                           "tokenizer.json", "model.safetensors"}) {
    for (const char* target : {"outside/secret.json", "outside/none"}) {
      fs::remove_all(directory_.File("models/bad"));
      CopyModel("models/bad");
      fs::remove(directory_.File(std::string("models/bad/") + file));
      fs::create_symlink(directory_.File(target), directory_.File(std::string("models/bad/") + file));
      v1::ModelInfo info;
      const grpc::Status status = Compile(TinyRequest(directory_.File("models/bad")), &info);
      // A tokenizer that does not load leaves the model to token ids, and chat templates are read with it.
      const std::string said = status.ok() ? info.tokenizer_error() : status.error_message();
      if (std::string(file) == "chat_template.jinja") continue;
      EXPECT_EQ(status.ok(), std::string(file) == "tokenizer.json") << file;
      EXPECT_THAT(said, AllOf(HasSubstr(file), HasSubstr("does not lie, links followed"), Not(HasSubstr(kSecret)),
                              Not(HasSubstr("outside"))))
          << target;
    }
  }
}

// Whatever a file within the roots is, an error does not quote it before it is known to be a model's.
TEST_F(ModelRootsTest, FilesThatAreNoModelsAreNotQuoted) {
  for (const char* file : {"config.json", "model.safetensors", "generation_config.json", "tokenizer.json"}) {
    for (const std::string& content : {std::string(kSecret), "{\"auth\": \"" + std::string(kSecret) + "\"}",
                                       "[\"" + std::string(kSecret) + "\"]", "{\"a\": " + std::string(kSecret)}) {
      fs::remove_all(directory_.File("models/bad"));
      CopyModel("models/bad");
      directory_.Write(std::string("models/bad/") + file, content);
      v1::ModelInfo info;
      const grpc::Status status = Compile(TinyRequest(directory_.File("models/bad")), &info);
      EXPECT_THAT(status.error_message() + info.tokenizer_error(), Not(HasSubstr("hunter"))) << file << content;
    }
  }
}

TEST_F(ModelRootsTest, NulBytesAndRelativePathsAreInvalid) {
  for (const std::string& model : {directory_.File("models/qwen3") + std::string("\0x", 2), std::string("/etc\0x", 6),
                                   std::string("/dev/zero\0", 10), std::string("models/qwen3/x"), std::string("../x")})
    EXPECT_EQ(Compile(TinyRequest(model)).error_code(), grpc::StatusCode::INVALID_ARGUMENT) << model;
}

}  // namespace
}  // namespace metronome::server
