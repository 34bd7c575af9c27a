#include "client/connection/model_argument.h"

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/temp_directory.h"

namespace metronome::client {
namespace {

namespace fs = std::filesystem;

class ModelArgumentTest : public testing::Test {
 protected:
  ModelArgumentTest() : before_(fs::current_path()), here_(fs::canonical(directory_.path()).string()) {
    fs::create_directories(here_ + "/models/llama");
    fs::current_path(here_);
  }
  ~ModelArgumentTest() override { fs::current_path(before_); }

  const TempDirectory directory_;
  const fs::path before_;
  const std::string here_;
};

TEST_F(ModelArgumentTest, DirectoriesHereBecomeAbsolute) {
  EXPECT_EQ(AbsoluteIfPath("models/llama"), here_ + "/models/llama");
  EXPECT_EQ(AbsoluteIfPath("models/llama/"), here_ + "/models/llama");
  EXPECT_EQ(AbsoluteIfPath("models"), here_ + "/models");
  EXPECT_EQ(AbsoluteIfPath("."), here_);
  EXPECT_EQ(AbsoluteIfPath("models/../models/./llama"), here_ + "/models/llama");
}

TEST_F(ModelArgumentTest, WhatIsWrittenAsAPathIsOne) {
  EXPECT_EQ(AbsoluteIfPath("./none"), here_ + "/none");
  EXPECT_EQ(AbsoluteIfPath("../none"), fs::path(here_).parent_path().string() + "/none");
}

TEST_F(ModelArgumentTest, NamesAndAbsolutePathsStay) {
  for (const char* text : {"llama-3.2-1b", "org/name", "org/name@v1.0", "/models/llama", "", "tiny-*"})
    EXPECT_EQ(AbsoluteIfPath(text), text);
}

TEST_F(ModelArgumentTest, ATildeIsTheHomeOfWhoTypedIt) {
  setenv("HOME", here_.c_str(), 1);
  EXPECT_EQ(AbsoluteIfPath("~/models/llama"), here_ + "/models/llama");
  EXPECT_EQ(AbsoluteIfPath("~x/models"), "~x/models");
}

TEST_F(ModelArgumentTest, WeightsHaveWordsOfTheirOwn) {
  fs::create_directory("synthetic");
  EXPECT_EQ(WeightsArgument("synthetic"), "synthetic");
  EXPECT_EQ(WeightsArgument("auto"), "auto");
  EXPECT_EQ(WeightsArgument("models/llama"), here_ + "/models/llama");
}

// A daemon started for a command reads the directories that it names, and the files that links in them lead to.
TEST_F(ModelArgumentTest, RootsAreWhatIsNamedAndWhereItsLinksLead) {
  fs::create_directories(here_ + "/blobs");
  directory_.Write("blobs/abc", "weights");
  fs::create_symlink("../../blobs/abc", here_ + "/models/llama/model.safetensors");
  fs::create_symlink("../../blobs/none", here_ + "/models/llama/tokenizer.json");
  const ServerOptions options = WithModelRoots(
      {.address = "a", .threads = 3}, {"models/llama", "tiny-llama", "auto", "org/name", "", "./none", "/data/x"});
  EXPECT_EQ(options.address, "a");
  EXPECT_EQ(options.threads, 3);
  EXPECT_EQ(options.model_roots,
            (std::vector<std::string>{here_ + "/models/llama", here_ + "/blobs/abc", here_ + "/none", "/data/x"}));
}

}  // namespace
}  // namespace metronome::client
