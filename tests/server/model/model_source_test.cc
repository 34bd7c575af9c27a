#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/cpu/cpu_backend.h"
#include "server/model/loaded_model.h"
#include "server/service/messages.h"
#include "tests/temp_directory.h"

namespace metronome::server {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kCommit[] = "0123456789abcdef0123456789abcdef01234567";
constexpr char kOther[] = "fedcba9876543210fedcba9876543210fedcba98";

std::string Golden(const std::string& name) { return std::string(METRONOME_GOLDEN_DIR) + "/models/" + name; }

// A HuggingFace cache of the test's own, and models loaded from it.
class ModelSourceTest : public testing::Test {
 protected:
  ModelSourceTest() {
    setenv("HF_HUB_CACHE", cache_.path().c_str(), 1);
    auto backend = kernels::CreateCpuBackend({.threads = 1});
    EXPECT_TRUE(backend.ok());
    backend_ = *std::move(backend);
  }
  ~ModelSourceTest() override { unsetenv("HF_HUB_CACHE"); }

  // The folder of a snapshot, which refs/main then names.
  std::string Snapshot(const std::string& folder, const std::string& commit) {
    const fs::path storage = fs::path(cache_.path()) / ("models--" + folder);
    fs::create_directories(storage / "refs");
    fs::create_directories(storage / "snapshots" / commit);
    std::ofstream(storage / "refs" / "main") << commit;
    return (storage / "snapshots" / commit).string();
  }
  static void Copy(const std::string& from, const std::string& to) {
    fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  }
  static void Write(const std::string& path, const std::string& text) { std::ofstream(path, std::ios::binary) << text; }

  absl::StatusOr<std::unique_ptr<LoadedModel>> Load(const std::string& model, const std::string& weights = "auto") {
    return LoadedModel::Load(*backend_, {.model = model, .dtype = "float32", .weights = weights},
                             {.progress = [](absl::string_view, double) {}});
  }

  const TempDirectory cache_, directory_;
  std::unique_ptr<kernels::Backend> backend_;
};

TEST_F(ModelSourceTest, ARepositoryOfTheCacheLoadsUnderItsCommit) {
  Copy(Golden("qwen3"), Snapshot("org--name", kOther));
  Copy(Golden("llama-tied-sharded"), Snapshot("org--name", kCommit));  // The newer, which main names.

  const auto main = Load("org/name"), pinned = Load(std::string("org/name@") + kOther);

  ASSERT_TRUE(main.ok() && pinned.ok()) << main.status() << pinned.status();
  EXPECT_EQ((*main)->config().family, "llama");
  EXPECT_EQ((*main)->facts().weights_provenance, std::string("safetensors:org/name@") + kCommit);
  EXPECT_EQ((*pinned)->config().family, "qwen3");
  EXPECT_EQ((*pinned)->facts().weights_provenance, std::string("safetensors:org/name@") + kOther);
}

TEST_F(ModelSourceTest, ASnapshotThatIsNotWholeIsNotReplacedByAnother) {
  Copy(Golden("llama-tied-sharded"), Snapshot("org--name", kOther));
  const std::string part = Snapshot("org--name", kCommit);
  Copy(Golden("llama-tied-sharded"), part);
  fs::remove(part + "/model-00002-of-00002.safetensors");
  fs::create_symlink("../../blobs/none", part + "/model-00002-of-00002.safetensors");

  const absl::Status status = Load("org/name").status();

  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("lacks model-00002-of-00002.safetensors"));
  EXPECT_TRUE(Load(std::string("org/name@") + kOther).ok());
}

TEST_F(ModelSourceTest, WhatIsNotThereIsSaidWithTheHost) {
  char host[256] = {};
  gethostname(host, sizeof(host) - 1);
  const absl::Status repository = Load("org/none").status(), directory = Load("/none/such").status(),
                     relative = Load("./models/x").status(), deep = Load("a/b/c").status();
  EXPECT_EQ(repository.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(repository.message()),
              AllOf(HasSubstr("no org/none in the HuggingFace cache"), HasSubstr(host)));
  EXPECT_EQ(directory.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(directory.message()), AllOf(HasSubstr("no directory /none/such on "), HasSubstr(host)));
  for (const absl::Status& status : {relative, deep}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("a relative path means nothing to a daemon"));
  }
}

TEST_F(ModelSourceTest, ACatalogueKeyTakesTheFirstRepositoryThatIsWholeAndOfItsShapes) {
  const compiler::CatalogueEntry& entry = *compiler::FindModel("llama-3-8b");
  EXPECT_FALSE(FindCachedModel(entry, nullptr).files.has_value());
  Write(Snapshot("meta-llama--Meta-Llama-3-8B", kCommit) + "/config.json", std::string(entry.config));  // No weights.
  const std::string instruct = Snapshot("NousResearch--Meta-Llama-3-8B-Instruct", kOther);
  nlohmann::json config = nlohmann::json::parse(entry.config);
  config["hidden_size"] = 2048;
  Write(instruct + "/config.json", config.dump());
  Write(instruct + "/model.safetensors", "weights");

  const CachedModel none = FindCachedModel(entry, nullptr);
  Write(instruct + "/config.json", std::string(entry.config));
  const CachedModel found = FindCachedModel(entry, nullptr);

  EXPECT_FALSE(none.files.has_value());
  ASSERT_EQ(none.notes.size(), 2u);
  EXPECT_THAT(none.notes[0], AllOf(HasSubstr("meta-llama/Meta-Llama-3-8B@"), HasSubstr("no model.safetensors")));
  EXPECT_THAT(none.notes[1], AllOf(HasSubstr("NousResearch/Meta-Llama-3-8B-Instruct@"),
                                   HasSubstr("hidden_size is 2048, that of llama-3-8b 4096")));
  ASSERT_TRUE(found.files.has_value());
  EXPECT_EQ(found.files->name, std::string("NousResearch/Meta-Llama-3-8B-Instruct@") + kOther);
  EXPECT_EQ(found.notes.size(), 1u);
}

TEST_F(ModelSourceTest, WeightsOfOtherShapesAreRefusedForACatalogueKey) {
  const absl::Status status = Load("tiny-llama", Golden("llama-untied")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("vocab_size is 131, that of tiny-llama 257"));
}

// A config that ties a head which differs from the table is wrong; the same files with a right one are the same model.
TEST_F(ModelSourceTest, AHeadOfItsOwnIsUsedThoughConfigTiesIt) {
  Copy(Golden("llama-untied"), directory_.path());
  std::ifstream file(directory_.File("config.json"));
  nlohmann::json config = nlohmann::json::parse(file);
  config["tie_word_embeddings"] = true;
  Write(directory_.File("config.json"), config.dump());

  const auto untied = Load(directory_.path()), right = Load(Golden("llama-untied"));

  ASSERT_TRUE(untied.ok() && right.ok()) << untied.status() << right.status();
  EXPECT_FALSE((*untied)->config().tied_head);
  EXPECT_EQ((*untied)->facts().plan_hash, (*right)->facts().plan_hash);
  EXPECT_THAT((*untied)->facts().weights_provenance, HasSubstr("(its head is not its embedding table"));
  EXPECT_THAT((*right)->facts().weights_provenance, testing::Not(HasSubstr("(")));
}

TEST_F(ModelSourceTest, GenerationConfigDecidesWhatEndsAndHowTokensAreChosen) {
  Copy(Golden("qwen3"), directory_.path());
  const auto without = Load(directory_.path());
  Write(directory_.File("generation_config.json"),
        R"({"eos_token_id": [5, 9], "do_sample": true, "temperature": 0.7, "top_k": 20, "repetition_penalty": 1.05})");
  const auto with = Load(directory_.path());
  Write(directory_.File("generation_config.json"), R"({"eos_token_id": "end"})");
  const absl::Status hostile = Load(directory_.path()).status();

  ASSERT_TRUE(with.ok() && without.ok()) << with.status() << without.status();
  EXPECT_THAT((*with)->facts().eos_token_ids, ElementsAre(5, 9));
  EXPECT_EQ(hostile.code(), absl::StatusCode::kInvalidArgument);
  v1::Sampling sampling;
  sampling.set_model_defaults(true);
  sampling.set_top_k(7);
  const auto own = ToGenerationOptions(sampling, (*with)->sampling_defaults());
  ASSERT_TRUE(own.ok()) << own.status();
  EXPECT_EQ(own->sampling.temperature, 0.7);
  EXPECT_EQ(own->sampling.top_k, 7);
  EXPECT_EQ(own->sampling.repetition_penalty, 1.05);
  EXPECT_EQ(ToGenerationOptions(sampling, (*without)->sampling_defaults()).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ToGenerationOptions({}, (*with)->sampling_defaults())->sampling.temperature, 0);
}

}  // namespace
}  // namespace metronome::server
