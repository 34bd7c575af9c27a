#include "runtime/files/path_roots.h"

#include <unistd.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/temp_directory.h"

namespace metronome {
namespace {

namespace fs = std::filesystem;

class PathRootsTest : public testing::Test {
 protected:
  PathRootsTest() {
    fs::create_directories(directory_.File("models/llama/shards"));
    fs::create_directories(directory_.File("models-of-others/llama"));
    directory_.Write("secret", "s");
    directory_.Write("models/llama/config.json", "{}");
  }
  absl::StatusCode CodeOf(const std::string& name) const {
    return PathRoots({directory_.File("models")}).Check(directory_.File(name)).code();
  }

  const TempDirectory directory_;
};

TEST_F(PathRootsTest, TakesWhatLiesWithinWhetherOrNotItIsThere) {
  for (const char* name : {"models", "models/", "models/llama", "models/llama/", "models/llama/config.json",
                           "models/llama/../llama", "models/./llama", "models/nothing", "models-of-others/../models"})
    EXPECT_EQ(CodeOf(name), absl::StatusCode::kOk) << name;
}

TEST_F(PathRootsTest, RefusesPathsOutsideInTheSameWordsWhetherTheyExistOrNot) {
  const PathRoots roots({directory_.File("models")});
  for (const char* name : {"", "models-of-others/llama", "models/../models-of-others", "nothing/at/all", "secret",
                           "models/../nothing", "secret/x", "models-", "models/llama/../../secret"}) {
    const absl::Status status = roots.Check(directory_.File(name));
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << name;
    EXPECT_EQ(status.message(), "'" + directory_.File(name) +
                                    "' does not lie, links followed, in a folder that this daemon reads models from "
                                    "(--model-root)");
  }
}

// Resolving a folder outside on the way would tell whether it is there.
TEST_F(PathRootsTest, TakesDotDotByName) {
  for (const char* way : {"models-of-others", "nothing", "secret"})
    EXPECT_EQ(CodeOf(std::string(way) + "/../models/llama"), absl::StatusCode::kOk) << way;
}

TEST_F(PathRootsTest, FollowsLinks) {
  fs::create_directories(directory_.File("models/blobs"));
  directory_.Write("models/blobs/abc", "weights");
  fs::create_symlink("../blobs/abc", directory_.File("models/llama/model.safetensors"));
  fs::create_directory_symlink(directory_.File("models/llama"), directory_.File("current"));
  fs::create_directory_symlink(directory_.File("models-of-others"), directory_.File("models/others"));
  fs::create_symlink(directory_.File("secret"), directory_.File("models/llama/tokenizer.json"));
  fs::create_symlink(directory_.File("none"), directory_.File("models/llama/added_tokens.json"));
  for (const char* name : {"models/llama/model.safetensors", "current", "current/config.json"})
    EXPECT_EQ(CodeOf(name), absl::StatusCode::kOk) << name;
  for (const char* name : {"models/others", "models/others/llama", "models/others/none", "models/llama/tokenizer.json",
                           "models/llama/added_tokens.json"})
    EXPECT_EQ(CodeOf(name), absl::StatusCode::kPermissionDenied) << name;
}

TEST_F(PathRootsTest, SurvivesLinksThatGoRoundInCirclesAndNamesThatAreTooLong) {
  fs::create_symlink("b", directory_.File("models/llama/a"));
  fs::create_symlink("a", directory_.File("models/llama/b"));
  EXPECT_EQ(CodeOf("models/llama/a"), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(CodeOf("models/llama/a/config.json"), absl::StatusCode::kPermissionDenied);
  EXPECT_FALSE(PathRoots({directory_.File("models")}).Check("/" + std::string(100'000, 'x')).ok());
}

TEST_F(PathRootsTest, RefusesNulBytes) {
  const PathRoots roots({directory_.File("models")});
  EXPECT_EQ(roots.Check(directory_.File("models") + std::string("\0x", 2)).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(PathRootsTest, RootsMayBeLinksFilesAllOrNothing) {
  fs::create_directory_symlink(directory_.File("models"), directory_.File("link"));
  EXPECT_TRUE(PathRoots({directory_.File("link")}).Check(directory_.File("models/llama")).ok());
  EXPECT_TRUE(PathRoots({directory_.File("secret")}).Check(directory_.File("secret")).ok());
  EXPECT_FALSE(PathRoots({directory_.File("secret")}).Check(directory_.File("secret2")).ok());
  EXPECT_TRUE(PathRoots({"/"}).Check(directory_.path()).ok());
  EXPECT_FALSE(PathRoots({}).Check(directory_.path()).ok());
  EXPECT_FALSE(PathRoots({""}).Check(fs::current_path().string()).ok());
}

TEST_F(PathRootsTest, ARootCountsFromWhenItIsThere) {
  const PathRoots roots({directory_.File("later")});
  EXPECT_FALSE(roots.Check(directory_.File("models/llama")).ok());
  fs::create_directory_symlink(directory_.File("models"), directory_.File("later"));
  EXPECT_TRUE(roots.Check(directory_.File("models/llama")).ok());
}

}  // namespace
}  // namespace metronome
