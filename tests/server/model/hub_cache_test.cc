#include "server/model/hub_cache.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/files/regular_file.h"
#include "server/model/hub_cache_root.h"
#include "tests/temp_directory.h"

namespace metronome::server {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using ::testing::HasSubstr;

// What hub_cache.py recorded of huggingface_hub and transformers.
class HubCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto text = ReadRegularFile(std::string(METRONOME_GOLDEN_DIR) + "/checkpoints/hub_cache.json", 1 << 20);
    ASSERT_TRUE(text.ok()) << text.status();
    golden_ = Json::parse(*text);
  }

  std::string Commit(size_t number) const { return golden_["commits"][number]; }
  std::string Name(size_t number) const { return golden_["files"][number]; }

  // With commits in place of "$0", "$1" and "$2".
  std::string Spell(const std::string& text) const {
    return absl::StrReplaceAll(text, {{"$0", Commit(0)}, {"$1", Commit(1)}, {"$2", Commit(2)}});
  }

  static void Write(const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }

  // As build() in hub_cache.py.
  void Build(const fs::path& folder, const Json& entries) const {
    fs::create_directories(folder);
    for (size_t i = 0; i < entries.size(); ++i) {
      const std::string entry = entries[i];
      if (entry[0] == 'r') {
        const size_t equals = entry.find('=');
        Write(folder / "refs" / Spell(entry.substr(1, equals - 1)), Spell(entry.substr(equals + 1)));
        continue;
      }
      const fs::path snapshot = folder / "snapshots" / Commit(static_cast<size_t>(entry[1] - '0'));
      if (entry.size() == 2) {
        fs::create_directories(snapshot);
        continue;
      }
      const std::string name = Name(static_cast<size_t>(entry[3] - '0'));
      if (entry[0] == 'n') {
        Write(folder / ".no_exist" / snapshot.filename() / name, "");
        continue;
      }
      const fs::path place = snapshot / name;
      fs::create_directories(place.parent_path());
      if (entry[4] == 'F') Write(place, name);
      if (entry[4] == 'D') fs::create_directory(place);
      if (entry[4] != 'L' && entry[4] != 'I') continue;
      Write(folder / "blobs" / absl::StrCat(i, entry[4] == 'I' ? ".incomplete" : ""), name);
      fs::create_symlink(absl::StrCat(name.find('/') == std::string::npos ? "" : "../", "../../blobs/", i), place);
    }
  }

  Json golden_;
};

TEST_F(HubCacheTest, FilesAreFoundWhereTransformersFindsThem) {
  int found = 0;
  for (const Json& layout : golden_["layouts"]) {
    const TempDirectory cache;
    Build(fs::path(cache.path()) / "models--org--name", layout["entries"]);
    for (const auto& [revision, expected] : layout["found"].items()) {
      SCOPED_TRACE(absl::StrCat(layout["entries"].dump(), " ", revision));
      const auto snapshot = HubSnapshot::Find(cache.path(), {.repository = "org/name", .revision = Spell(revision)});
      std::string commits;
      for (size_t file = 0; file < golden_["files"].size(); ++file) {
        size_t commit = 0;
        const bool there = snapshot.ok() && snapshot->Has(Name(file));
        while (there && snapshot->directory().find(Commit(commit)) == std::string::npos) ++commit;
        absl::StrAppend(&commits, there ? absl::StrCat(commit) : "-");
      }
      EXPECT_EQ(commits, expected.get<std::string>());
      found += commits != "----";
    }
  }
  EXPECT_GT(found, 300);
}

TEST_F(HubCacheTest, TheCacheIsWhereTheEnvironmentSays) {
  for (const Json& one : golden_["environments"]) {
    const Environment environment = [&](const std::string& name) -> std::optional<std::string> {
      for (const Json& variables : {one[0], golden_["shared"]}) {
        if (variables.contains(name)) return variables[name].get<std::string>();
      }
      return std::nullopt;
    };
    // Without HOME the account's own directory counts, which was root's where this was recorded.
    if (!one[0].contains("HOME") && getuid() != 0) continue;
    EXPECT_EQ(HubCacheRoot(environment), one[1].get<std::string>()) << one[0].dump();
  }
}

TEST_F(HubCacheTest, RepositoriesAreThoseThatTheHubAllows) {
  for (const auto& [name, valid] : golden_["repositories"].items()) {
    if (name.find('@') != std::string::npos) continue;  // Ours: a revision follows.
    EXPECT_EQ(HubId::Parse(name).has_value(), valid.get<bool>()) << name;
  }
}

TEST(HubIdTest, ARevisionFollowsAnAtSign) {
  EXPECT_EQ(HubId::Parse("org/name")->revision, "main");
  EXPECT_EQ(HubId::Parse("org/name@v1.0")->revision, "v1.0");
  EXPECT_EQ(HubId::Parse("org/name@refs/pr/3")->repository, "org/name");
  EXPECT_EQ(HubId::Parse("org/name@refs/pr/3")->revision, "refs/pr/3");
  for (const char* text : {"org/name@", "org/name@../../x", "org/name@/etc", "org/name@a//b", "org/name@a/..", "@main"})
    EXPECT_FALSE(HubId::Parse(text).has_value()) << text;
}

// A ref is a file that anybody may have written: a path in it must not lead out of the snapshots.
TEST(HubSnapshotTest, ARefThatIsAPathFindsNothing) {
  const TempDirectory cache;
  const fs::path storage = fs::path(cache.path()) / "models--o--n";
  fs::create_directories(storage / "refs");
  fs::create_directories(storage / "snapshots" / "x");
  fs::create_directories(fs::path(cache.path()) / "outside");
  for (const char* text : {"../../outside", "x/..", ".", "..", "", "/tmp"}) {
    std::ofstream(storage / "refs" / "main") << text;
    const absl::Status status = HubSnapshot::Find(cache.path(), {.repository = "o/n"}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("no snapshot of o/n@main"));
  }
}

}  // namespace
}  // namespace metronome::server
