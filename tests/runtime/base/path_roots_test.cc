#include "runtime/base/path_roots.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/temp_directory.h"

namespace metronome {
namespace {

namespace fs = std::filesystem;

using ::testing::HasSubstr;

class PathRootsTest : public testing::Test {
 protected:
  PathRootsTest() {
    fs::create_directories(directory_.File("models/llama/shards"));
    fs::create_directories(directory_.File("models-of-others/llama"));
    directory_.Write("secret", "s");
    directory_.Write("models/llama/config.json", "{}");
  }
  absl::Status Check(const std::string& path) const {
    return PathRoots({directory_.File("models")}).CheckDirectory(path);
  }
  absl::StatusCode CodeOf(const std::string& name) const { return Check(directory_.File(name)).code(); }

  const TempDirectory directory_;
};

TEST_F(PathRootsTest, TakesFoldersWithin) {
  EXPECT_EQ(CodeOf("models/llama"), absl::StatusCode::kOk);
  EXPECT_EQ(CodeOf("models"), absl::StatusCode::kOk);
  EXPECT_EQ(CodeOf("models/llama/"), absl::StatusCode::kOk);
  EXPECT_EQ(CodeOf("models/llama/../llama"), absl::StatusCode::kOk);
  EXPECT_EQ(CodeOf("models/nothing"), absl::StatusCode::kNotFound);
  EXPECT_EQ(CodeOf("models/llama/config.json"), absl::StatusCode::kNotFound);  // No directory.
}

TEST_F(PathRootsTest, RefusesFoldersOutsideInTheSameWordsWhetherTheyExistOrNot) {
  for (const char* name : {"", "models-of-others/llama", "models/../models-of-others", "nothing/at/all", "secret"}) {
    const absl::Status status = Check(directory_.File(name));
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << name;
    EXPECT_EQ(status.message(), "'" + directory_.File(name) +
                                    "' is not within the folders that this daemon reads models from (--model-root)");
  }
}

TEST_F(PathRootsTest, FollowsLinksThatStayWithin) {
  fs::create_directories(directory_.File("models/blobs"));
  directory_.Write("models/blobs/abc", "weights");
  fs::create_symlink("../blobs/abc", directory_.File("models/llama/model.safetensors"));
  fs::create_directory_symlink(directory_.File("models/llama"), directory_.File("models/current"));
  EXPECT_EQ(CodeOf("models/llama"), absl::StatusCode::kOk);
  EXPECT_EQ(CodeOf("models/current"), absl::StatusCode::kOk);
}

TEST_F(PathRootsTest, RefusesLinksOut) {
  fs::create_directory_symlink(directory_.File("models-of-others"), directory_.File("models/others"));
  EXPECT_EQ(CodeOf("models/others"), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(CodeOf("models/others/llama"), absl::StatusCode::kPermissionDenied);
  fs::create_symlink(directory_.File("secret"), directory_.File("models/llama/shards/tokenizer.json"));
  const absl::Status status = Check(directory_.File("models/llama"));
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()), HasSubstr("llama/shards/tokenizer.json"));
  EXPECT_EQ(std::string(status.message()).find("secret"), std::string::npos);
}

TEST_F(PathRootsTest, SurvivesLinksThatGoRoundInCircles) {
  fs::create_symlink("b", directory_.File("models/llama/a"));
  fs::create_symlink("a", directory_.File("models/llama/b"));
  EXPECT_EQ(CodeOf("models/llama"), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(CodeOf("models/llama/a"), absl::StatusCode::kPermissionDenied);
}

TEST_F(PathRootsTest, RefusesNamesThatAreNoAbsolutePaths) {
  EXPECT_EQ(Check("models/llama").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Check("").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Check(directory_.File("models") + std::string("\0x", 2)).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(PathRootsTest, TheRootOfTheFileSystemAllowsAll) {
  EXPECT_TRUE(PathRoots({"/"}).CheckDirectory(directory_.path()).ok());
  EXPECT_FALSE(PathRoots({}).CheckDirectory(directory_.path()).ok());
}

}  // namespace
}  // namespace metronome
