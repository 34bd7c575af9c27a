#include "kernels/base/file_store.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <set>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/temp_directory.h"

namespace metronome {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class FileStoreTest : public testing::Test {
 protected:
  FileStore Open(int64_t max_bytes = 1 << 20) { return FileStore::Open(Path(), max_bytes).value(); }
  std::string Path() const { return directory_.File("store"); }

  std::vector<fs::path> Files() const {
    std::vector<fs::path> files;
    for (const fs::directory_entry& entry : fs::directory_iterator(Path())) files.push_back(entry.path());
    return files;
  }
  std::string Bytes(const fs::path& path) const {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  static void Write(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }
  static bool Absent(const FileStore& store, absl::string_view key) {
    return store.Get(key).status().code() == absl::StatusCode::kNotFound;
  }

  TempDirectory directory_;
};

TEST_F(FileStoreTest, KeepsAnyBytesAcrossOpenings) {
  const std::string value("\0\xff\n value \0", 11), key("key \0 of any bytes\n", 19);
  ASSERT_TRUE(Open().Put(key, value).ok());
  ASSERT_TRUE(Open().Put("empty", "").ok());
  EXPECT_EQ(Open().Get(key).value(), value);
  EXPECT_EQ(Open().Get("empty").value(), "");
  EXPECT_TRUE(Absent(Open(), "key"));
}

TEST_F(FileStoreTest, TheLastValueCounts) {
  const FileStore store = Open();
  ASSERT_TRUE(store.Put("k", "first, and longer").ok());
  ASSERT_TRUE(store.Put("k", "second").ok());
  EXPECT_EQ(store.Get("k").value(), "second");
  EXPECT_THAT(Files(), SizeIs(1));
}

TEST_F(FileStoreTest, ADamagedEntryIsNotThere) {
  const FileStore store = Open();
  ASSERT_TRUE(store.Put("some key", "some value").ok());
  const fs::path file = Files()[0];
  const std::string good = Bytes(file);
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x20);
    Write(file, bad);
    EXPECT_TRUE(Absent(store, "some key")) << "byte " << at;
    Write(file, good.substr(0, at));
    EXPECT_TRUE(Absent(store, "some key")) << "cut at " << at;
  }
  Write(file, good + "x");
  EXPECT_TRUE(Absent(store, "some key"));
  ASSERT_TRUE(store.Put("some key", "again").ok());
  EXPECT_EQ(store.Get("some key").value(), "again");
}

TEST_F(FileStoreTest, AnEntryOfAnotherKeyIsNotTaken) {
  const FileStore store = Open();
  ASSERT_TRUE(store.Put("a", "value of a").ok());
  const fs::path a = Files()[0];
  ASSERT_TRUE(store.Put("b", "value of b").ok());
  for (const fs::path& file : Files()) {
    if (file != a) Write(file, Bytes(a));
  }
  EXPECT_TRUE(Absent(store, "b"));
  EXPECT_EQ(store.Get("a").value(), "value of a");
}

TEST_F(FileStoreTest, WhatWasUsedLongestAgoGoesFirst) {
  const std::string value(1000, 'v');
  const FileStore store = Open(3500);
  std::set<fs::path> known;
  int hours = 9;
  for (const char* key : {"a", "b", "c"}) {  // Used nine, eight and seven hours ago.
    ASSERT_TRUE(store.Put(key, value).ok());
    for (const fs::path& file : Files()) {
      if (known.insert(file).second)
        fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(hours));
    }
    --hours;
  }
  ASSERT_TRUE(store.Get("a").ok());  // Now.
  ASSERT_TRUE(store.Put("d", value).ok());
  EXPECT_TRUE(Absent(store, "b"));
  for (const char* key : {"a", "c", "d"}) EXPECT_TRUE(store.Get(key).ok()) << key;
}

// Dates of files are coarser than the time between these calls.
TEST_F(FileStoreTest, WhatWasJustPutStays) {
  const FileStore store = Open(1500);
  for (int round = 0; round < 50; ++round) {
    const std::string older = std::to_string(2 * round), newer = std::to_string(2 * round + 1);
    ASSERT_TRUE(store.Put(older, std::string(1000, 'o')).ok());
    EXPECT_TRUE(store.Get(older).ok()) << round;
    ASSERT_TRUE(store.Put(newer, std::string(1000, 'n')).ok());
    EXPECT_TRUE(store.Get(newer).ok()) << round;
    EXPECT_TRUE(Absent(store, older)) << round;
  }
}

// A clock that was set back leaves entries of the future.
TEST_F(FileStoreTest, AnEntryOfTheFutureDoesNotKeepOthersOut) {
  const FileStore store = Open(1500);
  ASSERT_TRUE(store.Put("future", std::string(1000, 'f')).ok());
  fs::last_write_time(Files()[0], fs::file_time_type::clock::now() + std::chrono::hours(9));
  ASSERT_TRUE(store.Put("now", std::string(1000, 'n')).ok());
  EXPECT_TRUE(store.Get("now").ok());
  EXPECT_TRUE(Absent(store, "future"));
}

TEST_F(FileStoreTest, AnEntryThatNeverFitsIsRefusedAndNothingIsLost) {
  const FileStore store = Open(500);
  ASSERT_TRUE(store.Put("a", "small").ok());
  EXPECT_EQ(store.Put("b", std::string(1000, 'x')).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(store.Get("a").value(), "small");
  EXPECT_EQ(FileStore::Open(Path(), 0).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(FileStoreTest, ForeignFilesStayAndStaleTemporariesGo) {
  Open();
  const fs::path foreign = fs::path(Path()) / "notes.txt", stale = fs::path(Path()) / "x.tmp",
                 fresh = fs::path(Path()) / "y.tmp";
  for (const fs::path& path : {foreign, stale, fresh}) Write(path, std::string(5000, 'n'));
  fs::last_write_time(stale, fs::file_time_type::clock::now() - std::chrono::hours(2));
  const FileStore store = Open(1000);
  ASSERT_TRUE(store.Put("a", std::string(800, 'a')).ok());
  ASSERT_TRUE(store.Put("b", std::string(800, 'b')).ok());
  EXPECT_TRUE(fs::exists(foreign));
  EXPECT_FALSE(fs::exists(stale));
  EXPECT_TRUE(fs::exists(fresh));
}

TEST_F(FileStoreTest, ADirectoryThatCannotBeIsAnError) {
  Write(directory_.File("file"), "not a directory");
  EXPECT_FALSE(FileStore::Open(directory_.File("file/below"), 1000).ok());
}

TEST_F(FileStoreTest, ADirectoryThatMayNotBeWrittenIsAnError) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write anywhere";
  Open();
  fs::permissions(Path(), fs::perms::owner_read | fs::perms::owner_exec);
  const absl::Status status = FileStore::Open(Path(), 1000).status();
  fs::permissions(Path(), fs::perms::owner_all);
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()), HasSubstr(Path()));
}

TEST_F(FileStoreTest, AFailedPutIsAnErrorAndLeavesNothing) {
  const FileStore store = Open();
  ASSERT_TRUE(store.Put("k", "value").ok());
  const fs::path file = Files()[0];
  fs::remove(file);
  fs::create_directories(file / "in the way");
  const absl::Status status = store.Put("k", "other");
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr(file.string()));
  EXPECT_TRUE(Absent(store, "k"));
  EXPECT_THAT(Files(), ElementsAre(file));

  fs::remove_all(Path());
  EXPECT_FALSE(store.Put("k", "other").ok());
  EXPECT_TRUE(Absent(store, "k"));
}

TEST_F(FileStoreTest, ReadersSeeWholeValuesWhileTheyChange) {
  const FileStore store = Open();
  ASSERT_TRUE(store.Put("k", std::string(100, 'a')).ok());
  const std::jthread writer([this] {
    for (size_t i = 0; i < 40; ++i)
      EXPECT_TRUE(Open().Put("k", std::string(100 + i % 3 * 5000, static_cast<char>('a' + i % 3))).ok());
  });
  for (int i = 0; i < 200; ++i) {
    const absl::StatusOr<std::string> value = store.Get("k");
    ASSERT_TRUE(value.ok()) << value.status();
    EXPECT_EQ(*value, std::string(100 + static_cast<size_t>((*value)[0] - 'a') * 5000, (*value)[0]));
  }
}

TEST_F(FileStoreTest, WritersAtTheSameTimeLeaveOneWholeValue) {
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 4; ++writer) {
    writers.emplace_back([this, writer] {
      const FileStore store = Open();
      for (int i = 0; i < 20; ++i)
        EXPECT_TRUE(
            store.Put("k", std::string(static_cast<size_t>(100 + writer * 1000), static_cast<char>('a' + writer)))
                .ok());
    });
  }
  for (std::thread& writer : writers) writer.join();
  const std::string value = Open().Get("k").value();
  EXPECT_EQ(value, std::string(value.size(), value[0]));
  EXPECT_EQ(value.size(), static_cast<size_t>(100 + (value[0] - 'a') * 1000));
  EXPECT_THAT(Files(), SizeIs(1));
}

}  // namespace
}  // namespace metronome
