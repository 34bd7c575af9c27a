#include "runtime/files/regular_file.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/temp_directory.h"

namespace metronome {
namespace {

using ::testing::HasSubstr;

class RegularFileTest : public testing::Test {
 protected:
  void ExpectError(const std::string& path, absl::StatusCode code, const std::string& text) {
    const absl::StatusOr<std::string> content = ReadRegularFile(path, 100);
    EXPECT_EQ(content.status().code(), code) << content.status();
    EXPECT_THAT(std::string(content.status().message()), HasSubstr(text));
  }
  const TempDirectory directory_;
};

TEST_F(RegularFileTest, ReadsAllBytesAndRefusesOneMoreThanAllowed) {
  const std::string hundred(100, '\0');
  EXPECT_EQ(*ReadRegularFile(directory_.Write("file", hundred), 100), hundred);
  EXPECT_EQ(*ReadRegularFile(directory_.Write("empty", ""), 0), "");
  ExpectError(directory_.Write("larger", hundred + "x"), absl::StatusCode::kInvalidArgument, "101 bytes, over 100");
}

TEST_F(RegularFileTest, FollowsLinksToRegularFiles) {
  std::filesystem::create_symlink(directory_.Write("file", "text"), directory_.File("link"));
  EXPECT_EQ(*ReadRegularFile(directory_.File("link"), 100), "text");
}

// Opening a FIFO without a writer would block for ever, reading /dev/zero never end.
TEST_F(RegularFileTest, RefusesWhatIsNoRegularFileWithoutReadingIt) {
  ASSERT_EQ(mkfifo(directory_.File("fifo").c_str(), 0600), 0);
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  std::strncpy(address.sun_path, directory_.File("socket").c_str(), sizeof(address.sun_path) - 1);
  const int socket_descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(socket_descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);

  ExpectError(directory_.File("fifo"), absl::StatusCode::kInvalidArgument, "not a regular file");
  ExpectError(directory_.path(), absl::StatusCode::kInvalidArgument, "not a regular file");
  ExpectError("/dev/zero", absl::StatusCode::kInvalidArgument, "not a regular file");
  EXPECT_FALSE(ReadRegularFile(directory_.File("socket"), 100).ok());
  close(socket_descriptor);
}

TEST_F(RegularFileTest, RefusesNulBytesAndNamesWhatIsMissing) {
  const std::string file = directory_.Write("file", "text");
  ExpectError(file + std::string("\0.json", 6), absl::StatusCode::kInvalidArgument, "\\000.json");
  ExpectError(directory_.File("nothing"), absl::StatusCode::kNotFound, "nothing");
  ExpectError("", absl::StatusCode::kNotFound, "cannot open");
}

TEST_F(RegularFileTest, IdentityChangesWithContentAndFile) {
  const std::string file = directory_.Write("file", "text");
  const FileIdentity before = *IdentityOf(file);
  EXPECT_EQ(*IdentityOf(file), before);
  EXPECT_EQ(RegularFile::Open(file, 100)->identity(), before);

  std::filesystem::resize_file(file, 3);
  EXPECT_NE(*IdentityOf(file), before);
  directory_.Write("other", "text");
  std::filesystem::rename(directory_.File("other"), file);
  EXPECT_NE(IdentityOf(file)->inode, before.inode);
  EXPECT_EQ(IdentityOf(directory_.path()).status().code(), absl::StatusCode::kInvalidArgument);
}

// What lies outside, by a link too, is refused alike whether it is a file, a FIFO or not there at all.
TEST_F(RegularFileTest, OpensNothingOutsideItsRoots) {
  std::filesystem::create_directory(directory_.File("models"));
  directory_.Write("models/config.json", "{}");
  directory_.Write("secret", "text");
  ASSERT_EQ(mkfifo(directory_.File("fifo").c_str(), 0600), 0);
  const PathRoots roots({directory_.File("models")});
  EXPECT_EQ(*ReadRegularFile(directory_.File("models/config.json"), 100, &roots), "{}");
  EXPECT_EQ(ReadRegularFile(directory_.File("models/none"), 100, &roots).status().code(), absl::StatusCode::kNotFound);
  for (const char* name : {"secret", "fifo", "none"}) {
    const std::string link = directory_.File("models/tokenizer.json");
    std::filesystem::remove(link);
    std::filesystem::create_symlink(directory_.File(name), link);
    const absl::Status status = ReadRegularFile(link, 100, &roots).status();
    EXPECT_EQ(status, roots.Check(link)) << name;
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  }
}

}  // namespace
}  // namespace metronome
